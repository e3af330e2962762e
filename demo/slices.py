"""Joins separately encoded parts of a picture, one above the other, into one H.264 picture: each part becomes a slice.

Within one H.264 picture slices are decoded independently of each other but for what they predict from the picture
before, so parts that were encoded as pictures of their own fit together if they have the same parameter sets, no
deblocking, no CABAC, and nothing moves across their border. Then a part that does not change need not be encoded again.
Section numbers are ITU-T H.264's. Pure functions from bytes to bytes.
"""

import re
from dataclasses import dataclass

_START = b"\0\0\0\1"
_SLICE, _IDR_SLICE, _SPS, _PPS = 1, 5, 7, 8


@dataclass(frozen=True)
class ParameterSets:
    """Of the whole picture, and what reading its slices needs to know of them."""

    sps: bytes
    pps: bytes
    frame_num_bits: int


def split(access_unit: bytes) -> list[bytes]:
    """The NAL units of a byte stream (annex B)."""
    return [unit.rstrip(b"\0") for unit in re.split(rb"\x00\x00\x01", access_unit) if unit.rstrip(b"\0")]


def parameter_sets(access_unit: bytes) -> ParameterSets:
    """From a baseline keyframe's access unit."""
    units = {unit[0] & 31: unit for unit in split(access_unit)}
    bits = _Bits(_unescape(units[_SPS][1:]), skip=24)
    bits.exp_golomb()  # seq_parameter_set_id
    return ParameterSets(units[_SPS], units[_PPS], bits.exp_golomb() + 4)


def slice_of(access_unit: bytes) -> bytes:
    """The one slice of a picture that was encoded by itself."""
    (found,) = (unit for unit in split(access_unit) if unit[0] & 31 in {_SLICE, _IDR_SLICE})
    return found


def place(unit: bytes, parameters: ParameterSets, first_macroblock: int, idr_pic_id: int) -> bytes:
    """The slice with its place in the picture, and the number of its keyframe if it is one (7.3.3)."""
    bits = _Bits(_unescape(unit[1:]))
    bits.exp_golomb()  # first_mb_in_slice
    kept_from = bits.position
    bits.exp_golomb()  # slice_type
    bits.exp_golomb()  # pic_parameter_set_id
    bits.position += parameters.frame_num_bits
    out, length = 1, 1  # a leading one keeps leading zeros; taken off below
    out, length = _append(out, length, *_exp_golomb(first_macroblock))
    out, length = _append(out, length, *bits.between(kept_from, bits.position))
    if unit[0] & 31 == _IDR_SLICE:
        bits.exp_golomb()
        out, length = _append(out, length, *_exp_golomb(idr_pic_id))
    out, length = _append(out, length, *bits.between(bits.position, bits.stop + 1))
    padding = -(length - 1) % 8
    size = (length - 1 + padding) // 8
    payload = ((out << padding) - (1 << length - 1 + padding)).to_bytes(size, "big")
    return unit[:1] + _escape(payload)


def join(slices: tuple[bytes, ...], parameters: ParameterSets) -> bytes:
    """An access unit; parameter sets go before every keyframe."""
    keyframe = slices[0][0] & 31 == _IDR_SLICE
    units = (parameters.sps, parameters.pps, *slices) if keyframe else slices
    return b"".join(_START + unit for unit in units)


class _Bits:
    """Reads bits of one number, the most significant first."""

    def __init__(self, data: bytes, skip: int = 0) -> None:
        self._number = int.from_bytes(data, "big")
        self._head = data[:64]
        self._length = len(data) * 8
        self.position = skip
        # where the stop bit is, the last one that is set (7.2, rbsp_trailing_bits)
        self.stop = self._length - (self._number & -self._number).bit_length()

    def exp_golomb(self) -> int:
        """ue(v) of 9.1; only from the first 64 bytes."""
        zeros = 0
        while not self._bit(self.position):
            zeros += 1
            self.position += 1
        value = 0
        for _ in range(zeros + 1):
            value = value << 1 | self._bit(self.position)
            self.position += 1
        return value - 1

    def between(self, first: int, last: int) -> tuple[int, int]:
        """The bits from `first` up to `last`, and how many they are."""
        return self._number >> self._length - last & (1 << last - first) - 1, last - first

    def _bit(self, position: int) -> int:
        return self._head[position >> 3] >> 7 - (position & 7) & 1


def _append(number: int, length: int, value: int, bits: int) -> tuple[int, int]:
    return number << bits | value, length + bits


def _exp_golomb(value: int) -> tuple[int, int]:
    return value + 1, 2 * (value + 1).bit_length() - 1


def _unescape(data: bytes) -> bytes:
    return data.replace(b"\0\0\3", b"\0\0")


def _escape(data: bytes) -> bytes:
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", data)
