"""The gate: when sizes of passing pictures, and looks at some of them, let all be looked at."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from safe_community_recorder.vision.gate import Gate

_FPS = 10
_KEY_BYTES = 60_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate wanted of a stream: instants of all it asked for, and of those while it was open."""

    asked_s: tuple[float, ...]
    beats_s: tuple[float, ...]


type Amount = Callable[[float], float]
type Truth = Callable[[float], bool]


def nobody(_: float) -> bool:
    """Nothing moves."""
    return False


def between(start_s: float, end_s: float) -> Truth:
    """Something moves from … to."""
    return lambda at_s: start_s <= at_s < end_s


def stream(seconds: float, amount: Amount, group_s: float = 4.0) -> Iterator[tuple[int, bool, float]]:
    """Sizes of a camera with noise: a keyframe every `group_s`, between them `amount` bytes, a fifth more or less."""
    rng = random.Random(7)
    for number in range(round(seconds * _FPS)):
        at_s = number / _FPS
        is_key = number % round(group_s * _FPS) == 0
        size = _KEY_BYTES if is_key else amount(at_s)
        yield round(size * rng.lognormvariate(0, 0.02 if is_key else 0.2)), is_key, at_s


def watched(gate: Gate, pictures: Iterator[tuple[int, bool, float]], moves: Truth = nobody) -> Asked:
    """Lets the gate watch; looks say what is true, keyframes are looked at on its beat."""
    asked_s, beats_s = [], []
    beat_s = float("-inf")
    for size, is_key, at_s in pictures:
        wanted = gate.take(size, is_key, at_s)
        if wanted:
            asked_s.append(at_s)
        if is_key and at_s - beat_s > gate.beat_s - 0.5:
            beat_s = at_s
            beats_s.append(at_s)
            wanted = True
        if wanted:
            gate.seen(moves(at_s) and moves(at_s - 0.6), moves(at_s), at_s)
    return Asked(tuple(asked_s), tuple(beats_s))


def share(asked: Asked, start_s: float, end_s: float) -> float:
    """The share of the pictures from … to that was asked for."""
    return sum(start_s <= at_s < end_s for at_s in asked.asked_s) / ((end_s - start_s) * _FPS)


def test_a_camera_is_looked_at_in_full_in_the_beginning() -> None:
    asked = watched(Gate(), stream(9, lambda _: 400))
    assert share(asked, 0, 9) == 1


def test_quiet_is_looked_at_by_keyframes_every_four_seconds_and_hardly_else() -> None:
    gate = Gate()
    asked = watched(gate, stream(600, lambda _: 400))
    assert share(asked, 30, 600) < 0.02
    assert gate.informative
    assert [later - sooner for sooner, later in zip(asked.beats_s[5:], asked.beats_s[6:], strict=False)] == [
        pytest.approx(4.0)
    ] * (len(asked.beats_s) - 6)


def test_somebody_who_makes_pictures_half_as_large_again_is_looked_at_within_a_second() -> None:
    moves = between(101, 109)
    asked = watched(Gate(), stream(140, lambda at_s: 600 if moves(at_s) else 400), moves)
    assert any(101 <= at_s < 102 for at_s in asked.asked_s)
    assert share(asked, 103, 109) == 1
    assert share(asked, 115, 140) < 0.1


def test_somebody_whom_sizes_do_not_tell_is_found_by_the_beat_and_makes_it_careful() -> None:
    gate = Gate()
    asked = watched(gate, stream(140, lambda _: 400), between(101, 109))
    assert share(asked, 105, 109) == 1
    assert not gate.informative
    assert gate.beat_s == 2


def test_where_noise_is_coded_there_is_a_look_every_two_seconds() -> None:
    gate = Gate()
    asked = watched(gate, stream(200, lambda _: 12_000))
    looks_s = sorted({at_s for at_s in (*asked.asked_s, *asked.beats_s) if at_s > 20})
    assert not gate.informative
    assert max(later - sooner for sooner, later in itertools.pairwise(looks_s)) == pytest.approx(2.0)
    assert share(asked, 30, 200) < 0.1


def test_rain_that_makes_all_pictures_larger_is_taken_for_quiet_within_a_minute() -> None:
    asked = watched(Gate(), stream(400, lambda at_s: 400 if at_s < 100 else 900))
    assert share(asked, 100, 110) > 0
    assert share(asked, 160, 400) < 0.03


def test_when_the_rain_is_over_somebody_is_found_as_before() -> None:
    moves = between(301, 309)

    def amount(at_s: float) -> float:
        return 900 if 100 <= at_s < 200 else 600 if moves(at_s) else 400

    asked = watched(Gate(), stream(330, amount), moves)
    assert any(301 <= at_s < 302.5 for at_s in asked.asked_s)


def test_patterns_of_pictures_that_refer_to_others_are_learned() -> None:
    def amount(at_s: float) -> float:
        return 1_600 if round(at_s * _FPS) % 3 == 0 else 300

    asked = watched(Gate(), stream(400, amount, 30.0))
    assert share(asked, 100, 400) < 0.02


def test_what_is_suspicious_for_long_and_never_moves_does_not_hold_the_gate_open() -> None:
    gate = Gate()
    open_s = 0.0
    for size, is_key, at_s in stream(300, lambda _: 400):
        wanted = gate.take(size, is_key, at_s)
        if wanted or is_key:
            gate.seen(False, at_s > 50, at_s)
        open_s += wanted / _FPS if at_s > 60 else 0
    assert open_s < 60


def test_a_probe_asks_for_one_picture_and_opens_when_it_is_suspicious() -> None:
    gate = Gate()
    pictures = stream(200, lambda at_s: 400 if at_s < 100 else 1_500)
    for size, is_key, at_s in pictures:
        wanted = gate.take(size, is_key, at_s)
        if at_s >= 100 and wanted:
            break
        if wanted or is_key:
            gate.seen(False, False, at_s)
    assert gate.every_s > 0.5
    size, is_key, at_s = next(pictures)
    assert not gate.take(size, is_key, at_s)
    gate.seen(False, True, at_s - 1 / _FPS)
    size, is_key, at_s = next(pictures)
    assert gate.take(size, is_key, at_s)
    assert gate.every_s == pytest.approx(0.11)


def test_a_main_stream_is_not_looked_at_amid_its_groups_without_a_reason() -> None:
    asked = watched(Gate(amid_groups=False), stream(300, lambda _: 12_000))
    assert share(asked, 30, 300) < 0.02


def test_times_that_jump_and_pictures_of_any_size_do_no_harm() -> None:
    gate = Gate()
    rng = random.Random(3)
    at_s = 0.0
    for _ in range(5_000):
        at_s += rng.choice((0.0, 0.04, 0.04, 3_600.0, -50.0))
        gate.take(rng.choice((0, 1, 40_000_000)), rng.random() < 0.1, at_s)
        gate.seen(rng.random() < 0.1, rng.random() < 0.2, at_s)
    assert gate.every_s > 0
    assert gate.beat_s in {2.0, 4.0}
