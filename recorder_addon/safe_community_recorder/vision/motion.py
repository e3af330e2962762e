"""Motion: what is foreign in a camera's pictures, and whether something moves. Time comes with the pictures."""

from dataclasses import dataclass

import numpy as np

from .background import Background, Counts
from .gray import BLOCK, Blocks, Gray
from .grid import Grid
from .paths import Path, Paths
from .tiles import Tiles
from .zones import Polygon, Zone, blocks_inside

# Levels that are no news at least, by sensitivity 1 … 9.
_BASES = (22, 18, 15, 12, 9, 8, 7, 6, 5)
# The smallest blob in blocks that is somebody, by sensitivity.
_SMALLEST = (12, 8, 6, 4, 3, 3, 2, 2, 1)

# Pixels of a block's 64: clearly foreign; foreign beside a clear one.
_CLEAR, _FAINT = 16, 8
_GLOBAL_SHARE = 0.4
_LEARN_EVERY_S = 0.5
_COMPARE_S = 0.3
_SETTLE_S = 3.0
_RESTLESS = 0.12
_GHOST_S = 4.0
_PARKED_S = 180.0
_IN_PLACE_S = 20.0
_FAR_S = 60.0


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How one camera is watched.

    `sensitivity` from 1 (only what is large and clear) to 9 (the slightest); no `zones`: the whole picture. Movement
    shorter than `minimum_s` is none; it lasts until `hold_s` after its last sign.
    """

    sensitivity: int = 5
    zones: tuple[Zone, ...] = ()
    ignore: tuple[Polygon, ...] = ()
    minimum_s: float = 0.6
    hold_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Motion:
    """What one picture says.

    `foreground`: blocks that something foreign covers, outside the ignored ones; `active`: those in which it moves now,
    inside the zones; `activity`: their share of the watched blocks (none while the guard holds). `moving` has a minimum
    duration and hysteresis; `score` is how sure, 0 while nothing moves; `zones`: ids of those in which it moves now.
    `suspicious`: something may be about to move. `changed_globally`: infrared light, lightning, headlights, exposure,
    or the camera was moved.
    """

    foreground: Blocks
    active: Blocks
    activity: float
    moving: bool
    score: float
    zones: tuple[str, ...]
    suspicious: bool
    changed_globally: bool


class MotionDetector:
    """One camera's. `observe` takes its pictures in the order of time, however far apart."""

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self._settings = settings or MotionSettings()
        if not 1 <= self._settings.sensitivity <= len(_BASES):
            raise ValueError(f"sensitivity is 1 to {len(_BASES)}, not {self._settings.sensitivity}")
        self._base = _BASES[self._settings.sensitivity - 1]
        self._smallest = _SMALLEST[self._settings.sensitivity - 1]
        self._background: Background | None = None
        self._shape: tuple[int, int] = (0, 0)
        self._at_s = self._began_s = self._learned_s = self._before_s = 0.0
        self._blind_until_s = self._sign_s = float("-inf")
        self._score = 0.0
        self._moving = False
        self._last_bits = 0

    def forget(self) -> None:
        """The camera was away: what it shows now is learned anew, and nothing moves."""
        self._background = None

    def observe(self, gray: Gray, at_s: float) -> Motion:
        """What this picture says. A picture of another shape than the last begins anew.

        `gray` is of whole blocks, 16 × 16 at least (as `analysis_size` says), else ValueError; `at_s` runs steadily.
        """
        background = self._background
        if background is None or gray.shape != self._shape or at_s < self._at_s - 1:
            background = self._begin(gray, at_s)
        elapsed_s, self._at_s = max(0.0, at_s - self._at_s), at_s
        counts = background.foreign(gray)
        changed = self._guard(background, gray, counts, at_s)
        if changed:
            counts = background.foreign(gray)
        if changed or at_s < self._blind_until_s:
            return self._look_away(background, gray, at_s, changed=changed)
        blobs, weak = self._blobs(counts, gray, background)
        paths, ended = self._paths.follow(blobs, at_s)
        active = self._moved(gray, background, blobs, paths, at_s)
        self._judge(blobs, paths, ended, at_s, elapsed_s)
        motion = self._motion(blobs, paths, active, counts, at_s, suspicious=bool(weak))
        self._learn(gray, background, blobs, paths, at_s, elapsed_s)
        return motion

    def _begin(self, gray: Gray, at_s: float) -> Background:
        height, width = gray.shape
        if height % BLOCK or width % BLOCK or min(height, width) < 2 * BLOCK:
            raise ValueError(f"a picture of whole 8 × 8 blocks was expected, at least 16 × 16, not {width} × {height}")
        self._shape = gray.shape
        self._background = Background(gray, at_s, self._base)
        rows, columns = height // BLOCK, width // BLOCK
        self._grid = Grid(rows, columns)
        self._paths = Paths(self._grid)
        self._tiles = Tiles(rows, columns)
        ignored = self._grid.bits(blocks_inside(self._settings.ignore, rows, columns))
        self._wanted = self._grid.everything & ~ignored
        self._zones = {
            zone.id: self._grid.bits(blocks_inside([zone.area], rows, columns)) & self._wanted
            for zone in self._settings.zones
        }
        self._watched = self._wanted
        if self._zones:
            self._watched = 0
            for bits in self._zones.values():
                self._watched |= bits
        self._restless = np.zeros((rows, columns), dtype=np.float32)
        self._still_s = np.zeros((rows, columns), dtype=np.float32)
        self._ghost = np.zeros((rows, columns), dtype=np.float32)
        self._before: Gray = gray.copy()
        self._before_s = at_s
        self._at_s = at_s
        self._began_s = at_s
        self._learned_s = at_s
        self._blind_until_s = float("-inf")
        self._sign_s = float("-inf")
        self._score = 0.0
        self._moving = False
        self._last_bits = 0
        return self._background

    def _guard(self, background: Background, gray: Gray, counts: Counts, at_s: float) -> bool:
        """Follows the light of the whole picture; True if it has changed at once, and the background with it."""
        sample = gray[8::16, 8::16].astype(np.int16) - background.levels[8::16, 8::16]
        offset = int(np.partition(sample, sample.size // 2, axis=None)[sample.size // 2])
        share = np.count_nonzero(counts >= _CLEAR) / counts.size
        if share < _GLOBAL_SHARE:
            if abs(offset) >= 3:
                background.shift(offset)
                counts[:] = background.foreign(gray)
            return False
        x = background.levels[2::4, 2::4].astype(np.float32)
        y = gray[2::4, 2::4].astype(np.float32)
        level_x, level_y = float(np.median(x)), float(np.median(y))
        spread_x = float(np.median(np.abs(x - level_x)))
        spread_y = float(np.median(np.abs(y - level_y)))
        gain = spread_y / spread_x if spread_x >= 2 else 1.0
        near = np.abs((x - level_x) * gain + level_y - y) <= max(6.0, 1.5 * self._base)
        if 0.2 <= gain <= 5 and near.mean() > 0.7:
            background.relight(gain, level_y - gain * level_x)
        else:
            background.begin(gray, at_s)
            self._began_s = at_s
            self._blind_until_s = at_s + 1.0
            self._paths = Paths(self._grid)
        return True

    def _look_away(self, background: Background, gray: Gray, at_s: float, *, changed: bool) -> Motion:
        nothing = self._grid.blocks(0)
        if at_s - self._learned_s >= _LEARN_EVERY_S:
            self._learned_s = at_s
            background.learn(gray, at_s, nothing, nothing)
        self._before, self._before_s = gray.copy(), at_s
        moving = self._moving and at_s - self._sign_s <= self._settings.hold_s
        self._moving = moving
        return Motion(nothing, nothing.copy(), 0.0, moving, self._score if moving else 0.0, (), True, changed)

    def _blobs(self, counts: Counts, gray: Gray, background: Background) -> tuple[list[int], int]:
        """The blobs of foreign blocks, and what would be some if one looked more kindly."""
        needed = _CLEAR + self._restless * 48
        faint = counts >= np.maximum(_FAINT, needed - 8)
        if not faint.any():
            return [], 0
        clear = counts >= needed
        lit = self._tiles.relit(faint, gray, background.levels, background.tolerance)
        faint &= ~lit
        clear &= ~lit
        grid = self._grid
        clear_bits = grid.bits(clear)
        strong_bits = grid.bits(counts >= np.maximum(40, needed))
        kept = []
        faint_bits = grid.bits(faint)
        if not clear_bits:
            return [], faint_bits
        lonely = self._last_bits
        for blob in grid.blobs(faint_bits & grid.grown(clear_bits)):
            if not blob & clear_bits:
                continue
            if blob.bit_count() == 1 and not blob & strong_bits and not grid.grown(blob) & lonely:
                continue
            kept.append(blob)
        return kept, faint_bits

    def _moved(self, gray: Gray, background: Background, blobs: list[int], paths: list[Path], at_s: float) -> int:
        """The blocks of the blobs that differ from the picture before."""
        everything = 0
        for blob in blobs:
            everything |= blob
        moved = 0
        if everything:
            blocks = self._grid.blocks(everything)
            moved = self._grid.bits(self._tiles.moved(blocks, gray, self._before, background.tolerance))
            moved |= everything & ~self._grid.grown(self._last_bits)
        if at_s - self._before_s >= _COMPARE_S:
            np.copyto(self._before, gray)
            self._before_s = at_s
        self._last_bits = everything
        for blob, path in zip(blobs, paths, strict=True):
            if blob & moved:
                path.moved_s = at_s
        return moved

    def _judge(self, blobs: list[int], paths: list[Path], ended: list[Path], at_s: float, elapsed_s: float) -> None:
        """Who is somebody, and which blocks are restless."""
        calm = self._grid.bits(self._restless <= _RESTLESS)
        known = min(1.0, (at_s - self._began_s) / _FAR_S)
        for blob, path in zip(blobs, paths, strict=True):
            if path.somebody or path.largest < self._smallest:
                continue
            needs = 1.5 if (blob & calm).bit_count() * 2 >= blob.bit_count() else 3.5
            travelled = path.travelled >= needs and path.is_straight
            stays = known >= 1 and needs < 2 and path.age_s >= 2.0 and path.looks >= 3
            if path.age_s >= self._settings.minimum_s and path.looks >= 2 and (travelled or stays):
                path.somebody = True
        gone = 0
        for path in ended:
            if not path.somebody:
                gone |= path.bits
        for blob, path in zip(blobs, paths, strict=True):
            if not path.somebody and path.age_s > 1.0:
                gone |= blob
        weight = min(1.0, elapsed_s / 30.0)
        self._restless *= 1 - min(1.0, elapsed_s / 300.0)
        if gone:
            blocks = self._grid.blocks(gone)
            self._restless[blocks] += (1 - self._restless[blocks]) * max(weight, 0.01)

    def _motion(
        self, blobs: list[int], paths: list[Path], moved: int, counts: Counts, at_s: float, *, suspicious: bool
    ) -> Motion:
        settings, grid = self._settings, self._grid
        foreground, active, sure = 0, 0, 0
        for blob, path in zip(blobs, paths, strict=True):
            foreground |= blob
            if path.somebody:
                sure |= blob & moved
            if path.somebody or path.largest >= self._smallest:
                active |= blob & moved
        foreground &= self._wanted
        sure &= self._watched
        active = sure
        score = 0.0
        if sure:
            self._sign_s = at_s
            self._moving = True
            size = sure.bit_count()
            density = float(counts[grid.blocks(sure)].mean()) / 64
            score = min(1.0, 0.3 + 0.4 * density + 0.3 * min(1.0, size / (4 * self._smallest)))
            self._score = score
        if self._moving and at_s - self._sign_s > settings.hold_s:
            self._moving = False
        return Motion(
            foreground=grid.blocks(foreground),
            active=grid.blocks(active),
            activity=active.bit_count() / max(1, self._watched.bit_count()),
            moving=self._moving,
            score=(score or self._score) if self._moving else 0.0,
            zones=tuple(name for name, bits in self._zones.items() if bits & sure),
            suspicious=suspicious,
            changed_globally=False,
        )

    def _learn(
        self, gray: Gray, background: Background, blobs: list[int], paths: list[Path], at_s: float, elapsed_s: float
    ) -> None:
        grid = self._grid
        everything = moving = restless = 0
        for blob, path in zip(blobs, paths, strict=True):
            everything |= blob
            if at_s - path.moved_s < 1.0:
                moving |= blob
            if not path.somebody and path.age_s > _IN_PLACE_S:
                restless |= blob
        if everything or self._still_s.any():
            foreground = grid.blocks(everything)
            still = foreground & ~grid.blocks(moving)
            self._still_s[~foreground] = 0
            self._still_s[foreground] += np.float32(elapsed_s) * np.where(still[foreground], 1.0, 0.2)
        else:
            foreground = grid.blocks(0)
        if at_s - self._learned_s < _LEARN_EVERY_S:
            return
        ghosts = self._tiles.ghosts(foreground, gray, background.levels, background.tolerance)
        self._ghost[~foreground] = 0
        self._ghost += (ghosts - self._ghost) * np.float32(min(1.0, (at_s - self._learned_s) / 2))
        self._learned_s = at_s
        old = self._still_s > _PARKED_S
        for blob in blobs:
            blocks = grid.blocks(blob)
            if self._still_s[blocks].min() > _GHOST_S and self._ghost[blocks].sum() < 0:
                old |= blocks
        if old.any():
            background.adopt(gray, old)
            self._still_s[old] = 0
        fidgety = (self._restless > _RESTLESS) | grid.blocks(restless)
        background.learn(gray, at_s, foreground, fidgety)
