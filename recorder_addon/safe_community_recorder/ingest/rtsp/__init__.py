"""RTSP 1.0 as cameras speak it, in plain Python: messages, authentication, descriptions, packets."""
