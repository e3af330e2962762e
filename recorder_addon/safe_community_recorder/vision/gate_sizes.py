"""What quiet looks like in the sizes of one stream's coded pictures, and how much speaks against quiet."""

from math import log2

# Added to every size, so that a few bytes more or less in a picture that says "nothing changed" mean nothing.
_HEAD_BYTES = 48
# Places in a group: its first pictures by themselves (a rate that is held makes them grow from the keyframe on), the
# others in turn (twelve: patterns of 2, 3 and 4 pictures).
_FIRST = 60
_IN_TURN = 12
_PLACES = _FIRST + _IN_TURN

_LEVEL_S = 20.0
_SPREAD_S = 60.0
_SHORT_S = 1.0
# In the beginning, when all is learned fast.
_YOUNG_S = 10.0
_YOUNG_LEVEL_S = 2.0
_YOUNG_SPREAD_S = 4.0

_LEAST_SPREAD = 0.03
_FIRST_SPREAD = 0.25
# A step counts as far as it is larger than so many spreads, and no step counts for more than that.
_ALLOWANCE = 0.5
_MOST_STEP = 6.0
_MOST_LEARNED = 3.0

_KEY_SPREAD = 0.05
_KEY_FAR = 4.0
_KEY_WEIGHT = 0.2
# Sizes that stray by more than this share of a keyframe hide somebody who covers a hundredth of the picture.
_NOISY = 1 / 180


class Sizes:
    """Sizes in octaves: a level that follows light and weather, an offset for each place in the group, and a spread.

    Places differ: the picture behind a keyframe, B-pictures. Steps above what is usual are summed up (CUSUM: Page,
    Biometrika 41, 1954), so that many pictures a little too large speak as loudly as one that is far too large.
    """

    __slots__ = (
        "_age_s",
        "_key_level",
        "_key_spread",
        "_keys",
        "_offsets",
        "_place",
        "_strays",
        "_visits",
        "evidence",
        "level",
        "short",
        "spread",
    )

    def __init__(self) -> None:
        self.evidence = 0.0
        self.level = 0.0
        self.short = 0.0
        self.spread = _FIRST_SPREAD
        self._age_s = 0.0
        self._offsets = [0.0] * _PLACES
        self._visits = [0] * _PLACES
        self._place = -1
        self._strays = 0.0
        self._keys = 0
        self._key_level = 0.0
        self._key_spread = _KEY_SPREAD

    @property
    def is_noisy(self) -> bool:
        """True where sizes stray so much in quiet (noise or light is coded) that they hide somebody."""
        return self._strays > _NOISY

    def take(self, size_bytes: int, passed_s: float, *, learn: bool) -> float:
        """A picture that says what changed, so long after the one before: the evidence so far."""
        amount = log2(size_bytes + _HEAD_BYTES)
        if self._age_s == 0.0:
            self.level = amount
        self._age_s += passed_s
        self._place = place = self._place + 1
        if place >= _PLACES:
            self._place = place = _FIRST
        if self._visits[place] == 0 and place:
            self._offsets[place] = self._offsets[place - 1]
        above = amount - self.level - self._offsets[place]
        spread = self.spread
        self.short += (above - self.short) * min(1.0, passed_s / _SHORT_S)
        if learn:
            self._learn(above, place, passed_s)
        self.evidence = evidence = max(0.0, self.evidence + min(_MOST_STEP, above / spread - _ALLOWANCE))
        return evidence

    def take_key(self, size_bytes: int) -> float:
        """A keyframe: it is another size when the picture is another. The evidence so far."""
        amount = log2(size_bytes + _HEAD_BYTES)
        if self._place >= 0:
            self._strays = self.spread * 2.0 ** (self.level + self._offsets[self._place] - amount)
        self._place = -1
        if self._keys == 0:
            self._key_level = amount
        away = amount - self._key_level
        far = abs(away)
        if self._keys > 4 and far > _KEY_FAR * self._key_spread:
            self.evidence += _MOST_STEP
        self._keys += 1
        weight = max(_KEY_WEIGHT, 1.0 / self._keys)
        self._key_level += away * weight
        far = min(far, _KEY_FAR * self._key_spread)
        self._key_spread = max(0.01, self._key_spread + (1.25 * far - self._key_spread) * weight / 2)
        if self.short < -2.0 * self.spread:
            # It has become quieter, and by much.
            self.accept()
        return self.evidence

    def accept(self) -> None:
        """Sizes as they were of late are quiet: nothing moves."""
        self.level += self.short / 2
        self.short /= 2
        self.evidence = 0.0

    def _learn(self, above: float, place: int, passed_s: float) -> None:
        spread = self.spread
        is_young = self._age_s < _YOUNG_S
        most = _MOST_LEARNED * spread
        beside = above - self.short
        above = max(-most, min(most, above))
        self.level += above * min(1.0, passed_s / (_YOUNG_LEVEL_S if is_young else _LEVEL_S))
        visits = self._visits[place]
        if visits < _IN_TURN:
            self._visits[place] = visits + 1
        self._offsets[place] += max(-most, min(most, beside)) / (visits + 2)
        spread_s = _YOUNG_SPREAD_S if is_young else _SPREAD_S
        self.spread = max(_LEAST_SPREAD, spread + (1.25 * abs(above) - spread) * min(1.0, passed_s / spread_s))
