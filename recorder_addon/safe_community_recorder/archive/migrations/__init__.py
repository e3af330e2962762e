"""The index's steps from version to version, run by Alembic."""
