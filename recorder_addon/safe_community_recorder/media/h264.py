"""H.264 (ITU-T H.264, ISO/IEC 14496-15 §5): NAL unit types, parameter sets and the avcC record."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from .bits import BitReader, BitstreamError, unescaped
from .video import Role

NAL_SLICE = 1
NAL_IDR = 5
NAL_SEI = 6
NAL_SPS = 7
NAL_PPS = 8
NAL_ACCESS_UNIT_DELIMITER = 9

_PROFILES_WITH_CHROMA_FORMAT = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_PROFILES_WITHOUT_EXTENSION = frozenset({66, 77, 88})
_BASELINE = 66
_RECOVERY_POINT = 6
_GOES_ON = 0xFF
_SHOWN_AS_DECODED = 2
_MOST_REORDERED = 16
_ROLES = (
    *(Role.INVALID, Role.FIRST_SLICE, Role.FIRST_SLICE, Role.SLICE, Role.SLICE, Role.FIRST_SLICE),
    *[Role.PREFIX] * 4,
    *[Role.SUFFIX] * 3,
    *[Role.PREFIX] * 6,
    *[Role.SUFFIX] * 5,
    *[Role.INVALID] * 8,
)


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """What of a sequence parameter set is of use here. `width` and `height` in pixels, after cropping.

    `reordered` is how many pictures may be decoded before one that is shown before them; 0 where nothing is said.
    """

    number: int
    chroma_format: int
    luma_bits: int
    chroma_bits: int
    width: int
    height: int
    reordered: int


def nal_type(nal: bytes) -> int:
    """nal_unit_type (H.264 §7.3.1)."""
    return nal[0] & 0x1F


def role(nal: bytes) -> Role:
    """Where a NAL unit stands in its access unit (H.264 §7.4.1.2.3); its first two bytes are enough."""
    found = _ROLES[nal[0] & 0x1F]
    # first_mb_in_slice, a ue(v), is 0 where its first bit is 1.
    return Role.SLICE if found is Role.FIRST_SLICE and not (len(nal) > 1 and nal[1] & 0x80) else found


def begins_group(nal: bytes) -> bool:
    """True for what makes its picture one to begin with: an IDR slice, or a recovery point (H.264 §D.2.8)."""
    kind = nal[0] & 0x1F
    return kind == NAL_IDR or (kind == NAL_SEI and _RECOVERY_POINT in _message_kinds(nal[1:]))


def _message_kinds(payload: bytes) -> list[int]:
    """The kinds of the messages in supplemental enhancement information (H.264 §7.3.2.3)."""
    kinds = []
    values = [0, 0]
    which = position = 0
    while position < len(payload):
        values[which] += payload[position]
        if payload[position] != _GOES_ON:
            if which:
                kinds.append(values[0])
                position += values[1]
                values = [0, 0]
            which ^= 1
        position += 1
    return kinds


def parameter_set_key(nal: bytes) -> tuple[int, int] | None:
    """Order of its kind and number of a parameter set; None for any other NAL unit. Raises BitstreamError."""
    kind = nal_type(nal)
    if kind == NAL_SPS:
        return 0, BitReader(unescaped(nal[4:])).unsigned()
    if kind == NAL_PPS:
        return 1, BitReader(unescaped(nal[1:])).unsigned()
    return None


def decoder_configuration(parameter_sets: Iterable[bytes]) -> bytes:
    """AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1). Raises BitstreamError."""
    sequence = [nal for nal in parameter_sets if nal_type(nal) == NAL_SPS]
    picture = [nal for nal in parameter_sets if nal_type(nal) == NAL_PPS]
    if not (0 < len(sequence) < 32 and 0 < len(picture) < 256):
        raise BitstreamError(f"{len(sequence)} sequence and {len(picture)} picture parameter sets")
    record = [b"\x01", sequence[0][1:4], b"\xff", (0xE0 | len(sequence)).to_bytes()]
    record += [part for nal in sequence for part in (len(nal).to_bytes(2), nal)]
    record.append(len(picture).to_bytes())
    record += [part for nal in picture for part in (len(nal).to_bytes(2), nal)]
    if sequence[0][1] not in _PROFILES_WITHOUT_EXTENSION:
        values = sequence_parameters(sequence[0])
        record.append(bytes((0xFC | values.chroma_format, 0xF8 | values.luma_bits - 8, 0xF8 | values.chroma_bits - 8)))
        record.append(b"\x00")
    return b"".join(record)


def read_decoder_configuration(record: bytes) -> tuple[bytes, ...]:
    """The parameter sets of an AVCDecoderConfigurationRecord. Raises BitstreamError."""
    try:
        if record[0] != 1 or record[4] & 3 != 3:
            raise BitstreamError("an AVCDecoderConfigurationRecord with lengths of 4 bytes was expected")
        nals: list[bytes] = []
        position = 5
        for mask in (0x1F, 0xFF):
            count = record[position] & mask
            position += 1
            for _ in range(count):
                size = int.from_bytes(record[position : position + 2])
                nals.append(record[position + 2 : position + 2 + size])
                position += 2 + size
                if size == 0 or position > len(record):
                    raise BitstreamError("the AVCDecoderConfigurationRecord is cut short")
    except IndexError as error:
        raise BitstreamError("the AVCDecoderConfigurationRecord is cut short") from error
    return tuple(nals)


def sequence_parameters(sps: bytes) -> SequenceParameters:
    """A sequence parameter set, as far as the picture's size (H.264 §7.3.2.1.1). Raises BitstreamError."""
    if len(sps) < 4 or nal_type(sps) != NAL_SPS:
        raise BitstreamError("not a sequence parameter set")
    return _read_sequence(BitReader(unescaped(sps[1:])))


