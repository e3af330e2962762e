"""Observations with a score, a zone and a still; each there once, and found among those of all cameras."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Makes the table anew with what it held."""
    op.rename_table("observation", "former_observation")
    op.drop_index("observation_by_time", "former_observation")
    op.create_table(
        "observation",
        sa.Column("camera_id", sa.String, primary_key=True),
        sa.Column("start_us", sa.BigInteger, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("zone", sa.String, primary_key=True),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("still_us", sa.BigInteger),
        sa.Index("observation_by_age", "start_us", "camera_id", "kind", "zone"),
        sa.Index("observation_by_kind", "kind", "start_us", "camera_id", "zone"),
        sa.Index("observation_long_lasting", "end_us", sqlite_where=sa.text("end_us - start_us > 3600000000")),
    )
    op.execute(
        "INSERT INTO observation (camera_id, start_us, kind, zone, end_us, score) "
        "SELECT camera_id, start_us, kind, '', MAX(end_us), 1.0 FROM former_observation "
        "GROUP BY camera_id, start_us, kind"
    )
    op.drop_table("former_observation")
