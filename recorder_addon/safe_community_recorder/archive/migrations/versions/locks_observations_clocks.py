"""Locks, observations and clock changes; how a recording's time was got; the oldest footage of all cameras at once."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Adds them."""
    op.add_column("recording", sa.Column("clock", sa.String, nullable=False, server_default="arrival"))
    op.create_index("recording_by_age", "recording", ["start_us"])
    op.create_table(
        "lock",
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
    op.create_table(
        "observation",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera_id", sa.String, nullable=False),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Index("observation_by_time", "camera_id", "start_us"),
    )
    op.create_table(
        "clock_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera_id", sa.String, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("by_us", sa.BigInteger, nullable=False),
        sa.Index("clock_event_by_time", "camera_id", "at_us"),
    )
