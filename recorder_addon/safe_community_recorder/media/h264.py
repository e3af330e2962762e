"""H.264 (ITU-T H.264, ISO/IEC 14496-15): NAL units, parameter sets and the avcC record."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

START_CODE = b"\x00\x00\x00\x01"

NAL_SLICE = 1
NAL_IDR = 5
NAL_SEI = 6
NAL_SPS = 7
NAL_PPS = 8
NAL_ACCESS_UNIT_DELIMITER = 9

_PROFILES_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


class BitstreamError(ValueError):
    """The bytes are not the H.264 they claim to be."""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a decoder has to know before the first picture. `width` and `height` in pixels, after cropping."""

    codec: str
    width: int
    height: int
    sps: bytes
    pps: bytes


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture: its NAL units, its times in 1/90000 s of the camera's clock, and its arrival in UTC."""

    nals: tuple[bytes, ...]
    pts_90k: int
    dts_90k: int
    is_key: bool
    arrival_us: int
    video: VideoFormat


def nal_type(nal: bytes) -> int:
    """nal_unit_type (H.264 §7.3.1)."""
    return nal[0] & 0x1F


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
    """NAL units as a sample of an MP4 file: each behind its 32-bit length (ISO/IEC 14496-15 §5.3.2)."""
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


def video_format(sps: bytes, pps: bytes) -> VideoFormat:
    """The format that a sequence and a picture parameter set announce. Raises BitstreamError."""
    width, height = picture_size(sps)
    return VideoFormat("h264", width, height, sps, pps)


def parameter_sets(nals: Sequence[bytes]) -> tuple[bytes | None, bytes | None]:
    """The last sequence and the last picture parameter set among the NAL units."""
    sps = pps = None
    for nal in nals:
        kind = nal_type(nal)
        if kind == NAL_SPS:
            sps = nal
        elif kind == NAL_PPS:
            pps = nal
    return sps, pps


def decoder_configuration(video: VideoFormat) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1) with one parameter set of each kind."""
    return b"".join(
        (
            b"\x01",
            video.sps[1:4],
            b"\xff\xe1",
            len(video.sps).to_bytes(2),
            video.sps,
            b"\x01",
            len(video.pps).to_bytes(2),
            video.pps,
        )
    )


def read_decoder_configuration(record: bytes) -> VideoFormat:
    """The inverse of `decoder_configuration`. Raises BitstreamError."""
    try:
        size = int.from_bytes(record[6:8])
        sps = record[8 : 8 + size]
        position = 8 + size + 1
        size = int.from_bytes(record[position : position + 2])
        pps = record[position + 2 : position + 2 + size]
        if record[0] != 1 or len(pps) != size or not pps:
            raise BitstreamError("not an AVCDecoderConfigurationRecord")
    except IndexError as error:
        raise BitstreamError("the AVCDecoderConfigurationRecord is cut short") from error
    return video_format(sps, pps)


class _Bits:
    """Reads an RBSP bit by bit (H.264 §7.2 and §9.1)."""

    def __init__(self, payload: bytes) -> None:
        unescaped = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(unescaped)
        self._left = len(unescaped) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise BitstreamError("the sequence parameter set is cut short")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise BitstreamError("an Exp-Golomb code of more than 32 bits")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels after cropping (H.264 §7.3.2.1.1). Raises BitstreamError."""
    if len(sps) < 4 or nal_type(sps) != NAL_SPS:
        raise BitstreamError("not a sequence parameter set")
    bits = _Bits(sps[1:])
    profile = bits.take(8)
    bits.take(16)
    bits.unsigned()
    chroma_format = 1
    if profile in _PROFILES_WITH_CHROMA_FORMAT:
        chroma_format = _skip_chroma(bits)
    bits.unsigned()
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()
    elif order_type == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
    bits.unsigned()
    bits.take(1)
    width_mbs = bits.unsigned() + 1
    height_units = bits.unsigned() + 1
    frame_only = bits.take(1)
    if not frame_only:
        bits.take(1)
    bits.take(1)
    crop_x = 2 if chroma_format in (1, 2) else 1
    crop_y = (2 if chroma_format == 1 else 1) * (2 - frame_only)
    left = right = top = bottom = 0
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
    width = width_mbs * 16 - (left + right) * crop_x
    height = height_units * 16 * (2 - frame_only) - (top + bottom) * crop_y
    if not (0 < width <= 16384 and 0 < height <= 16384):
        raise BitstreamError(f"a picture of {width}×{height} pixels")
    return width, height


def _skip_chroma(bits: _Bits) -> int:
    """Reads on to behind the scaling matrices and returns chroma_format_idc."""
    chroma_format = bits.unsigned()
    if chroma_format == 3:
        bits.take(1)
    bits.unsigned()
    bits.unsigned()
    bits.take(1)
    if bits.take(1):
        for index in range(8 if chroma_format != 3 else 12):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma_format


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
