"""Motion: gray frames in, observations out. Knows no archive."""
