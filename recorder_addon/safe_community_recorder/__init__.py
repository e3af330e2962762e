"""Safe Community recorder: records cameras without re-encoding, watches them, plays footage back."""

__version__ = "0.1.0"
