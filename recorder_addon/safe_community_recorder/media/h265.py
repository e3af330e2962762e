"""H.265 (ITU-T H.265, ISO/IEC 14496-15 §8): NAL unit types, parameter sets and the hvcC record."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from .bits import BitReader, BitstreamError, unescaped
from .video import Role

NAL_FIRST_IRAP = 16
NAL_LAST_IRAP = 23
NAL_VPS = 32
NAL_SPS = 33
NAL_PPS = 34
NAL_ACCESS_UNIT_DELIMITER = 35

_ORDER = {NAL_VPS: 0, NAL_SPS: 1, NAL_PPS: 2}
_RECORD_HEAD_BYTES = 23
_LAST_IN_A_STREAM = 47
_BEHIND_PICTURES = frozenset({36, 37, 38, 40, 45, 46, 47})
_MOST_REORDERED = 16


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What of a sequence parameter set is of use here. `width` and `height` in pixels, in the conformance window.

    `profile` are the 12 bytes from general_profile_space to general_level_idc; `reordered` is how many pictures may be
    decoded before one that is shown before them (sps_max_num_reorder_pics of all temporal layers).
    """

    number: int
    profile: bytes
    temporal_layers: int
    temporal_id_nested: int
    chroma_format: int
    luma_bits: int
    chroma_bits: int
    width: int
    height: int
    reordered: int


def nal_type(nal: bytes) -> int:
    """nal_unit_type (H.265 §7.3.1.2)."""
    return nal[0] >> 1 & 0x3F


def role(nal: bytes) -> Role:
    """Where a NAL unit stands in its access unit (H.265 §7.4.2.4.4); its first three bytes are enough."""
    kind = nal[0] >> 1 & 0x3F
    if kind < NAL_VPS:
        return Role.FIRST_SLICE if len(nal) > 2 and nal[2] & 0x80 else Role.SLICE
    if kind > _LAST_IN_A_STREAM:
        return Role.INVALID
    return Role.SUFFIX if kind in _BEHIND_PICTURES else Role.PREFIX


def begins_group(nal: bytes) -> bool:
    """True for a slice of a picture to begin with (H.265 §3, IRAP)."""
    return NAL_FIRST_IRAP <= nal[0] >> 1 & 0x3F <= NAL_LAST_IRAP


def is_random_access(nals: Iterable[bytes]) -> bool:
    """True for a picture at which decoding can begin: IDR, CRA or BLA (H.265 §3, IRAP)."""
    return any(map(begins_group, nals))


def parameter_set_key(nal: bytes) -> tuple[int, int] | None:
    """Order of its kind and number of a parameter set; None for any other NAL unit. Raises BitstreamError."""
    kind = nal_type(nal)
    if kind == NAL_SPS:
        return 1, sequence_parameters(nal).number
    if kind == NAL_VPS:
        return 0, BitReader(nal[2:3]).take(4)
    if kind == NAL_PPS:
        return 2, BitReader(unescaped(nal[2:])).unsigned()
    return None


def decoder_configuration(parameter_sets: Iterable[bytes]) -> bytes:
    """HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1), arrays complete. Raises BitstreamError."""
    arrays: dict[int, list[bytes]] = {kind: [] for kind in _ORDER}
    for nal in parameter_sets:
        arrays[nal_type(nal)].append(nal)
    if not all(arrays.values()):
        raise BitstreamError("VPS, SPS and PPS were expected")
    values = sequence_parameters(arrays[NAL_SPS][0])
    head = (
        b"\x01",
        values.profile,
        b"\xf0\x00\xfc",
        bytes((0xFC | values.chroma_format, 0xF8 | values.luma_bits - 8, 0xF8 | values.chroma_bits - 8)),
        b"\x00\x00",
        (values.temporal_layers << 3 | values.temporal_id_nested << 2 | 3).to_bytes(),
        len(arrays).to_bytes(),
    )
    parts = list(head)
    for kind, nals in arrays.items():
        parts += [(0x80 | kind).to_bytes(), len(nals).to_bytes(2)]
        parts += [part for nal in nals for part in (len(nal).to_bytes(2), nal)]
    return b"".join(parts)


def read_decoder_configuration(record: bytes) -> tuple[bytes, ...]:
    """The parameter sets of an HEVCDecoderConfigurationRecord. Raises BitstreamError."""
    if len(record) < _RECORD_HEAD_BYTES or record[21] & 3 != 3:
        raise BitstreamError("an HEVCDecoderConfigurationRecord with lengths of 4 bytes was expected")
    nals: list[bytes] = []
    position = _RECORD_HEAD_BYTES
    for _ in range(record[22]):
        kind = record[position] & 0x3F if position < len(record) else 0
        count = int.from_bytes(record[position + 1 : position + 3])
        position += 3
        for _ in range(count):
            size = int.from_bytes(record[position : position + 2])
            nal = record[position + 2 : position + 2 + size]
            position += 2 + size
            if size < 2 or position > len(record):
                raise BitstreamError("the HEVCDecoderConfigurationRecord is cut short")
            if kind in _ORDER:
                nals.append(nal)
    return tuple(nals)


def sequence_parameters(sps: bytes) -> SequenceParameters:
    """A sequence parameter set, as far as the order of pictures (H.265 §7.3.2.2.1). Raises BitstreamError."""
    if len(sps) < 2 or nal_type(sps) != NAL_SPS:
        raise BitstreamError("not a sequence parameter set")
    bits = BitReader(unescaped(sps[2:]))
    bits.take(4)
    sub_layers = bits.take(3)
    nested = bits.take(1)
    profile = bits.take(96).to_bytes(12)
    _skip_sub_layers(bits, sub_layers)
    number = bits.unsigned()
    chroma_format = bits.unsigned()
    if chroma_format == 3:
        bits.take(1)
    width, height = bits.unsigned(), bits.unsigned()
    if bits.take(1):
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= (left + right) * (2 if chroma_format in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma_format == 1 else 1)
    luma_bits, chroma_bits = 8 + bits.unsigned(), 8 + bits.unsigned()
    if not (0 < width <= 16384 and 0 < height <= 16384):
        raise BitstreamError(f"a picture of {width}×{height} pixels")
    if chroma_format > 3 or luma_bits > 15 or chroma_bits > 15:
        raise BitstreamError(f"chroma format {chroma_format} with {luma_bits} and {chroma_bits} bits")
    reordered = 0
    with suppress(BitstreamError):
        bits.unsigned()
        for _ in range(sub_layers + 1 if bits.take(1) else 1):
            bits.unsigned()
            reordered = min(bits.unsigned(), _MOST_REORDERED)
            bits.unsigned()
    return SequenceParameters(
        number, profile, sub_layers + 1, nested, chroma_format, luma_bits, chroma_bits, width, height, reordered
    )


def _skip_sub_layers(bits: BitReader, sub_layers: int) -> None:
    """The rest of profile_tier_level (H.265 §7.3.3)."""
    present = [(bits.take(1), bits.take(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.take(2 * (8 - sub_layers))
    for with_profile, with_level in present:
        bits.take(88 * with_profile + 8 * with_level)
