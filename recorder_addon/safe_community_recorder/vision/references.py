"""What is known of a camera's view: how it looks by day, by night, by infrared light. Learned slowly."""

import struct
import zlib
from dataclasses import dataclass, field

import numpy as np

from .gray import Gray
from .structure import PATCH, Flags, Patches, Plane, Structure, likeness, structure

# Bytes that all references of a camera may take.
LARGEST = 100_000

_MOST = 4
_MAGIC = b"SCV1"
_HEAD = struct.Struct("<4sHHBB")
_EACH = struct.Struct("<BffI")
_LARGEST_SIDE = 4096

# A reference is judged by after so long and so many looks.
_READY_S = 20.0
_READY_LOOKS = 4
# Its fine detail is judged by where noise is so small a share of its edges; more looks than that are forgotten.
_CLEAR_LOOKS = 60
_CLEAN = 0.01
_SLOWLY_S = 600.0
_QUICKLY_S = 60.0
# A patch whose edges are usually as like as that holds the view.
_USUAL = 0.45
# Edges in levels² per pixel of a 16 × 16 patch that are something.
_FAINTEST = 1.0
_FEWEST = 6
_KEPT = 0.55


@dataclass(slots=True)
class Reference:
    """A view in one kind of light: the mean of its pictures, and how like its patches usually are to that."""

    mean: Plane
    is_colour: bool
    usual: Patches
    bright: float
    noise: float = 0.0
    looks: int = 1
    known_s: float = 0.0
    shape: Structure = field(init=False)
    anchors: Flags = field(init=False)

    def __post_init__(self) -> None:
        self._settle()

    @property
    def is_ready(self) -> bool:
        """Whether it is known well enough to judge by, and has enough to hold on to."""
        return self.is_learned and int(self.anchors.sum()) >= _FEWEST

    @property
    def is_learned(self) -> bool:
        """Whether it is known well enough; it may yet have nothing to hold on to (a dark night)."""
        return self.known_s >= _READY_S and self.looks >= _READY_LOOKS

    @property
    def is_clear(self) -> bool:
        """Whether so little noise is left in it that its fine detail is the view's."""
        noise = self.noise * self.shape.half.size / min(self.looks, _CLEAR_LOOKS)
        return noise < _CLEAN * float(self.shape.energy.sum())

    def learn(
        self, gray: Gray, seen: Structure, bright: float, noise: float, elapsed_s: float, *, quickly: bool
    ) -> None:
        """Takes a picture of the view in."""
        elapsed_s = min(elapsed_s, 30.0)
        pace = _QUICKLY_S if quickly else _SLOWLY_S
        share = np.float32(
            max(1 / (self.looks + 1) if self.known_s < _QUICKLY_S else 0.0, 1 - np.exp(-elapsed_s / pace))
        )
        like = likeness(self.shape, seen)
        self.mean += (gray - self.mean) * share
        self.bright += (bright - self.bright) * float(share)
        self.noise += (noise - self.noise) * float(share)
        self.usual += (like - self.usual) * np.float32(max(float(share), min(0.3, elapsed_s / 120.0)))
        self.looks += 1
        self.known_s += elapsed_s
        self._settle()

    def _settle(self) -> None:
        self.shape = structure(self.mean)
        anchors = (self.usual >= _USUAL) & (self.shape.energy >= _FAINTEST * 64)
        if anchors.shape[0] > 4:
            anchors[[0, -1]] = False
        self.anchors = anchors


