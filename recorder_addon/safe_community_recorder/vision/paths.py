"""Who goes through a picture: blobs of one look are held against those of the looks before. Knows blocks, not pixels.

What travels is somebody; what comes and goes in one place is a tree, a flag, rain. Who has travelled once stays
somebody while it stands.
"""

from dataclasses import dataclass

from .grid import Grid

# So many blocks a second may somebody go (a car across the picture in three seconds), in whole looks of 1 … 8 blocks.
_BLOCKS_PER_S = 10.0
_FARTHEST = 8
# A path is lost when nothing of it was seen for so long and for so many looks.
_LOST_S = 1.5
_LOST_LOOKS = 2
# Between looks that are closer than this, blobs of the same body touch each other.
_HOP_S = 0.35


@dataclass(slots=True)
class Path:
    """One blob through time; `begun` is where it began.

    `travelled` in blocks from there; `moved_s` when it moved last; `visited` is where it was,
    `speed` in blocks a second of late.
    """

    bits: int
    begun: int
    born_s: float
    seen_s: float
    seen_looks: int
    start: tuple[float, float]
    middle: tuple[float, float]
    length: float = 0.0
    travelled: float = 0.0
    looks: int = 1
    largest: int = 0
    moved_s: float = float("-inf")
    somebody: bool = False
    is_traveller: bool = False
    visited: int = 0
    speed: float = 0.0

    @property
    def age_s(self) -> float:
        """From its first look to its last."""
        return self.seen_s - self.born_s

    def begin_again(self) -> None:
        """It was nobody so far."""
        self.somebody = self.is_traveller = False
        self.born_s, self.begun, self.start = self.seen_s, self.bits, self.middle
        self.length, self.travelled, self.looks, self.visited = 0.0, 0.0, 1, self.bits

    @property
    def has_left(self) -> bool:
        """It is no longer where it began, and not just beside it."""
        return self.travelled >= 3.5 and not self.bits & self.begun

    @property
    def is_straight(self) -> bool:
        """It gets somewhere instead of wandering to and fro."""
        return self.travelled >= 0.4 * self.length


class Paths:
    """The paths of one camera."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._paths: list[Path] = []
        self._looks = 0

    def follow(self, blobs: list[int], at_s: float) -> tuple[list[Path], list[Path]]:
        """The paths of these blobs in their order, and those that have ended in the meantime."""
        self._looks += 1
        taken: set[int] = set()
        reach = {id(path): self._grid.grown(path.bits, _reach(at_s - path.seen_s)) for path in self._paths}
        found = []
        for blob in sorted(blobs, key=int.bit_count, reverse=True):
            path = self._nearest(blob, reach, at_s)
            if path is None:
                middle = self._grid.middle(blob)
                path = Path(blob, blob, at_s, at_s, self._looks, middle, middle, largest=blob.bit_count())
            elif id(path) in taken:
                path = self._split(path, blob, at_s)
            else:
                taken.add(id(path))
                self._extend(path, blob, at_s)
            found.append((blob, path))
        now = [path for _, path in found]
        kept = {id(path) for path in now}
        ended: list[Path] = []
        waiting: list[Path] = []
        for path in self._paths:
            if id(path) not in kept:
                gone = at_s - path.seen_s > _LOST_S and self._looks - path.seen_looks >= _LOST_LOOKS
                (ended if gone else waiting).append(path)
        self._paths = now + waiting
        order = dict(found)
        return [order[blob] for blob in blobs], ended

    def _nearest(self, blob: int, reach: dict[int, int], at_s: float) -> Path | None:
        best, most = None, 0.0
        for path in self._paths:
            shared = (reach[id(path)] & blob).bit_count()
            # Within a moment nobody gets away from where he was: that is another one.
            hops = at_s - path.seen_s < _HOP_S and not self._grid.grown(path.bits) & blob
            if shared and not hops:
                weight = (path.bits & blob).bit_count() * 4 + shared + (3 if path.somebody else 0)
                if weight > most:
                    best, most = path, weight
        return best

    def _extend(self, path: Path, blob: int, at_s: float) -> None:
        middle = self._grid.middle(blob)
        step = _distance(path.middle, middle)
        path.length += step
        path.speed += (step / max(at_s - path.seen_s, 0.05) - path.speed) * 0.3
        path.travelled = max(path.travelled * 0.98, _distance(path.start, middle))
        path.middle, path.bits, path.seen_s, path.seen_looks = middle, blob, at_s, self._looks
        path.largest = max(path.largest, blob.bit_count())
        path.visited |= blob
        path.looks += 1

    def _split(self, path: Path, blob: int, at_s: float) -> Path:
        middle = self._grid.middle(blob)
        return Path(
            blob,
            blob,
            path.born_s if path.somebody else at_s,
            at_s,
            self._looks,
            middle,
            middle,
            largest=blob.bit_count(),
            somebody=path.somebody,
        )


def _reach(elapsed_s: float) -> int:
    return max(1, min(_FARTHEST, round(elapsed_s * _BLOCKS_PER_S)))


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5)
