"""The parts of `scripts/bench archive`: a village, and what is asked, rebuilt and written."""
