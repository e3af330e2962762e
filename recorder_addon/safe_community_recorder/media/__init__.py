"""Bytes and boxes: H.264, fragmented MP4, the virtual MP4, MPEG-TS, JPEG. Knows no camera and no disk layout."""
