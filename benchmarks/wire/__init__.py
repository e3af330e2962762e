"""Cameras on the wire and who records them: the parts of `scripts/bench ingest`."""
