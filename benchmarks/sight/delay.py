"""How long after somebody comes into the picture movement is told: a real street's people, who pass now and then.

Each passing begins with half a second in which somebody is faded in; the time counts from its beginning. Everything is
looked at, so the gate, decoding and the way to whoever listens are not in it (`gate`, `live`).
"""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from safe_community_recorder.vision.gray import Gray, analysis_size
from safe_community_recorder.vision.motion import MotionDetector

from .encoded import scaled
from .passers_by import WEATHERS, Scene, Weather, clip_of, scene
from .street import FPS, street

_MINUTES = 5.0
_EVERY = 2


@dataclass(frozen=True, slots=True)
class Delay:
    """Who passed in a weather, how many of them were told while they passed, and after how many seconds each."""

    weather: str
    passed: int
    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The median; 0 where nobody was told."""
        return statistics.median(self.seconds) if self.seconds else 0.0

    @property
    def longest_s(self) -> float:
        """The longest; 0 where nobody was told."""
        return max(self.seconds, default=0.0)


def measure(minutes: float = _MINUTES) -> list[Delay]:
    """All weathers, at five pictures a second."""
    village = scene(clip_of("street", street(), FPS), 60 * minutes, quiet_s=25, seed=8)
    return [_told(village, weather) for weather in WEATHERS]


def _told(village: Scene, weather: Weather) -> Delay:
    detector = MotionDetector()
    waiting = list(village.passings)
    seconds: list[float] = []
    for number, picture in _pictures(village, weather):
        motion = detector.observe(picture, number / FPS)
        while waiting and number >= waiting[0].stop:
            waiting.pop(0)
        if waiting and number >= waiting[0].start and motion.moving and motion.activity > 0:
            seconds.append((number - waiting.pop(0).start) / FPS)
    return Delay(weather.name, len(village.passings), tuple(seconds))


def _pictures(village: Scene, weather: Weather) -> Iterator[tuple[int, Gray]]:
    size: tuple[int, int] | None = None
    for number, picture in enumerate(weather.over(village.frames(), FPS)):
        if number % _EVERY == 0:
            size = size or analysis_size(picture.shape[1], picture.shape[0])
            yield number, scaled(picture, *size)
