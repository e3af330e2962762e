"""Decides from the sizes of the coded pictures that pass anyway which pictures of a camera are to be decoded.

At rest that is a keyframe now and then. When sizes speak against quiet (`gate_sizes`), one picture amid its group is
looked at: a probe. When a look finds something suspicious the gate opens: all pictures are looked at until looks say
that nothing moves.

How much evidence a probe takes is not fixed. Probes in vain make it more, time makes it less, so that they take a
settled share of the time: the gate is always as alert as that share allows. Where sizes tell little (noise is coded, or
something moved that they did not announce) there is a look every two seconds at least, whatever they say.
"""

from .gate_sizes import Sizes

_WARM_UP_S = 10.0
_BEAT_S = 4.0
_CAREFUL_BEAT_S = 2.0
# It stays careful for so long after sizes have said nothing of something that moved, longer each time.
_LEAST_CAREFUL_S = 300.0
_MOST_CAREFUL_S = 7_200.0

_OPEN_EVERY_S = 0.11
_PROBE_EVERY_S = 1.0
_LEAST_ENOUGH = 3.0
_FIRST_ENOUGH = 5.0
_MOST_ENOUGH = 40.0
# A second of pictures decoded in vain makes enough so much more, and this share of the time may go so.
_RISE = 0.15
_SHARE = 0.06
_LEAST_VAIN_S = 0.3
_ALMOST_S = 0.01

# Sizes may need so long to say what a look has said.
_AT_ONCE_S = 1.5
_QUIET_S = 0.8
_TAUGHT_S = 2.0
_HOLD_S = 1.5
_NO_LOOKS_S = 6.0
# What stays suspicious for so long and does not move is weather; then suspicion alone opens nothing for a while.
_WEATHER_S = 4.0
_LEAST_DEAF_S = 8.0
_MOST_DEAF_S = 60.0
_LONGEST_GAP_S = 2.0
_USUAL_GAP_S = 0.1
_NEVER = float("-inf")


