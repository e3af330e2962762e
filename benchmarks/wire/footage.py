"""Footage that is encoded once, kept, and cut into the RTP packets that a camera would send."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from safe_community_recorder.media.video import split_annexb

ROOT = Path(__file__).parents[2]
PAYLOAD_TYPE = 96
# An RTP packet of 1400 bytes, as most cameras send them.
_PAYLOAD_BYTES = 1400 - 12
_SPS, _PPS, _DELIMITER, _STAP_A, _FU_A = 7, 8, 9, 24, 28
# Each picture carries its number as cameras carry what they have to say: in a SEI message of user data (H.264 §D.1.7).
_DIGITS = 10
_LABEL = b"\x06\x05" + bytes((16 + _DIGITS,)) + bytes.fromhex("5afec0de9d534c0ea7c83c9b6a1e7f42")
_LABEL_END = b"\x80"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a camera sends. `bit_rate` in bit/s; a group of pictures lasts `gop_s`; footage is a loop of `loop_s`."""

    name: str
    width: int
    height: int
    rate: int
    bit_rate: int
    gop_s: int = 2
    loop_s: int = 20


KINDS = {
    kind.name: kind
    for kind in (
        Kind("main", 1920, 1080, 25, 4_000_000),
        Kind("sub", 640, 360, 10, 270_000),
        Kind("4k", 3840, 2160, 25, 8_000_000),
    )
}


