"""The index's tables, as the newest migration leaves them, and bringing a database up to them."""

from importlib.resources import files

import sqlalchemy as sa

REVISION = "3"

METADATA = sa.MetaData()

# Observations that last longer are few, and looked for by themselves.
LONG_US = 3_600_000_000
LONG_LASTING = f"end_us - start_us > {LONG_US}"

RECORDING = sa.Table(
    "recording",
    METADATA,
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("camera_id", sa.String, nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("end_us", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("clock", sa.String, nullable=False, server_default="arrival"),
    sa.Index("recording_by_time", "camera_id", "start_us"),
    sa.Index("recording_by_age", "start_us"),
)

GAP = sa.Table(
    "gap",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera_id", sa.String, nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("end_us", sa.BigInteger),
    sa.Column("cause", sa.String, nullable=False),
    sa.Index("gap_by_time", "camera_id", "start_us"),
)

LOCK = sa.Table(
    "lock",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("camera_id", sa.String, nullable=False),
    sa.Column("start_us", sa.BigInteger, nullable=False),
    sa.Column("end_us", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("expires_us", sa.BigInteger, nullable=False),
    sa.Column("released_us", sa.BigInteger),
)

OBSERVATION = sa.Table(
    "observation",
    METADATA,
    sa.Column("camera_id", sa.String, primary_key=True),
    sa.Column("start_us", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    # "" stands for the whole picture: what is NULL is never the same.
    sa.Column("zone", sa.String, primary_key=True),
    sa.Column("end_us", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("still_us", sa.BigInteger),
    sa.Index("observation_by_age", "start_us", "camera_id", "kind", "zone"),
    sa.Index("observation_by_kind", "kind", "start_us", "camera_id", "zone"),
    sa.Index("observation_long_lasting", "end_us", sqlite_where=sa.text(LONG_LASTING)),
)

CLOCK_EVENT = sa.Table(
    "clock_event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera_id", sa.String, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("by_us", sa.BigInteger, nullable=False),
    sa.Index("clock_event_by_time", "camera_id", "at_us"),
)


class UnknownRevisionError(Exception):
    """The database is not what this program, or an older version of it, has written."""


def upgrade(engine: sa.Engine) -> None:
    """Brings the database to REVISION. Raises SQLAlchemyError and UnknownRevisionError."""
    with engine.begin() as connection:
        revision = None
        if sa.inspect(connection).has_table("alembic_version"):
            revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if revision == REVISION:
            missing = METADATA.tables.keys() - set(sa.inspect(connection).get_table_names())
            if missing:
                raise UnknownRevisionError(f"the index has no table {min(missing)}")
            return
        if revision is not None and (not str(revision).isdigit() or int(revision) > int(REVISION)):
            raise UnknownRevisionError(f"the index has revision {revision}, this program knows {REVISION}")
        # A recorder that starts again should not take the time to load what it seldom needs.
        from alembic import command
        from alembic.config import Config

        configuration = Config()
        configuration.set_main_option("script_location", str(files(__package__) / "migrations"))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, REVISION)
