"""Recording files in memory."""

from safe_community_recorder.media.audio import read_audio_config
from safe_community_recorder.media.cmaf import RecordingFile
from safe_community_recorder.media.reading import read_recording

T0 = 1_795_330_489_123_456  # 2026-11-22, with odd microseconds
AUDIO = read_audio_config(b"\x14\x08")  # AAC LC, 16 kHz, mono


def read(data: bytes) -> RecordingFile:
    """Reads a file that lies in memory; a reader that asks beyond its ends is a defect."""

    def pread(position: int, count: int) -> bytes:
        assert position >= 0
        assert count >= 0
        assert position + count <= len(data)
        return data[position : position + count]

    return read_recording(pread, len(data))
