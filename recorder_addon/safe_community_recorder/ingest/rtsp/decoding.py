"""When pictures are decoded, of which a camera only says when they are shown. Pure.

A picture is decoded when the one is shown that stands in its place in the order of showing, so many pictures later as
may be held back. That is how decoders reckon, too (H.264 §C.4.5.3), and libav.
"""

from collections.abc import Sequence
from copy import replace
from heapq import heappop, heappush, heappushpop
from itertools import pairwise

from ...media.video import AccessUnit

_USUAL_STEP_90K = 3_600
_MOST_HELD = 16
# A picture shown further before or behind the last than this is not reordered: the camera's clock has jumped.
_LONGEST_REORDERING_90K = 90_000
_LONGEST_PICTURE_90K = 10 * 90_000
# So many pictures with one time are a camera that counts coarsely; more have no time at all.
_MOST_AT_ONCE = 3


class DecodingTimes:
    """Gives access units their decoding times. `held` is how many pictures may be held back (reordered_pictures)."""

    def __init__(self) -> None:
        self._held = 0
        self._shown: list[int] = []
        self._first: list[AccessUnit] | None = []
        self._last_pts_90k = self._last_dts_90k = -1 << 62
        self._at_once = 0
        self._step_90k = _USUAL_STEP_90K
        # True while pictures come whose times have been before: a camera's clock, or a stream, that has begun anew.
        self._went_back = False
        # The last keyframe, and how many pictures since.
        self._keyframe_90k: int | None = None
        self._in_group = 0

    @property
    def stands_still(self) -> bool:
        """True while the camera's clock does not go on from picture to picture."""
        return self._at_once > _MOST_AT_ONCE

    def holds(self, pictures: int) -> None:
        """So many pictures may be held back from now on."""
        self._held = max(self._held, min(pictures, _MOST_HELD))

    def take(self, unit: AccessUnit) -> Sequence[AccessUnit]:
        """The pictures whose decoding time is known with this one, whose own is not. At the beginning some wait."""
        if self._held or unit.pts_90k <= self._last_dts_90k:
            return self._reordered(unit)
        self._first = None
        self._at_once = 0
        self._last_pts_90k = self._last_dts_90k = unit.pts_90k
        return (unit,)

    def finish(self) -> Sequence[AccessUnit]:
        """Those that still wait: the stream has ended."""
        return self._begin(self._first or [])

    def _reordered(self, unit: AccessUnit) -> Sequence[AccessUnit]:
        pts_90k = unit.pts_90k
        if self._first is not None:
            self._first.append(unit)
            return self._begin(self._first) if len(self._first) > self._held else ()
        self._at_once = self._at_once + 1 if pts_90k == self._last_pts_90k else 0
        on_90k = pts_90k - self._last_pts_90k
        if self.stands_still:
            # Without an order there is nothing to reckon with. What the times are worth is the camera clock's business.
            self._shown.clear()
            return (self._timed(unit, pts_90k),)
        if not -_LONGEST_REORDERING_90K <= on_90k <= _LONGEST_PICTURE_90K:
            self._shown.clear()
            self._keyframe_90k = None
            self._begin_group(pts_90k)
            return (self._timed(unit, heappushpop(self._shown, pts_90k)),)
        if unit.is_key and pts_90k <= self._last_dts_90k:
            self._went_back = True
        if not self._held and not self._at_once and not self._went_back:
            # Pictures are reordered, though nothing had said so.
            self._held = 1
            self._shown = [self._last_pts_90k]
        if unit.is_key:
            self._begin_group(pts_90k)
        self._in_group += 1
        heappush(self._shown, pts_90k)
        dts_90k = heappop(self._shown) if len(self._shown) > self._held else pts_90k
        if dts_90k > self._last_dts_90k:
            self._went_back = False
        dts_90k = max(dts_90k, self._last_dts_90k + 1)
        if pts_90k < dts_90k and not self._at_once and not unit.is_key and not self._went_back:
            self.holds(self._held + 1)
        return (self._timed(unit, dts_90k),)

    def _begin_group(self, pts_90k: int) -> None:
        """Nothing of before is shown after a keyframe, and as many pictures as may be held back are.

        So whatever was reckoned from pictures that came twice, or without those before them, is put right.
        """
        if self._keyframe_90k is not None and self._in_group > 1:
            lasts_90k = pts_90k - self._keyframe_90k
            self._step_90k = max(1, lasts_90k // self._in_group) if lasts_90k > 0 else self._step_90k
        self._keyframe_90k, self._in_group = pts_90k, 0
        before = [shown for shown in sorted(self._shown) if shown < pts_90k][-self._held :] if self._held else []
        first = before[0] if before else pts_90k
        missing = self._held - len(before)
        # In order, and so a heap.
        self._shown = [*(first - number * self._step_90k for number in range(missing, 0, -1)), *before]

    def _begin(self, first: list[AccessUnit]) -> list[AccessUnit]:
        """The first pictures: those before the first shown one are decoded a picture's time apart."""
        self._first = None
        shown = sorted(unit.pts_90k for unit in first)
        steps = [later - sooner for sooner, later in pairwise(shown) if later > sooner]
        step = self._step_90k = min(steps, default=_USUAL_STEP_90K)
        self._shown = shown[1:]
        if first and first[0].is_key:
            self._keyframe_90k, self._in_group = first[0].pts_90k, len(first)
        return [self._timed(unit, shown[0] - (len(first) - 1 - number) * step) for number, unit in enumerate(first)]

    def _timed(self, unit: AccessUnit, dts_90k: int) -> AccessUnit:
        self._last_pts_90k, self._last_dts_90k = unit.pts_90k, dts_90k
        return unit if dts_90k == unit.dts_90k else replace(unit, dts_90k=dts_90k)
