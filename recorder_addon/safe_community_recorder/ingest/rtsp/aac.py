"""AAC in RTP (RFC 3640): payloads to frames of sound. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...media.audio import AudioFormat, AudioUnit, is_adts, split_adts
from ...media.bits import BitReader, BitstreamError

_LONGEST_FRAME_BITS = 16
_MODES = {"aac-lbr": (6, 2, 2), "aac-hbr": (13, 3, 3)}
# Parameters of RFC 3640 §4.1 that would change the layout of a payload; no mode of AAC has them.
_FOREIGN = ("ctsdeltalength", "dtsdeltalength", "randomaccessindication", "streamstateindication")
_FOREIGN_SIZES = ("auxiliarydatasizelength", "constantsize")


@dataclass(frozen=True, slots=True)
class HeaderSizes:
    """Bits of an AU header's fields (RFC 3640 §3.2.1): the frame's size, its index, an index's difference."""

    size: int = 13
    index: int = 3
    index_delta: int = 3


def header_sizes(fmtp: Mapping[str, str]) -> HeaderSizes:
    """The layout of AU headers by a description's parameters (names in small letters): AAC-hbr if they say nothing.

    Raises BitstreamError for layouts that no mode of AAC has.
    """
    foreign = [name for name in (*_FOREIGN, *_FOREIGN_SIZES) if _number(fmtp.get(name), 0)]
    size, index, index_delta = _MODES.get(fmtp.get("mode", "").lower(), _MODES["aac-hbr"])
    sizes = HeaderSizes(
        _number(fmtp.get("sizelength"), size),
        _number(fmtp.get("indexlength"), index),
        _number(fmtp.get("indexdeltalength"), index_delta),
    )
    if foreign or not 0 < sizes.size <= _LONGEST_FRAME_BITS or sizes.index > 16 or sizes.index_delta > 16:
        raise BitstreamError(f"AAC by RFC 3640 with {sizes} and {foreign}")
    return sizes


@dataclass(slots=True)
class _Fragment:
    """A frame of which packets are still to come."""

    rtp_timestamp: int
    size: int
    parts: list[bytes]
    received: int


class AacPackets:
    """Makes frames of sound of RTP payloads, in the order of their sequence numbers.

    `dropped` counts what could not be used: packets with broken AU headers and frames that are not whole. At most one
    frame (64 kB) is kept. Marker bits are not asked for: sizes say where a frame ends.
    """

    def __init__(self, audio: AudioFormat, clock_rate: int, sizes: HeaderSizes) -> None:
        self._audio = audio
        self._clock_rate = clock_rate
        self._sizes = sizes
        self._fragment: _Fragment | None = None
        self.dropped = 0

    def lost(self) -> None:
        """To be told when packets are missing before the next one."""
        if self._fragment is not None:
            self._fragment = None
            self.dropped += 1

    def take(self, payload: bytes, rtp_timestamp: int) -> list[AudioUnit]:
        """The frames that a payload completes, their times in 1/90000 s on the stream's own clock.

        `rtp_timestamp` is unwrapped, in the stream's clock rate. One that is interleaved (RFC 3640 §3.2.3.2) or broken
        is counted and gives nothing.
        """
        try:
            sizes, position = self._frame_sizes(payload)
        except BitstreamError:
            self.dropped += 1
            return []
        if len(sizes) == 1 and sizes[0] and (self._fragment is not None or sizes[0] > len(payload) - position):
            return self._continued(sizes[0], payload[position:], rtp_timestamp)
        self.lost()
        units = []
        for number, size in enumerate(sizes):
            if size == 0 or position + size > len(payload):
                self.dropped += len(sizes) - number
                break
            units.append(self._unit(payload[position : position + size], rtp_timestamp, number))
            position += size
        return units

    def _frame_sizes(self, payload: bytes) -> tuple[list[int], int]:
        """The sizes of the frames in a payload, and where they begin. Raises BitstreamError."""
        bits = int.from_bytes(payload[:2])
        start = 2 + (bits + 7) // 8
        if len(payload) < start:
            raise BitstreamError("AU headers cut short")
        header = BitReader(payload[2:start])
        sizes: list[int] = []
        while True:
            index_bits = self._sizes.index_delta if sizes else self._sizes.index
            if bits < self._sizes.size + index_bits:
                break
            bits -= self._sizes.size + index_bits
            sizes.append(header.take(self._sizes.size))
            # The first index is of no use where nothing is interleaved; some cameras count in it.
            if header.take(index_bits) and len(sizes) > 1:
                raise BitstreamError("interleaved AAC")
        if not sizes:
            raise BitstreamError("no AU header")
        return sizes, start

    def _continued(self, size: int, part: bytes, rtp_timestamp: int) -> list[AudioUnit]:
        """A frame in several packets: each has the whole frame's size and time (RFC 3640 §3.2.3)."""
        fragment = self._fragment
        if fragment is None or (fragment.rtp_timestamp, fragment.size) != (rtp_timestamp, size):
            self.lost()
            fragment = self._fragment = _Fragment(rtp_timestamp, size, [], 0)
        fragment.parts.append(part)
        fragment.received += len(part)
        if fragment.received < size:
            return []
        self._fragment = None
        return [self._unit(b"".join(fragment.parts)[:size], rtp_timestamp, 0)]

    def _unit(self, data: bytes, rtp_timestamp: int, number: int) -> AudioUnit:
        """The frame `number` of a packet."""
        audio = self._audio
        ticks = rtp_timestamp * audio.sample_rate + number * audio.frame_samples * self._clock_rate
        parts = self._clock_rate * audio.sample_rate
        return AudioUnit(_bare(data), (2 * ticks * 90_000 + parts) // (2 * parts))


def _bare(frame: bytes) -> bytes:
    """A frame without the ADTS header that some cameras leave before it."""
    if is_adts(frame):
        try:
            _, frames = split_adts(frame)
        except BitstreamError:
            return frame
        return frames[0] if len(frames) == 1 else frame
    return frame


def _number(text: str | None, default: int) -> int:
    text = (text or "").strip('" ')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else default