def begun(gray: Gray, seen: Structure, bright: float, noise: float, *, is_colour: bool) -> Reference:
    """A reference of one picture."""
    usual = np.full(seen.energy.shape, 0.7, dtype=np.float32)
    return Reference(gray.astype(np.float32), is_colour, usual, bright, noise)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a picture is like a reference: the share of what holds the view that is still there, and which is not.

    `kept_reversed` counts patches whose edges turned from dark to bright as well, as infrared light does.
    """

    reference: Reference
    kept: float
    kept_reversed: float
    lost: Flags


def compare(reference: Reference, seen: Structure) -> Likeness:
    """How a picture is like a reference that has anchors."""
    like = likeness(reference.shape, seen)
    needed = reference.usual * np.float32(_KEPT)
    anchors = reference.anchors
    count = max(1, int(anchors.sum()))
    lost = anchors & (like < needed)
    reversed_kept = anchors & (np.abs(like) >= needed)
    return Likeness(reference, 1 - int(lost.sum()) / count, int(reversed_kept.sum()) / count, lost)


class View:
    """The references of one view, by their light."""

    def __init__(self, references: list[Reference] | None = None) -> None:
        self._references = references or []

    @property
    def references(self) -> tuple[Reference, ...]:
        """All, the one that fitted last first."""
        return tuple(self._references)

    def best(self, seen: Structure, enough: float, *, is_colour: bool) -> Likeness | None:
        """The likeness to the reference that fits best (or the first that fits well enough); None without any.

        Those of the same light, if there are any to judge by.
        """
        best = None
        ready = [reference for reference in self._references if reference.is_ready]
        for reference in [known for known in ready if known.is_colour == is_colour] or ready:
            found = compare(reference, seen)
            if best is None or found.kept > best.kept:
                best = found
            if best.kept >= enough:
                break
        return best

    def add(self, reference: Reference) -> None:
        """Another light; the one that has not fitted for the longest gives way."""
        self._references = [reference, *self._references][:_MOST]

    def prefer(self, reference: Reference) -> None:
        """That one fits now."""
        self._references = [reference, *(other for other in self._references if other is not reference)]

    def kept(self) -> bytes:
        """Compact bytes, at most LARGEST, of what was learned well enough."""
        known = [reference for reference in self._references if reference.is_learned][:_MOST]
        if not known:
            return b""
        height, width = known[0].mean.shape
        for dropped_bits in (1, 2, 3, 4, 5):
            told = _HEAD.pack(_MAGIC, height, width, len(known), dropped_bits)
            for reference in known:
                mean = np.clip(np.rint(reference.mean), 0, 255).astype(np.uint8) >> dropped_bits
                usual = np.clip(reference.usual * 255, 0, 255).astype(np.uint8)
                across = np.diff(mean, axis=1, prepend=np.zeros((height, 1), dtype=np.uint8))
                data = zlib.compress(across.tobytes() + usual.tobytes(), 6)
                told += _EACH.pack(reference.is_colour, reference.bright, reference.noise, len(data)) + data
            told += zlib.crc32(told).to_bytes(4, "little")
            if len(told) <= LARGEST:
                break
        return told if len(told) <= LARGEST else b""


def restored(kept: bytes) -> View | None:
    """The view of such bytes; None if there are none, or they are damaged."""
    try:
        if len(kept) < _HEAD.size + 4 or zlib.crc32(kept[:-4]) != int.from_bytes(kept[-4:], "little"):
            return None
        magic, height, width, count, dropped_bits = _HEAD.unpack_from(kept)
        if magic != _MAGIC or not PATCH <= min(height, width) <= max(height, width) <= _LARGEST_SIDE:
            return None
        references, offset = [], _HEAD.size
        for _ in range(min(count, _MOST)):
            is_colour, bright, noise, size = _EACH.unpack_from(kept, offset)
            offset += _EACH.size
            mean, usual = _unpacked(kept[offset : offset + size], height, width, dropped_bits)
            known = Reference(mean, bool(is_colour), usual, bright, noise)
            known.looks, known.known_s = _CLEAR_LOOKS, _QUICKLY_S
            references.append(known)
            offset += size
    except struct.error, zlib.error, ValueError:
        return None
    return View(references)


def _unpacked(data: bytes, height: int, width: int, dropped_bits: int) -> tuple[Plane, Patches]:
    rows, columns = height // PATCH, width // PATCH
    size = height * width
    inflated = zlib.decompressobj().decompress(data, size + rows * columns + 1)
    if len(inflated) != size + rows * columns:
        raise ValueError(f"{size + rows * columns} bytes of a reference were expected, not {len(inflated)}")
    across = np.frombuffer(inflated, dtype=np.uint8, count=size).reshape(height, width)
    mean = np.cumsum(across, axis=1, dtype=np.uint8).astype(np.float32) * np.float32(1 << dropped_bits)
    usual = np.frombuffer(inflated, dtype=np.uint8, offset=size).reshape(rows, columns)
    return mean, np.asarray(usual / 255, dtype=np.float32)
