"""AAC (ISO/IEC 14496-3): formats, frames, and the ADTS framing that some streams use."""

from dataclasses import dataclass

from .bits import BitReader, BitstreamError

_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_AAC_LC = 2
_SPECTRAL_BAND_REPLICATION = frozenset({5, 29})
_LONGEST_CONFIG_BYTES = 64
_ADTS_HEADER_BYTES = 7


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a decoder of AAC has to know. `config` is the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

    `sample_rate` is that of the coded frames in Hz and the timescale of the track; a frame lasts `frame_samples` of it.
    """

    config: bytes
    sample_rate: int
    channels: int
    frame_samples: int


@dataclass(frozen=True, slots=True)
class AudioUnit:
    """One frame of sound and its time in 1/90000 s on the clock of the pictures it comes with."""

    data: bytes
    pts_90k: int


def read_audio_config(config: bytes) -> AudioFormat:
    """The format that an AudioSpecificConfig announces. Raises BitstreamError for anything but AAC LC (with SBR)."""
    if len(config) > _LONGEST_CONFIG_BYTES:
        raise BitstreamError(f"an AudioSpecificConfig of {len(config)} bytes")
    bits = BitReader(config)
    kind = _object_type(bits)
    rate = _rate(bits)
    channels = bits.take(4)
    if kind in _SPECTRAL_BAND_REPLICATION:
        _rate(bits)
        kind = _object_type(bits)
    if kind != _AAC_LC:
        raise BitstreamError(f"AAC LC was expected, not audio object type {kind}")
    if not 0 < channels < len(_CHANNELS):
        raise BitstreamError(f"AAC with the channel configuration {channels}")
    return AudioFormat(config, rate, _CHANNELS[channels], 960 if bits.take(1) else 1_024)


def split_adts(data: bytes) -> tuple[AudioFormat, list[bytes]]:
    """The format and the bare frames of a piece of ADTS (ISO/IEC 14496-3 §1.A.3.2). Raises BitstreamError."""
    audio: AudioFormat | None = None
    frames = []
    position = 0
    while position < len(data):
        header = data[position : position + _ADTS_HEADER_BYTES]
        if len(header) < _ADTS_HEADER_BYTES or not is_adts(header):
            raise BitstreamError("an ADTS header was expected")
        profile, rate = header[2] >> 6, header[2] >> 2 & 15
        channels = (header[2] & 1) << 2 | header[3] >> 6
        size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        body = position + (_ADTS_HEADER_BYTES if header[1] & 1 else _ADTS_HEADER_BYTES + 2)
        end = position + size
        if end <= body or end > len(data) or header[6] & 3:
            raise BitstreamError(f"an ADTS frame of {size} bytes in {len(data) - position}")
        audio = audio or read_audio_config(((profile + 1) << 11 | rate << 7 | channels << 3).to_bytes(2))
        frames.append(data[body:end])
        position = end
    if audio is None:
        raise BitstreamError("an ADTS header was expected")
    return audio, frames


def is_adts(data: bytes) -> bool:
    """True if the bytes begin with an ADTS header's syncword and layer."""
    return len(data) >= 2 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


def _object_type(bits: BitReader) -> int:
    kind = bits.take(5)
    return 32 + bits.take(6) if kind == 31 else kind


def _rate(bits: BitReader) -> int:
    index = bits.take(4)
    rate = bits.take(24) if index == 15 else _RATES[index] if index < len(_RATES) else 0
    if not 0 < rate <= 192_000:
        raise BitstreamError("AAC with no known sample rate")
    return rate
