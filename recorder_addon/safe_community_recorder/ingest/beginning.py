"""The times of a stream's first pictures, as far as libav leaves them out or delays them. Pure.

Over RTSP the first picture, a keyframe, comes without any time, and the next ones without a decoding time until libav
has seen how pictures are reordered. Without these times the whole first group of pictures would be lost. And while it
probes a stream, libav collects its pictures, which then come all at once.
"""

from collections.abc import Sequence
from itertools import pairwise

_MOST_PICTURES = 100
_USUAL_STEP_90K = 3_600
# Pictures are shown at most this much before the latest that was decoded.
_LONGEST_REORDERING_90K = 90_000

type Times = tuple[int | None, int | None]


def is_settled(times: Sequence[Times]) -> bool:
    """True when the times of the stream's first pictures, (shown, decoded), can be filled in by what is known."""
    known = [pts for pts, _ in times if pts is not None]
    decoded = times[-1][1] is not None
    return len(times) >= _MOST_PICTURES or (decoded and (len(known) == len(times) or len(known) > 1))


def filled_in(times: Sequence[Times]) -> list[tuple[int, int]]:
    """Complete times of the first pictures, in decoding order; those that are known stay as they are."""
    known = sorted({pts for pts, _ in times if pts is not None})
    step = min((later - sooner for sooner, later in pairwise(known)), default=_USUAL_STEP_90K)
    missing = sum(pts is None for pts, _ in times)
    guessed = iter(range((known[0] if known else 0) - missing * step, known[0] if known else 0, step))
    shown = [next(guessed) if pts is None else pts for pts, _ in times]
    # libav's decoding times are the times of showing in their order, so many pictures later as are held back.
    order = sorted(shown)
    delays = [n - order.index(dts) for n, (_, dts) in enumerate(times) if dts in order]
    delay = max(0, delays[0]) if delays else max(n - order.index(pts) for n, pts in enumerate(shown)) if shown else 0
    order = [*(order[0] - step * (delay - n) for n in range(delay)), *order]
    decoded = [order[n] if dts is None else dts for n, (_, dts) in enumerate(times)]
    # Whatever was guessed: one after the other, and before what is known.
    for n in range(len(decoded) - 2, -1, -1):
        if times[n][1] is None:
            decoded[n] = min(decoded[n], decoded[n + 1] - 1)
    return list(zip(shown, decoded, strict=True))


def is_flowing(arrivals_us: Sequence[int], decoded: Sequence[int]) -> bool:
    """True when the last picture has come at the pace of the camera's clock, or too many have come without one."""
    if len(arrivals_us) < 2:
        return False
    took_us, lasts_90k = arrivals_us[-1] - arrivals_us[-2], decoded[-1] - decoded[-2]
    return len(arrivals_us) >= _MOST_PICTURES or 2 * took_us >= lasts_90k * 100 // 9


def earliest_us(arrivals_us: Sequence[int], decoded: Sequence[int]) -> list[int]:
    """When pictures that came all at once must have come to libav: no later than those behind them tell."""
    earliest = []
    zero_us: int | None = None
    for arrival_us, decoded_at in zip(reversed(arrivals_us), reversed(decoded), strict=True):
        since_us = decoded_at * 100 // 9
        zero_us = arrival_us - since_us if zero_us is None else min(zero_us, arrival_us - since_us)
        earliest.append(zero_us + since_us)
    return earliest[::-1]


def decoded_90k(pts_90k: int, last_90k: int) -> int:
    """When a picture without a decoding time is decoded: when it is shown, but not before the one before it."""
    return last_90k + 1 if 0 <= last_90k - pts_90k < _LONGEST_REORDERING_90K else pts_90k
