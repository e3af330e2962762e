"""What H.264 and H.265 share: formats, coded pictures, and the two framings of NAL units."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, NamedTuple

from .audio import AudioFormat, AudioUnit
from .bits import BitstreamError

START_CODE = b"\x00\x00\x00\x01"

type CodecName = Literal["h264", "h265"]


class Role(Enum):
    """What a NAL unit is in its access unit."""

    PREFIX = auto()
    """Stands before a picture: behind a picture it begins the next access unit."""
    FIRST_SLICE = auto()
    """A picture begins."""
    SLICE = auto()
    """A picture goes on."""
    SUFFIX = auto()
    """Belongs to what stands before it."""
    INVALID = auto()
    """No NAL unit that may stand in a stream."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a decoder has to know before the first picture.

    `width` and `height` in pixels, after cropping; `parameter_sets` are NAL units in the order in which a decoder
    wants them: SPS, PPS for H.264; VPS, SPS, PPS for H.265.
    """

    codec: CodecName
    width: int
    height: int
    parameter_sets: tuple[bytes, ...]


class AccessUnit(NamedTuple):
    """One coded picture and its times in 1/90000 s of the camera's clock.

    `data` is a sample of an MP4 file: each NAL unit behind its 32-bit length, neither parameter sets nor delimiters.
    `arrival_us` is on the host's steady clock (clock.steady_us); `sender_us` is UTC of its capture as the camera says
    it (RTCP sender reports), None if it does not. `audio` is the format of the sound that comes with the pictures, if
    it is wanted; `audio_units` are those that have come since the picture before, on the same clock. `lost_packets`
    counts what of the stream was lost since the picture before: this one may be damaged, or others missing before it.
    """

    data: bytes
    pts_90k: int
    dts_90k: int
    is_key: bool
    arrival_us: int
    video: VideoFormat
    sender_us: int | None = None
    audio: AudioFormat | None = None
    audio_units: tuple[AudioUnit, ...] = ()
    lost_packets: int = 0

    @property
    def nals(self) -> tuple[bytes, ...]:
        """Its NAL units, without their lengths."""
        return tuple(split_length_prefixed(self.data))

    @property
    def size_bytes(self) -> int:
        """Bytes of the picture and of the sound that comes with it."""
        heard = sum([len(unit.data) for unit in self.audio_units]) if self.audio_units else 0
        return len(self.data) + heard


def split_annexb(data: bytes) -> list[bytes]:
    """The NAL units of an Annex B byte stream, without start codes and trailing zero bytes."""
    nals = []
    start = data.find(b"\x00\x00\x01")
    while start >= 0:
        start += 3
        end = data.find(b"\x00\x00\x01", start)
        nal = (data[start:] if end < 0 else data[start:end]).rstrip(b"\x00")
        if nal:
            nals.append(nal)
        start = end
    return nals


def join_annexb(nals: Iterable[bytes]) -> bytes:
    """An Annex B byte stream of NAL units."""
    return b"".join(part for nal in nals for part in (START_CODE, nal))


def length_prefixed(nals: Iterable[bytes]) -> bytes:
    """NAL units as a sample of an MP4 file: each behind its 32-bit length (ISO/IEC 14496-15 §4.3.2)."""
    return b"".join(part for nal in nals for part in (len(nal).to_bytes(4), nal))


def split_length_prefixed(sample: bytes) -> list[bytes]:
    """The NAL units of an MP4 sample. Raises BitstreamError when lengths and bytes do not fit."""
    nals = []
    position = 0
    while position < len(sample):
        size = int.from_bytes(sample[position : position + 4])
        position += 4
        if size == 0 or position + size > len(sample):
            raise BitstreamError(f"a NAL unit of {size} bytes does not fit into the sample's {len(sample)}")
        nals.append(sample[position : position + size])
        position += size
    return nals
