"""Bytes and boxes: H.264, H.265, AAC, fragmented MP4, the virtual MP4, MPEG-TS, JPEG. Knows no camera and no disk."""