def _read_sequence(bits: BitReader) -> SequenceParameters:
    """Reads as far as the flag before vui_parameters."""
    profile = bits.take(8)
    bits.take(16)
    number = bits.unsigned()
    chroma_format, luma_bits, chroma_bits = 1, 8, 8
    if profile in _PROFILES_WITH_CHROMA_FORMAT:
        chroma_format, luma_bits, chroma_bits = _chroma(bits)
    bits.unsigned()
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()
    elif order_type == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(_at_most(255, bits.unsigned())):
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
    reordered = 0
    if profile != _BASELINE and order_type != _SHOWN_AS_DECODED:
        # Cameras break off here, and nobody misses it.
        with suppress(BitstreamError):
            reordered = _reordered(bits)
    return SequenceParameters(number, chroma_format, luma_bits, chroma_bits, width, height, reordered)


def _reordered(bits: BitReader) -> int:
    """max_num_reorder_frames (H.264 §E.1.1), read from the flag before vui_parameters; 0 where it is not said."""
    if not bits.take(1):
        return 0
    if bits.take(1) and bits.take(8) == 255:
        bits.take(32)
    if bits.take(1):
        bits.take(1)
    if bits.take(1):
        bits.take(4)
        if bits.take(1):
            bits.take(24)
    if bits.take(1):
        bits.unsigned()
        bits.unsigned()
    if bits.take(1):
        bits.take(65)
    models = _skip_buffer_model(bits) + _skip_buffer_model(bits)
    bits.take(2 if models else 1)
    if not bits.take(1):
        return 0
    bits.take(1)
    for _ in range(4):
        bits.unsigned()
    return min(bits.unsigned(), _MOST_REORDERED)


def _skip_buffer_model(bits: BitReader) -> bool:
    """hrd_parameters (H.264 §E.1.2), with the flag before them: whether there are any."""
    if not bits.take(1):
        return False
    count = _at_most(31, bits.unsigned()) + 1
    bits.take(8)
    for _ in range(count):
        bits.unsigned()
        bits.unsigned()
        bits.take(1)
    bits.take(20)
    return True


def _at_most(most: int, count: int) -> int:
    """A count within its limit. Raises BitstreamError."""
    if count > most:
        raise BitstreamError(f"{count} where no more than {most} can be")
    return count


def _chroma(bits: BitReader) -> tuple[int, int, int]:
    """chroma_format_idc and the bits of luma and chroma; reads on to behind the scaling matrices."""
    chroma_format = bits.unsigned()
    if chroma_format == 3:
        bits.take(1)
    luma_bits = 8 + bits.unsigned()
    chroma_bits = 8 + bits.unsigned()
    if chroma_format > 3 or luma_bits > 14 or chroma_bits > 14:
        raise BitstreamError(f"chroma format {chroma_format} with {luma_bits} and {chroma_bits} bits")
    bits.take(1)
    if bits.take(1):
        for index in range(8 if chroma_format != 3 else 12):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma_format, luma_bits, chroma_bits


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last
