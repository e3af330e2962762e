"""What the eye of the recorder sees, and what it costs."""
