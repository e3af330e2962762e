"""Bytes and boxes: H.264, H.265 and AAC, fragmented MP4, the virtual MP4, MPEG-TS, JPEG. Knows no camera, no disk layout."""
