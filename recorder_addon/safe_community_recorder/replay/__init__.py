"""Footage looked at again: what would have been seen with other settings, and how that is drawn."""
