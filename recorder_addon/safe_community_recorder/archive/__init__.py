"""Footage on disk: recording files, their index, gaps, retention and recovery."""