class Gate:
    """One stream. `take` is called for every coded picture, `seen` for every picture that was looked at.

    Where decoding is dear (a main stream) nothing is looked at `amid_groups` unless sizes ask for it.
    """

    __slots__ = (
        "_amid_groups",
        "_began_s",
        "_careful_s",
        "_careful_until_s",
        "_deaf_s",
        "_deaf_until_s",
        "_enough",
        "_group_s",
        "_high_s",
        "_is_asked",
        "_is_confirmed",
        "_is_moving",
        "_is_new",
        "_is_open",
        "_is_size",
        "_last_s",
        "_lively_s",
        "_looked_s",
        "_opened_s",
        "_probed_group_s",
        "_probed_s",
        "_quiet_since_s",
        "_sizes",
        "every_s",
    )

    def __init__(self, *, amid_groups: bool = True) -> None:
        self._sizes = Sizes()
        self._amid_groups = amid_groups
        self.every_s = _OPEN_EVERY_S
        """How close together looks are wanted when `take` has just said True."""
        self._began_s = self._last_s = self._group_s = _NEVER
        self._enough = _FIRST_ENOUGH
        self._is_open = True
        self._is_size = False
        self._is_confirmed = self._is_new = self._is_moving = False
        self._is_asked = False
        self._opened_s = self._high_s = self._probed_s = self._probed_group_s = _NEVER
        self._looked_s = self._lively_s = self._quiet_since_s = self._careful_until_s = _NEVER
        self._careful_s = _LEAST_CAREFUL_S
        self._deaf_s = _LEAST_DEAF_S
        self._deaf_until_s = _NEVER

    @property
    def informative(self) -> bool:
        """False while sizes tell little of what happens."""
        return not self._sizes.is_noisy and self._last_s >= self._careful_until_s

    @property
    def beat_s(self) -> float:
        """So often a keyframe is to be looked at, whatever sizes say."""
        is_calm = self.informative and not self._is_moving and self._last_s >= self._deaf_until_s
        return _BEAT_S if is_calm else _CAREFUL_BEAT_S

    def take(self, size_bytes: int, is_key: bool, at_s: float) -> bool:
        """Every passing picture: True if what came since the keyframe is to be decoded, with looks `every_s` apart.

        `at_s` is on any steady clock, in the order of decoding.
        """
        passed_s = at_s - self._last_s
        if not 0.0 < passed_s < _LONGEST_GAP_S:
            if self._began_s == _NEVER:
                self._began_s = self._opened_s = at_s
            passed_s = _USUAL_GAP_S
        self._last_s = at_s
        is_open = self._is_open
        if is_key:
            self._group_s = at_s
            evidence = self._sizes.take_key(size_bytes)
        else:
            learn = not self._is_moving and (not is_open or at_s - self._began_s < _WARM_UP_S)
            evidence = self._sizes.take(size_bytes, passed_s, learn=learn)
        if evidence > self._enough:
            self._high_s = at_s
            if is_open:
                self._sizes.evidence = self._enough
                if at_s - self._opened_s < _AT_ONCE_S:
                    self._is_size = True
        if is_open:
            self._may_close(at_s)
            return self._is_open
        self._enough = max(_LEAST_ENOUGH, self._enough * (1.0 - _RISE * _SHARE * passed_s))
        return self._looks_closer(evidence, at_s)

    def seen(self, moving: bool, suspicious: bool, at_s: float) -> None:
        """What a look at a picture said."""
        self._looked_s = at_s
        is_new = moving and not self._is_moving
        self._is_moving = moving
        if suspicious:
            self._lively_s = at_s
        if moving or suspicious:
            self._quiet_since_s = _NEVER
        elif self._quiet_since_s == _NEVER:
            self._quiet_since_s = at_s
        if not self._is_open:
            if is_new or (suspicious and at_s >= self._deaf_until_s):
                self._open(at_s, by_size=at_s - self._high_s < _PROBE_EVERY_S)
            elif self._is_asked and at_s >= self._probed_s - _ALMOST_S:
                self._is_asked = False
                self._in_vain(max(_LEAST_VAIN_S, self._probed_s - self._probed_group_s))
        if moving and not self._is_confirmed:
            self._is_confirmed = True
            self._deaf_s = _LEAST_DEAF_S
            self._is_new = is_new
        if self._is_new and not self._is_size and at_s - self._opened_s > _AT_ONCE_S:
            self._is_new = False
            self._miss(at_s)

    def _looks_closer(self, evidence: float, at_s: float) -> bool:
        """While closed: whether this picture is to be looked at."""
        since_s = at_s - max(self._looked_s, self._probed_s)
        if evidence > self._enough:
            if since_s < _PROBE_EVERY_S:
                return False
        elif since_s < _CAREFUL_BEAT_S - _ALMOST_S or not self._amid_groups or self.informative:
            return False
        self._probed_s, self._probed_group_s = at_s, self._group_s
        self._is_asked = evidence > self._enough
        self.every_s = max(_OPEN_EVERY_S, at_s - max(self._looked_s, self._group_s) - _ALMOST_S)
        return True

    def _in_vain(self, seconds: float) -> None:
        """Sizes spoke against quiet, and looks found nothing in so many seconds of pictures."""
        self._enough = min(_MOST_ENOUGH, self._enough * (1.0 + _RISE * seconds))
        self._sizes.accept()

    def _miss(self, at_s: float) -> None:
        """Something moves, and sizes have not said so."""
        if at_s - self._began_s > _WARM_UP_S:
            self._enough = max(_LEAST_ENOUGH, self._enough / 2.0)
            self._careful_until_s = at_s + self._careful_s
            self._careful_s = min(_MOST_CAREFUL_S, 2.0 * self._careful_s)

    def _open(self, at_s: float, *, by_size: bool) -> None:
        self._is_open, self._is_asked = True, False
        self._is_size = by_size
        self._is_confirmed = self._is_new = False
        self._opened_s = at_s
        self._quiet_since_s = _NEVER
        self.every_s = _OPEN_EVERY_S

    def _may_close(self, at_s: float) -> None:
        if at_s - self._began_s < _WARM_UP_S:
            return
        is_high = at_s - self._high_s < _QUIET_S
        if self._looked_s < self._opened_s:
            # Nobody has had the time to look.
            if at_s - self._opened_s > _NO_LOOKS_S and not is_high:
                self._close()
        elif self._quiet_since_s != _NEVER:
            quiet_s = self._looked_s - self._quiet_since_s
            if quiet_s >= _TAUGHT_S or (quiet_s >= _QUIET_S and not is_high):
                self._close()
        elif self._is_moving and at_s - max(self._lively_s, self._high_s) > _HOLD_S:
            # It counts as moving for a while after the last sign of it.
            self._close()
        elif self._is_weather(at_s):
            self._deaf_until_s = at_s + self._deaf_s
            self._deaf_s = min(_MOST_DEAF_S, 2.0 * self._deaf_s)
            self._close()

    def _is_weather(self, at_s: float) -> bool:
        """It is suspicious for long and never moves; or it has moved, and sizes that are reliable say it is over."""
        if not self._is_confirmed:
            return at_s - self._opened_s > _WEATHER_S
        return self.informative and at_s - max(self._opened_s, self._high_s) > _WEATHER_S

    def _close(self) -> None:
        self._is_open = False
        if not self._is_confirmed and self._is_size and self._opened_s > self._began_s:
            self._in_vain(self._last_s - self._opened_s)
        self._sizes.evidence = 0.0
