"""Fragmented MP4 of a live stream: one fragment a picture, muxed once however many watch (ISO/IEC 14496-12 §8.8)."""

import struct

from .cmaf import DEPENDENT_SAMPLE, SYNC_SAMPLE, Group, Sample, init_segment
from .live_times import LiveTimes
from .movie import VIDEO_TRACK
from .video import AccessUnit, VideoFormat

# trun: data offset; duration, size, flags and composition offset of each sample.
_RUN = 1 << 24 | 0x000001 | 0x000100 | 0x000200 | 0x000400 | 0x000800
_DATA_IN_MOOF = 0x020000
_FRAGMENT = struct.Struct(">I4s" + "I4sII" + "I4s" + "I4sII" + "I4sIQ" + "I4sIIi" + "IIIi" + "I4s")
_MOOF_BYTES = _FRAGMENT.size - 8


class FragmentedStream:
    """Turns access units of one format into fragments of one MP4 stream.

    A picture goes out when it is there. How long it lasts is not known by then: the duration of the one before is
    written, and the next fragment's own decoding time (tfdt) puts right what that was wrong by.
    """

    def __init__(self, video: VideoFormat) -> None:
        # Without an edit list: whoever joins later does not begin with the first picture.
        self.head = init_segment(Group(video, 0, (Sample(b"", 0, 0),)))
        self._number = 0
        self._times = LiveTimes()

    def mux(self, unit: AccessUnit) -> bytes:
        """moof and mdat of one picture."""
        decoded_90k = self._times.decoding_90k(unit)
        self._number = self._number + 1 & 0xFFFFFFFF
        size = len(unit.data)
        flags = SYNC_SAMPLE if unit.is_key else DEPENDENT_SAMPLE
        head = _FRAGMENT.pack(
            *(_MOOF_BYTES, b"moof"),
            *(16, b"mfhd", 0, self._number),
            *(_MOOF_BYTES - 24, b"traf"),
            *(16, b"tfhd", _DATA_IN_MOOF, VIDEO_TRACK),
            *(20, b"tfdt", 1 << 24, decoded_90k),
            *(36, b"trun", _RUN, 1, _FRAGMENT.size),
            *(self._times.duration_90k, size, flags, unit.pts_90k - unit.dts_90k),
            *(8 + size, b"mdat"),
        )
        return head + unit.data