@dataclass(frozen=True, slots=True)
class Packet:
    """The payload of an RTP packet; the last of its picture carries the marker."""

    payload: bytes
    marker: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A coded picture: its NAL units, and the packets that carry them; `labelled` is the one with the label."""

    nals: tuple[bytes, ...]
    packets: tuple[Packet, ...]
    labelled: int

    def sample_bytes(self, with_parameter_sets: bool) -> int:
        """Its size as an MP4 sample, each NAL unit behind its length in 4 bytes."""
        left_out = (_DELIMITER,) if with_parameter_sets else (_SPS, _PPS, _DELIMITER)
        return sum(4 + len(nal) for nal in self.nals if nal[0] & 0x1F not in left_out)


@dataclass(frozen=True, slots=True)
class Footage:
    """A loop of pictures, a keyframe every `kind.gop_s`."""

    kind: Kind
    pictures: tuple[Picture, ...]

    @property
    def parameter_sets(self) -> tuple[bytes, bytes]:
        """SPS and PPS."""
        sps, pps = (next(nal for nal in self.pictures[0].nals if nal[0] & 0x1F == kind) for kind in (_SPS, _PPS))
        return sps, pps

    @property
    def pictures_per_group(self) -> int:
        """How many pictures a group has."""
        return self.kind.gop_s * self.kind.rate

    def __str__(self) -> str:
        sizes = [picture.sample_bytes(True) for picture in self.pictures]
        keys = sizes[:: self.pictures_per_group]
        packets = sum(len(picture.packets) for picture in self.pictures)
        others = (sum(sizes) - sum(keys)) / (len(sizes) - len(keys))
        return (
            f"{self.kind.width}×{self.kind.height}, {self.kind.rate} pictures/s, H.264,"
            f" {sum(sizes) * 8e-6 / self.kind.loop_s:.2f} Mbit/s in {packets / self.kind.loop_s:.0f} packets/s,"
            f" a keyframe of {sum(keys) / len(keys) / 1000:.0f} kB every {self.kind.gop_s} s,"
            f" other pictures {others / 1000:.0f} kB"
        )


def load(kind: Kind, cache: Path = ROOT / ".tools" / "footage") -> Footage:
    """The footage of that kind; encoded if nobody did before."""
    path = cache / f"{kind.name}-{kind.width}x{kind.height}-{kind.rate}-{kind.bit_rate}-{kind.gop_s}-{kind.loop_s}.npz"
    if not path.exists():
        pictures = list(_encode(kind))
        cache.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new.npz")
        sizes = np.array([len(picture) for picture in pictures])
        np.savez(beside, data=np.frombuffer(b"".join(pictures), np.uint8), sizes=sizes)
        beside.replace(path)
    with np.load(path) as stored:
        data, ends = stored["data"].tobytes(), np.cumsum(stored["sizes"]).tolist()
    streams = (data[start:end] for start, end in zip([0, *ends], ends, strict=False))
    return Footage(kind, tuple(_picture(split_annexb(stream)) for stream in streams))


def label(number: int) -> bytes:
    """The NAL unit that says which picture this is."""
    return _LABEL + b"%0*d" % (_DIGITS, number) + _LABEL_END


def read_label(data: bytes) -> int | None:
    """The number of the picture whose bytes begin with this; None if it says none."""
    at = data.find(_LABEL)
    digits = data[at + len(_LABEL) : at + len(_LABEL) + _DIGITS]
    return int(digits) if at >= 0 and len(digits) == _DIGITS and digits.isdigit() else None


def _picture(coded: Sequence[bytes]) -> Picture:
    sets = [nal for nal in coded if nal[0] & 0x1F in (_SPS, _PPS)]
    nals = (*sets, label(0), *(nal for nal in coded if nal not in sets))
    payloads = list(packetise(nals))
    last = len(payloads) - 1
    packets = tuple(Packet(payload, number == last) for number, payload in enumerate(payloads))
    return Picture(nals, packets, payloads.index(label(0)))


def packetise(nals: Sequence[bytes]) -> Iterator[bytes]:
    """RTP payloads (RFC 6184 §5): parameter sets together in a STAP-A, what fits by itself, the rest in FU-As."""
    sets = [nal for nal in nals if nal[0] & 0x1F in (_SPS, _PPS)]
    if sets:
        yield bytes((0x60 | _STAP_A,)) + b"".join(part for nal in sets for part in (len(nal).to_bytes(2), nal))
    for nal in nals:
        if nal[0] & 0x1F in (_SPS, _PPS):
            continue
        if len(nal) <= _PAYLOAD_BYTES:
            yield nal
            continue
        indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F
        step = _PAYLOAD_BYTES - 2
        for start in range(1, len(nal), step):
            flags = 0x80 * (start == 1) | 0x40 * (start + step >= len(nal))
            yield bytes((indicator, flags | kind)) + nal[start : start + step]


def _encode(kind: Kind) -> Iterator[bytes]:
    """Pictures in Annex B: a still scene with sensor noise in which things move, at a constant rate of bits."""
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = kind.width, kind.height, "yuv420p"
    encoder.time_base = Fraction(1, kind.rate)
    encoder.framerate = Fraction(kind.rate)
    encoder.bit_rate = kind.bit_rate
    limit = f"vbv-maxrate={kind.bit_rate // 1000}:vbv-bufsize={2 * kind.bit_rate // 1000}"
    group = kind.gop_s * kind.rate
    fixed = f"keyint={group}:min-keyint={group}:scenecut=0:bframes=0:slices=1:sliced-threads=0:open-gop=0"
    encoder.options = {"preset": "veryfast", "profile": "main", "x264-params": f"{limit}:{fixed}"}
    for number, luma in enumerate(_scene(kind)):
        frame = av.VideoFrame(kind.width, kind.height, "yuv420p")
        for plane, values in zip(frame.planes, (luma, None, None), strict=True):
            shape = (plane.height, plane.line_size)
            content = np.full(shape, 128, np.uint8)
            if values is not None:
                content[:, : plane.width] = values
            plane.update(content.tobytes())
        frame.pts = number
        for packet in encoder.encode(frame):
            yield bytes(packet)
    for packet in encoder.encode(None):
        yield bytes(packet)


def _scene(kind: Kind) -> Iterator[np.ndarray]:
    dice = np.random.default_rng(24)
    rows = np.arange(kind.height)[:, np.newaxis]
    coarse = dice.normal(0, 25, (kind.height // 8 + 1, kind.width // 8 + 1)).repeat(8, 0).repeat(8, 1)
    ground = 60 + 100 * rows / kind.height + coarse[: kind.height, : kind.width]
    noise = dice.normal(0, 2.5, (kind.height + 64, kind.width + 64))
    side = kind.height // 6
    for number in range(kind.rate * kind.loop_s):
        y, x = dice.integers(0, 64, 2)
        picture = ground + noise[y : y + kind.height, x : x + kind.width]
        for thing in range(3):
            at = (number * (thing + 1) * kind.width // (kind.rate * 8) + thing * kind.width // 3) % (kind.width - side)
            top = kind.height // 2 + thing * side // 2
            picture[top : top + side, at : at + side // 2] = 40 + 80 * thing
        yield np.clip(picture, 0, 255).astype(np.uint8)
