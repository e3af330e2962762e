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
# At first, and later.
_LEARN_EVERY_S = (0.5, 1.0)
_COMPARE_S = 0.3
_RESTLESS = 0.12
# Blocks that change again and again (a clock, a flag, leaves): how fast that is learned and forgotten, in seconds.
_FIDGETS_S, _CALMS_S = 8.0, 60.0
_LEAST_FIDGET = 0.3
_LINE_BLOCKS, _BESIDE = 2, 0.9
_CHANGED_PIXELS = 4
# However far apart two looks are, it is one change.
_ONE_CHANGE_S = 0.8
# After a beginning nobody is known for a moment; then, and after a change of light, only who leaves his place is.
_NOBODY_S, _STRICT_S = 5.0, 10.0
# The same in looks that are apart, where they come seldom.
_NOBODY_LOOKS, _STRICT_LOOKS = 10, 20
# Until it is known how much comes and goes, it may be much.
_FIRST_WEATHER = 2.0
# Blobs a second that come and go: more are rain or snow, and somebody has to be clearer than usual.
_WEATHER = 1.0
_WEATHER_S = 20.0
# Blocks a second that who walks goes, or runs; flakes and streaks are faster.
_WALK, _RUN = 4.5, 6.0
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
        self._blind_until_s = self._sign_s = self._strict_until_s = float("-inf")
        self._weather = 0.0
        self._compared = 0
        self._score = 0.0
        self._moving = self._suspicious = False
        self._last_bits = self._changed = self._travellers = 0

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
        if at_s - self._before_s >= _COMPARE_S:
            self._note_changes(background, gray, at_s)
        if changed or at_s < self._blind_until_s:
            return self._look_away(background, gray, at_s, changed=changed)
        blobs = self._blobs(counts, gray, background)
        paths, ended = self._paths.follow(blobs, at_s)
        active = self._moved(blobs, paths, at_s)
        self._judge(blobs, paths, ended, at_s, elapsed_s)
        motion = self._motion(blobs, paths, active, counts, at_s)
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
        self._fidget = np.zeros((rows, columns), dtype=np.float32)
        self._fidgety = self._fidget
        self._ghost = np.zeros((rows, columns), dtype=np.float32)
        self._before: Gray = gray.copy()
        self._before_s = at_s
        self._at_s = at_s
        self._began_s = at_s
        self._strict_until_s = at_s + _STRICT_S
        self._weather = _FIRST_WEATHER
        self._compared = 0
        self._learned_s = at_s
        self._blind_until_s = float("-inf")
        self._sign_s = float("-inf")
        self._score = 0.0
        self._moving = self._suspicious = False
        self._last_bits = self._changed = self._travellers = 0
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
        self._strict_until_s = at_s + _STRICT_S
        return True

    def _look_away(self, background: Background, gray: Gray, at_s: float, *, changed: bool) -> Motion:
        nothing = self._grid.blocks(0)
        if at_s - self._learned_s >= _LEARN_EVERY_S[0]:
            self._learned_s = at_s
            background.learn(gray, at_s, nothing, nothing)
        np.copyto(self._before, gray)
        self._before_s = at_s
        moving = self._moving and at_s - self._sign_s <= self._settings.hold_s
        self._moving = moving
        return Motion(nothing, nothing.copy(), 0.0, moving, self._score if moving else 0.0, (), True, changed)

    def _note_changes(self, background: Background, gray: Gray, at_s: float) -> None:
        """Which blocks change again and again. Where somebody who has come passes, nothing is learned of the place."""
        elapsed_s = min(at_s - self._before_s, _ONE_CHANGE_S)
        self._compared += 1
        changes = background.changes(gray, self._before) >= _CHANGED_PIXELS
        self._changed = self._grid.bits(changes)
        step = np.where(changes, np.float32(elapsed_s / _FIDGETS_S), np.float32(elapsed_s / _CALMS_S))
        np.minimum(step, 1, out=step)
        if self._travellers:
            step[self._grid.blocks(self._grid.grown(self._travellers))] = 0
        self._fidget += (changes - self._fidget) * step
        # Text changes now here, now there: what fidgets is a line of it.
        fidgety = self._fidget.copy()
        for by in range(1, _LINE_BLOCKS + 1):
            np.maximum(fidgety[:, by:], self._fidget[:, :-by] * _BESIDE, out=fidgety[:, by:])
            np.maximum(fidgety[:, :-by], self._fidget[:, by:] * _BESIDE, out=fidgety[:, :-by])
        self._fidgety = fidgety
        np.copyto(self._before, gray)
        self._before_s = at_s

    def _blobs(self, counts: Counts, gray: Gray, background: Background) -> list[int]:
        """The blobs of foreign blocks."""
        needed = _CLEAR + np.maximum(np.maximum(self._restless, self._fidgety) - _LEAST_FIDGET, 0) * 68
        faint = counts >= np.maximum(_FAINT, needed - 8)
        if not faint.any():
            return []
        clear = counts >= needed
        grid = self._grid
        lit = grid.bits(self._tiles.relit(faint, gray, background.levels, background.tolerance))
        faint_bits = grid.bits(faint)
        if lit:
            # A few plain blocks belong to who wears them; many are light.
            for blob in grid.blobs(faint_bits):
                if (blob & lit).bit_count() * 2 > blob.bit_count():
                    faint_bits &= ~(blob & lit)
        clear_bits = grid.bits(clear) & faint_bits
        strong_bits = grid.bits(counts >= np.maximum(40, needed))
        kept = []
        if not clear_bits:
            return []
        lonely = self._last_bits
        for blob in grid.blobs(faint_bits & grid.grown(clear_bits)):
            if not blob & clear_bits:
                continue
            if blob.bit_count() == 1 and not blob & strong_bits and not grid.grown(blob) & lonely:
                continue
            kept.append(blob)
        return kept

    def _moved(self, blobs: list[int], paths: list[Path], at_s: float) -> int:
        """The blocks of the blobs that differ from the picture before."""
        everything = 0
        for blob in blobs:
            everything |= blob
        moved = everything & (self._changed | ~self._grid.grown(self._last_bits))
        self._last_bits = everything
        for blob, path in zip(blobs, paths, strict=True):
            if blob & moved:
                path.moved_s = at_s
        return moved

    def _judge(self, blobs: list[int], paths: list[Path], ended: list[Path], at_s: float, elapsed_s: float) -> None:
        """Who is somebody, and which blocks are restless."""
        calm = self._grid.bits(np.maximum(self._restless, self._fidgety) <= _RESTLESS)
        is_known = at_s - self._began_s >= _NOBODY_S and self._compared >= _NOBODY_LOOKS
        self._travellers = 0
        self._suspicious = False
        for blob, path in zip(blobs, paths, strict=True):
            is_calm = (blob & calm).bit_count() * 2 >= blob.bit_count()
            self._suspicious |= is_calm or path.somebody or blob.bit_count() >= self._smallest
            if self._weather > _WEATHER and path.somebody and (path.speed > _RUN or path.looks == 1):
                path.begin_again()
            if not path.somebody and is_known:
                path.somebody = self._is_somebody(path, at_s, is_calm=is_calm)
            if path.looks >= 3 and path.travelled >= 2.5 and path.is_straight and path.largest >= self._smallest:
                self._travellers |= blob
                if not path.is_traveller:
                    # What was taken for fidgeting was somebody on the way.
                    path.is_traveller = True
                    visited = self._grid.blocks(self._grid.grown(path.visited))
                    self._fidget[visited] -= min(path.age_s, 4.0) / _FIDGETS_S
                    np.maximum(self._fidget, 0, out=self._fidget)
        gone, passing = 0, 0
        for path in ended:
            if not path.somebody:
                gone |= path.bits
                passing += path.largest > 1 or path.looks > 1
        self._weather *= 1 - min(1.0, elapsed_s / _WEATHER_S)
        self._weather += passing / _WEATHER_S
        for blob, path in zip(blobs, paths, strict=True):
            if not path.somebody and path.age_s > 1.0:
                gone |= blob
        weight = min(1.0, elapsed_s / 30.0)
        self._restless *= 1 - min(1.0, elapsed_s / 300.0)
        if gone:
            blocks = self._grid.blocks(gone)
            self._restless[blocks] += (1 - self._restless[blocks]) * max(weight, 0.01)

    def _is_somebody(self, path: Path, at_s: float, *, is_calm: bool) -> bool:
        """Whether a blob has done enough to be somebody."""
        if path.largest < self._smallest or path.age_s < self._settings.minimum_s:
            return False
        if self._weather > _WEATHER:
            walks = path.length <= _WALK * path.age_s and path.travelled >= 0.6 * path.length
            return path.age_s >= 2.0 and path.looks >= 6 and path.has_left and walks
        if at_s < self._strict_until_s or self._compared < _STRICT_LOOKS or not is_calm:
            return path.looks >= 3 and path.has_left and path.is_straight
        travelled = path.looks >= 2 and path.travelled >= 1.5 and path.is_straight
        return travelled or (at_s - self._began_s >= _FAR_S and path.age_s >= 2.0 and path.looks >= 3)

    def _motion(self, blobs: list[int], paths: list[Path], moved: int, counts: Counts, at_s: float) -> Motion:
        settings, grid = self._settings, self._grid
        foreground, sure = 0, 0
        for blob, path in zip(blobs, paths, strict=True):
            foreground |= blob
            if path.somebody:
                sure |= blob & moved
        foreground &= self._wanted
        sure &= self._watched
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
            active=grid.blocks(sure),
            activity=sure.bit_count() / max(1, self._watched.bit_count()),
            moving=self._moving,
            score=(score or self._score) if self._moving else 0.0,
            zones=tuple(name for name, bits in self._zones.items() if bits & sure),
            suspicious=self._suspicious,
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
        if at_s - self._learned_s < _LEARN_EVERY_S[at_s - self._began_s > _FAR_S / 2]:
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
