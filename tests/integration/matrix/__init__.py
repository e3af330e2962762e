"""The permission matrix: every person at every door."""
