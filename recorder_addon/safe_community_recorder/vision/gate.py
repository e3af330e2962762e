"""Decides from the sizes of the coded pictures that pass anyway when a camera's pictures are to be decoded.

A coded picture that only says what changed is small while nothing does. What small means is learned for each camera:
a level that follows light and weather, an offset for each place in the group (the first picture behind a keyframe,
B-pictures), and how far sizes stray. Evidence that they are larger than that is summed up (CUSUM: Page, Biometrika 41,
1954), so that one large picture counts as much as several that are a little too large.

How much evidence is enough is not fixed. Looks that find nothing make it more, time makes it less, so that looking in
vain takes a settled share of the time: the gate is always as alert as that share allows. Movement that sizes did not
announce makes the share larger.
"""

from math import log2

# Added to every size, so that a few bytes more or less in a picture that says "nothing changed" mean nothing.
_HEAD_BYTES = 48
# Places in a group: its first pictures by themselves, the others in turn (twelve: patterns of 2, 3 and 4 pictures).
_FIRST = 8
_IN_TURN = 12
_PLACES = _FIRST + _IN_TURN

_WARM_UP_S = 10.0
_LEVEL_S = 20.0
_SPREAD_S = 60.0
_SHORT_S = 1.0
_LEAST_SPREAD = 0.03
_FIRST_SPREAD = 0.25
_ALLOWANCE = 0.5
_MOST_EVIDENCE = 6.0
_MOST_STEPS = 3.0

_LEAST_ENOUGH = 4.0
_FIRST_ENOUGH = 8.0
_MOST_ENOUGH = 20.0
# How fast enough becomes more while looks are in vain, in e-folds a second.
_RISE = 0.12
_SHARES = (0.04, 0.10, 0.25, 1.0)
_SHARE_LASTS_S = 1_800.0

_QUIET_AFTER_S = 0.8
_TAUGHT_AFTER_S = 2.0
_HOLD_S = 2.5
_NO_LOOKS_S = 6.0
_KEY_STEP = 0.06
_BEATS_S = (4.0, 2.0, 1.0, 1.0)
_FAR = float("-inf")


