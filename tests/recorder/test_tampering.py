"""Tampering in gray keyframes: each kind by its name and soon, and what is none."""

from collections.abc import Callable

import numpy as np
import pytest

from safe_community_recorder.vision.gray import Gray
from safe_community_recorder.vision.tampering import Finding, Tampering, TamperingDetector

HEIGHT, WIDTH = 176, 320
BEAT_S = 2.0
LEARNED_S = 60.0
DAY, INFRARED = 5.0, 0.2

type Deed = Callable[[Gray, float], Gray]
"""What becomes of a picture, so many seconds after it began."""


class Camera:
    """A camera's keyframes, and what its detector finds in them."""

    def __init__(self, references: bytes | None = None, *, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        coarse = np.kron(rng.uniform(60, 170, (HEIGHT // 16, WIDTH // 16)), np.ones((16, 16)))
        fine = np.kron(rng.uniform(-15, 15, (HEIGHT // 2, WIDTH // 2)), np.ones((2, 2)))
        self.view = np.roll(coarse, (seed % 8, seed % 5), (0, 1)) + fine
        self.rng = rng
        self.detector = TamperingDetector(references=references)
        self.at_s = 0.0

    def shows(self, seconds: float, deed: Deed | None = None, *, colour: float = DAY) -> list[tuple[float, str]]:
        """What is found of so many seconds more, each kind when it is found first, "" when it ends."""
        found: list[tuple[float, str]] = []
        begun_s = self.at_s
        while self.at_s < begun_s + seconds:
            picture = self.picture()
            passed_s = self.at_s - begun_s
            findings = self.detector.observe(deed(picture, passed_s) if deed else picture, self.at_s, colour=colour)
            kind = findings[0].kind.value if findings else ""
            if kind != (found[-1][1] if found else ""):
                found.append((passed_s, kind))
            self.at_s += BEAT_S
        return found

    def picture(self) -> Gray:
        """The view, with a sensor's noise."""
        return noisy(self.view, self.rng)


type Levels = np.ndarray[tuple[int, ...], np.dtype[np.floating]]


def noisy(levels: Levels, rng: np.random.Generator, much: float = 2) -> Gray:
    """Levels as a sensor gives them."""
    picture: Gray = np.clip(levels + rng.normal(0, much, (HEIGHT, WIDTH)), 0, 255).astype(np.uint8)
    return picture


RNG = np.random.default_rng(3)


def hand(_: Gray, __: float) -> Gray:
    """In front of all of the lens."""
    return noisy(np.full((HEIGHT, WIDTH), 60.0), RNG)


def bag(picture: Gray, _: float) -> Gray:
    """In front of three quarters of it."""
    covered = picture.copy()
    covered[:, : WIDTH * 3 // 4] = hand(picture, 0.0)[:, : WIDTH * 3 // 4]
    return covered


def grease(picture: Gray, _: float) -> Gray:
    """Everything is blurred."""
    levels: Levels = picture.astype(np.float64)
    for axis in (0, 1) * 3:
        levels = np.mean([np.roll(levels, by, axis) for by in range(-4, 5)], axis=0)
    return noisy(levels, RNG, 1.5)


def push(picture: Gray, _: float) -> Gray:
    """The camera looks a little aside."""
    return np.roll(picture, (10, 25), (0, 1))


def lamp(picture: Gray, _: float) -> Gray:
    """Somebody holds a torch into it."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    glare = 400 * np.exp(-((down - 80) ** 2 + (across - 160) ** 2) / (2 * 90**2))
    bright: Gray = np.clip(picture + glare, 0, 255).astype(np.uint8)
    return bright


def night(picture: Gray, _: float) -> Gray:
    """Without any light."""
    return noisy(np.full(picture.shape, 2.0), RNG, 1)


def no_picture(picture: Gray, _: float) -> Gray:
    """What an encoder shows that has lost its camera."""
    return np.full_like(picture, 41)


def frozen() -> Deed:
    """The same picture again and again."""
    first: list[Gray] = []

    def deed(picture: Gray, _: float) -> Gray:
        first.append(picture)
        return first[0]

    return deed


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (hand, "covered"),
        (bag, "covered"),
        (grease, "defocused"),
        (push, "moved"),
        (frozen(), "frozen"),
        (night, "dark"),
        (lamp, "blinded"),
        (no_picture, "no_signal"),
    ],
)
def test_each_kind_is_found_by_its_name_within_twenty_seconds_and_ends(deed: Deed, kind: str) -> None:
    camera = Camera()
    assert camera.shows(LEARNED_S) == []
    [(found_s, named)] = camera.shows(60, deed)
    assert named == kind
    assert found_s <= 20
    camera.shows(120)
    assert camera.shows(60) == []


def test_a_camera_that_is_turned_away_shows_another_view_not_a_cover() -> None:
    camera, elsewhere = Camera(), Camera(seed=20)
    camera.shows(LEARNED_S)
    assert [kind for _, kind in camera.shows(60, lambda *_: elsewhere.picture())] == ["moved"]


@pytest.mark.parametrize(
    "deed",
    [
        lambda picture, _: (picture * 0.5).astype(np.uint8),
        lambda picture, at_s: (picture * max(0.05, 1 - at_s / 1_800)).astype(np.uint8),
        lambda picture, at_s: bag(picture, at_s) if at_s < 10 else picture,
        lambda picture, at_s: lamp(picture, at_s) if at_s % 30 < 4 else picture,
        lambda picture, _: np.where(RNG.random(picture.shape) < 0.03, 250, picture).astype(np.uint8),
    ],
    ids=["half the light", "dusk", "a lorry for ten seconds", "headlights", "snow"],
)
def test_light_weather_and_what_passes_are_no_tampering(deed: Deed) -> None:
    camera = Camera()
    camera.shows(LEARNED_S)
    assert camera.shows(2_400, deed) == []


def test_a_switch_to_infrared_light_and_back_is_none_and_each_light_has_its_own_reference() -> None:
    def infrared(picture: Gray, _: float) -> Gray:
        across = np.linspace(-1, 1, WIDTH)
        return noisy(picture * (1.1 - 0.8 * across**2), RNG, 4)

    camera = Camera()
    for _ in range(3):
        assert camera.shows(300) == []
        assert camera.shows(300, infrared, colour=INFRARED) == []
    assert [kind for _, kind in camera.shows(60, hand, colour=INFRARED)] == ["covered"]


def test_what_is_known_of_a_view_is_small_and_holds_over_a_restart() -> None:
    camera = Camera()
    camera.shows(LEARNED_S)
    kept = camera.detector.references
    assert 100 < len(kept) <= 100_000
    assert [kind for _, kind in Camera(kept).shows(60, hand)] == ["covered"]
    assert Camera(kept).shows(60) == []
    assert Camera().shows(60, hand) == []


def test_damaged_references_are_passed_over() -> None:
    camera = Camera()
    camera.shows(LEARNED_S)
    kept = camera.detector.references
    for damaged in (b"x", kept[:-1], kept[:50], kept[:100] + b"\xff\xff" + kept[102:], kept[::-1], b"\0" * 5_000):
        assert Camera(damaged).shows(30) == []


def test_a_view_to_which_the_camera_was_moved_for_good_is_its_own_after_twelve_hours() -> None:
    camera = Camera()
    camera.shows(LEARNED_S)
    told: list[Finding] = []
    while camera.at_s < 13.5 * 3600:
        told += camera.detector.observe(push(camera.picture(), 0.0), camera.at_s, colour=DAY)[:1]
        camera.at_s += 10 * BEAT_S
    assert {finding.kind for finding in told} == {Tampering.MOVED}
    assert camera.shows(30, push) == []
    assert [kind for _, kind in camera.shows(60, hand)] == ["covered"]


def test_what_comes_back_within_a_minute_is_the_same() -> None:
    camera = Camera()
    camera.shows(LEARNED_S)
    begun_s = camera.at_s
    camera.shows(40, hand)
    camera.shows(30)
    camera.shows(30, hand)
    [finding] = camera.detector.observe(hand(camera.picture(), 0.0), camera.at_s, colour=DAY)
    assert finding.since_s - begun_s < 5


def test_a_camera_that_was_away_begins_its_persistence_anew_and_knows_its_view() -> None:
    camera = Camera()
    camera.shows(LEARNED_S)
    camera.shows(12, hand)
    camera.detector.forget()
    [(found_s, kind)] = camera.shows(60, hand)
    assert (kind, found_s > 10) == ("covered", True)


def test_sizes_may_change_and_tiny_ones_are_refused() -> None:
    camera = Camera()
    camera.shows(20)
    assert camera.detector.observe(np.zeros((96, 160), np.uint8), camera.at_s) == ()
    with pytest.raises(ValueError, match="16 × 16"):
        camera.detector.observe(np.zeros((8, 160), np.uint8), camera.at_s + 1)
