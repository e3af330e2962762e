"""H.264 and H.265 behind one face: what differs between them, and how a stream's format is known from its NAL units."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from . import h264, h265
from .bits import BitstreamError
from .video import CodecName, Role, VideoFormat

# Sets are a few hundred bytes, and a stream has two to four of them. More is damage, and a configuration record could
# not hold it: 16-bit lengths, 5 bits for how many (ISO/IEC 14496-15 §5.3.3.1).
LONGEST_SET_BYTES = 8 << 10
_MOST_SETS = 31


class SequenceParameters(Protocol):
    """What every codec's sequence parameter set says."""

    @property
    def width(self) -> int:
        """Of a picture, in pixels, after cropping."""
        ...

    @property
    def height(self) -> int:
        """Of a picture, in pixels, after cropping."""
        ...

    @property
    def reordered(self) -> int:
        """How many pictures may be decoded before one that is shown before them."""
        ...


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec's names, in this project, in libav and in MP4; its sorts of NAL units; its configuration record.

    `parameter_kinds` is how many sorts of parameter sets a decoder needs; `delimiter` a whole access unit delimiter.
    """

    name: CodecName
    libav_name: str
    sample_entry: bytes
    record: bytes
    delimiter: bytes
    parameter_kinds: int
    unstored: frozenset[int]
    nal_type: Callable[[bytes], int]
    parameter_set_key: Callable[[bytes], tuple[int, int] | None]
    sps_type: int
    sequence_parameters: Callable[[bytes], SequenceParameters]
    role: Callable[[bytes], Role]
    begins_group: Callable[[bytes], bool]
    write_record: Callable[[Iterable[bytes]], bytes]
    read_record: Callable[[bytes], tuple[bytes, ...]]

    def stored(self, nals: Iterable[bytes]) -> tuple[bytes, ...]:
        """What of an access unit goes into a file: neither parameter sets, which the file has once, nor delimiters."""
        return tuple([nal for nal in nals if self.nal_type(nal) not in self.unstored])

    def sequence(self, parameter_sets: Sequence[bytes]) -> SequenceParameters:
        """What the last sequence parameter set says. Raises BitstreamError."""
        for nal in reversed(parameter_sets):
            if self.nal_type(nal) == self.sps_type:
                return self.sequence_parameters(nal)
        raise BitstreamError("no sequence parameter set")


H264 = Codec(
    "h264",
    "h264",
    b"avc1",
    b"avcC",
    b"\x09\xf0",
    2,
    frozenset({h264.NAL_SPS, h264.NAL_PPS, h264.NAL_ACCESS_UNIT_DELIMITER}),
    h264.nal_type,
    h264.parameter_set_key,
    h264.NAL_SPS,
    h264.sequence_parameters,
    h264.role,
    h264.begins_group,
    h264.decoder_configuration,
    h264.read_decoder_configuration,
)
H265 = Codec(
    "h265",
    "hevc",
    b"hvc1",
    b"hvcC",
    b"\x46\x01\x50",
    3,
    frozenset({h265.NAL_VPS, h265.NAL_SPS, h265.NAL_PPS, h265.NAL_ACCESS_UNIT_DELIMITER}),
    h265.nal_type,
    h265.parameter_set_key,
    h265.NAL_SPS,
    h265.sequence_parameters,
    h265.role,
    h265.begins_group,
    h265.decoder_configuration,
    h265.read_decoder_configuration,
)
CODECS: dict[CodecName, Codec] = {codec.name: codec for codec in (H264, H265)}


class ParameterSets:
    """The parameter sets of one stream, as they come; a later one replaces that of the same kind and number."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._sets: dict[tuple[int, int], bytes] = {}
        self._newest: list[bytes] = []
        self.video: VideoFormat | None = None

    def take(self, nals: Iterable[bytes]) -> None:
        """Learns from NAL units. `video` is the format then in force, None until it is known. Raises BitstreamError."""
        codec = self._codec
        changed = False
        for nal in nals:
            if codec.nal_type(nal) not in codec.unstored or nal in self._sets.values():
                continue
            if len(nal) > LONGEST_SET_BYTES:
                raise BitstreamError(f"a parameter set of {len(nal)} bytes")
            key = codec.parameter_set_key(nal)
            if key is not None and self._sets.get(key) != nal:
                if key not in self._sets and len(self._sets) == _MOST_SETS:
                    raise BitstreamError(f"more than {_MOST_SETS} parameter sets")
                self._sets[key] = nal
                self._newest.append(nal)
                changed = True
        if changed and len({kind for kind, _ in self._sets}) == codec.parameter_kinds:
            self.video = self._format()

    def _format(self) -> VideoFormat:
        sets = tuple(self._sets[key] for key in sorted(self._sets))
        self._newest = [nal for nal in self._newest if nal in sets]
        sequence = self._codec.sequence(self._newest)
        return VideoFormat(self._codec.name, sequence.width, sequence.height, sets)
