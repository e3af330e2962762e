"""Cameras in: access units with UTC time, whatever the source; gaps with their cause."""