class Gate:
    """One stream's sizes. `take` is called for every coded picture, `seen` for every one that was looked at."""

    __slots__ = (
        "_began_s",
        "_confirmed",
        "_enough",
        "_evidence",
        "_high_s",
        "_is_open",
        "_key_level",
        "_key_spread",
        "_keys",
        "_last_s",
        "_level",
        "_lively_s",
        "_looked_s",
        "_missed_s",
        "_offsets",
        "_opened_by_size",
        "_opened_s",
        "_place",
        "_quiet_since_s",
        "_share",
        "_short",
        "_spread",
        "_visits",
    )

    def __init__(self) -> None:
        self._began_s = _FAR
        self._last_s = _FAR
        self._level = 0.0
        self._spread = _FIRST_SPREAD
        self._short = 0.0
        self._offsets = [0.0] * _PLACES
        self._visits = [0] * _PLACES
        self._place = -1
        self._keys = 0
        self._key_level = 0.0
        self._key_spread = 0.1
        self._evidence = 0.0
        self._enough = _FIRST_ENOUGH
        self._high_s = _FAR
        self._is_open = True
        self._opened_s = _FAR
        self._opened_by_size = True
        self._confirmed = False
        self._quiet_since_s = _FAR
        self._lively_s = _FAR
        self._looked_s = _FAR
        self._share = 0
        self._missed_s = _FAR

    @property
    def informative(self) -> bool:
        """False while the sizes of this stream say too little of what happens: then it is looked at in full."""
        return self._share < len(_SHARES) - 1

    @property
    def beat_s(self) -> float:
        """So often a keyframe is to be looked at, whatever the sizes say."""
        return _BEATS_S[self._share]

    def take(self, size_bytes: int, is_key: bool, at_s: float) -> bool:
        """Every passing picture: True while all of them are to be looked at, from the present group's keyframe on.

        `at_s` is on any steady clock, in the order of decoding.
        """
        passed_s = at_s - self._last_s
        self._last_s = at_s
        if not 0.0 < passed_s < 2.0:
            if self._began_s == _FAR:
                self._began_s = self._opened_s = at_s
                self._level = log2(size_bytes + _HEAD_BYTES)
            passed_s = 0.04
        amount = log2(size_bytes + _HEAD_BYTES)
        if is_key:
            self._place = -1
            self._take_key(amount, at_s)
        else:
            self._place = place = self._place + 1
            if place >= _PLACES:
                self._place = place = _FIRST
            above = amount - self._level - self._offsets[place]
            spread = self._spread
            steps = above / spread - _ALLOWANCE
            evidence = self._evidence + (min(steps, _MOST_EVIDENCE))
            self._evidence = max(0.0, evidence)
            self._short += (above - self._short) * (min(_SHORT_S, passed_s))
            if evidence > self._enough:
                self._evidence = self._enough
                self._high_s = at_s
                if not self._is_open:
                    self._open(at_s, by_size=True)
            if not self._is_open or not self._confirmed:
                self._learn(above, place, passed_s)
        if self._is_open:
            self._may_close(at_s, passed_s)
        else:
            enough = self._enough * (1.0 - _RISE * _SHARES[self._share] * passed_s)
            self._enough = max(_LEAST_ENOUGH, enough)
        return self._is_open

    def seen(self, moving: bool, suspicious: bool, at_s: float) -> None:
        """What a look at a picture said."""
        self._looked_s = at_s
        if suspicious:
            self._lively_s = at_s
        if moving or suspicious:
            self._quiet_since_s = _FAR
        elif self._quiet_since_s == _FAR:
            self._quiet_since_s = at_s
        if self._is_open:
            if moving and not self._confirmed:
                self._confirmed = True
                if not self._opened_by_size:
                    self._miss(at_s)
        elif suspicious:
            self._open(at_s, by_size=False)
            if moving:
                self._confirmed = True
                self._miss(at_s)

    def _miss(self, at_s: float) -> None:
        """Something moves, and sizes did not say so."""
        if at_s - self._began_s < _WARM_UP_S:
            return
        self._enough = max(_LEAST_ENOUGH, self._enough * 0.6)
        if at_s - self._missed_s < _SHARE_LASTS_S and self._share < len(_SHARES) - 1:
            self._share += 1
        self._missed_s = at_s

    def _open(self, at_s: float, *, by_size: bool) -> None:
        self._is_open = True
        self._opened_by_size = by_size
        self._opened_s = at_s
        self._confirmed = False
        self._quiet_since_s = _FAR

    def _may_close(self, at_s: float, passed_s: float) -> None:
        if at_s - self._began_s < _WARM_UP_S or not self.informative:
            if at_s - self._missed_s > _SHARE_LASTS_S and self._share:
                self._share -= 1
                self._missed_s = at_s
            return
        opened_s = at_s - self._opened_s
        if not self._confirmed:
            self._enough = min(_MOST_ENOUGH, self._enough * (1.0 + _RISE * passed_s))
        is_high = at_s - self._high_s < _QUIET_AFTER_S
        if self._looked_s < self._opened_s:
            # Nobody has had the time to look.
            if opened_s > _NO_LOOKS_S and not is_high:
                self._close()
            return
        if self._quiet_since_s != _FAR:
            quiet_s = self._looked_s - self._quiet_since_s
            if quiet_s >= _TAUGHT_AFTER_S:
                if is_high:
                    # So large, and nothing moves: that is what quiet looks like now.
                    self._level += self._short
                    self._spread *= 1.2
                    self._short = 0.0
                self._close()
            elif quiet_s >= _QUIET_AFTER_S and not is_high:
                self._close()
        elif not is_high and at_s - self._lively_s > _HOLD_S and at_s - self._high_s > _HOLD_S:
            # It counts as moving for a while after the last sign of it.
            self._close()

    def _close(self) -> None:
        self._is_open = False
        self._evidence = 0.0
        if self._share and self._last_s - self._missed_s > _SHARE_LASTS_S:
            self._share -= 1
            self._missed_s = self._last_s

    def _learn(self, above: float, place: int, passed_s: float) -> None:
        spread = self._spread
        most = _MOST_STEPS * spread
        far = above if above > 0.0 else -above
        if far > most:
            far = most
            above = most if above > 0.0 else -most
        is_young = self._last_s - self._began_s < _WARM_UP_S
        level_s = 2.0 if is_young else _LEVEL_S
        self._level += above * (passed_s / level_s if passed_s < level_s else 1.0)
        visits = self._visits[place]
        if visits < 20:
            self._visits[place] = visits + 1
        self._offsets[place] += above / (visits + 2)
        spread_s = 4.0 if is_young else _SPREAD_S
        spread += (1.25 * far - spread) * (passed_s / spread_s)
        self._spread = max(_LEAST_SPREAD, spread)

    def _take_key(self, amount: float, at_s: float) -> None:
        """A keyframe shows what is new in the picture, too, if less clearly."""
        keys = self._keys
        if keys == 0:
            self._key_level = amount
        away = amount - self._key_level
        far = away if away > 0.0 else -away
        if keys > 4 and far > 4.0 * self._key_spread + _KEY_STEP and not self._is_open:
            self._open(at_s, by_size=True)
        self._keys = keys + 1
        weight = 0.2 if keys > 4 else 1.0 / (keys + 1)
        self._key_level += away * weight
        self._key_spread += (1.25 * min(far, 4.0 * self._key_spread + 0.01) - self._key_spread) * max(0.05, weight)
