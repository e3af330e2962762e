"""Recording files and gaps: the index of version 0.1, which did not number its steps yet."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision: str | None = None


def upgrade() -> None:
    """Makes the two tables where they are not there already."""
    if sa.inspect(op.get_bind()).has_table("recording"):
        return
    op.create_table(
        "recording",
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("camera_id", sa.String, nullable=False),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("end_us", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Index("recording_by_time", "camera_id", "start_us"),
    )
    op.create_table(
        "gap",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("camera_id", sa.String, nullable=False),
        sa.Column("start_us", sa.BigInteger, nullable=False),
        sa.Column("end_us", sa.BigInteger),
        sa.Column("cause", sa.String, nullable=False),
        sa.Index("gap_by_time", "camera_id", "start_us"),
    )
