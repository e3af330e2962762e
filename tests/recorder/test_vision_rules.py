"""What the camera file says of looking at cameras: zones, sensitivity, and how clearly a wrong one is refused."""

from math import cos, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import config
from safe_community_recorder.areas import AreaError, area_of
from safe_community_recorder.config import ConfigError, VisionRules

CAMERA_FILE = """\
version: 1
name: Biržai
elderships:
  - {id: pabirze, name: Pabiržė}
cameras:
  - id: stop
    name: Stotelė
    eldership: pabirze
    url: rtsp://192.0.2.1/main
    vision:
      sensitivity: 7
      minimum_s: 1
      zones:
        - {id: door, name: Durys, area: [[0, 0], [0.5, 0], [0.5, 0.5]]}
        - {id: yard, area: [[0.5, 0.5], [1, 0.5], [1, 1]]}
      ignore:
        - [[0.9, 0], [1, 0], [1, 0.2]]
vision: {cpu: 40 %}
"""


def test_rules_are_read() -> None:
    read = config.parse(CAMERA_FILE)
    rules = read.cameras[0].vision
    assert (rules.enabled, rules.sensitivity, rules.minimum_s, rules.tampering) == (True, 7, 1, True)
    assert [(zone.id, zone.area[1]) for zone in rules.zones] == [("door", (0.5, 0.0)), ("yard", (1.0, 0.5))]
    assert rules.ignore == (((0.9, 0.0), (1.0, 0.0), (1.0, 0.2)),)
    assert rules.names == (("door", "Durys"),)
    assert read.vision.cpu_fraction == 0.4


def test_a_camera_that_says_nothing_is_looked_at_as_usual() -> None:
    plain = config.parse("".join(CAMERA_FILE.partition("    vision:")[0]))
    assert plain.cameras[0].vision == VisionRules()
    assert plain.cameras[0].vision.as_dict() == {}
    assert plain.vision.cpu_fraction == 0.25


def test_rules_tell_what_was_said_of_them() -> None:
    told = config.parse(CAMERA_FILE).cameras[0].vision.as_dict()
    assert told == {
        "sensitivity": 7,
        "minimum_s": 1,
        "zones": [
            {"id": "door", "name": "Durys", "area": [[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]},
            {"id": "yard", "area": [[0.5, 0.5], [1.0, 0.5], [1.0, 1.0]]},
        ],
        "ignore": [[[0.9, 0.0], [1.0, 0.0], [1.0, 0.2]]],
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "sensitivity: 7",
            "sensitivity: 10",
            "line 11, column 20: cameras[0].vision.sensitivity: a whole number from 1",
        ),
        ("sensitivity: 7", "sensitivity: 2.5", "cameras[0].vision.sensitivity: a whole number from 1 to 9 was"),
        (
            "sensitivity: 7",
            "sensitivty: 7",
            "line 11, column 7: cameras[0].vision.sensitivty: this key is unknown; did",
        ),
        ("sensitivity: 7", "qwx: 7", "known are enabled, sensitivity, zones, ignore, minimum_s, tampering"),
        ("minimum_s: 1", "minimum_s: 0.1", "line 12, column 18: cameras[0].vision.minimum_s: 0.2 to 60 seconds"),
        ("id: yard", "id: door", "line 15, column 11: cameras[0].vision.zones[1]: the zone door is there twice"),
        ("id: yard", "id: Yard!", "line 15, column 16: cameras[0].vision.zones[1].id: 1 to 64 of a-z"),
        ("id: yard, ", "", "line 15, column 11: cameras[0].vision.zones[1].id: this is missing"),
        (
            "id: yard, ",
            "id: yard, aria: 1, ",
            "cameras[0].vision.zones[1].aria: this key is unknown; did you mean area",
        ),
        (
            "[1, 1]]",
            "[1, 1.5]]",
            "line 15, column 51: cameras[0].vision.zones[1].area[2]: x and y from 0 (left, top) to",
        ),
        ("[1, 1]]", "[1]]", "line 15, column 51: cameras[0].vision.zones[1].area[2]: a point was expected: [x, y]"),
        ("[1, 1]]", "[1, true]]", "cameras[0].vision.zones[1].area[2]: a point was expected"),
        ("[1, 1]]", "[1, .nan]]", "cameras[0].vision.zones[1].area[2]: x and y from 0"),
        (", [1, 1]]", "]", "line 15, column 28: cameras[0].vision.zones[1].area: 3 to 32 points were expected"),
        ("[1, 1]]", "[0.5, 0.5]]", "area[2]: this point is there twice; the first need not be repeated at the end"),
        ("[1, 1]]", "[0.75, 0.5]]", "cameras[0].vision.zones[1].area: the lines between these points cross or touch"),
        ("- [[0.9, 0], [1, 0], [1, 0.2]]", "- [0.9, 0]", "line 17, column 12: cameras[0].vision.ignore[0][0]: a point"),
        ("cpu: 40 %", "cpu: 40", 'line 18, column 15: vision.cpu: "25 %" (1 to 100) was expected'),
        ("cpu: 40 %", "cpu: 0.5 %", 'vision.cpu: "25 %" (1 to 100) was expected'),
        ("cpu: 40 %", "gpu: 40 %", "line 18, column 10: vision.gpu: this key is unknown; did you mean cpu?"),
    ],
)
def test_wrong_rules_are_refused_with_their_place(old: str, new: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.parse(CAMERA_FILE.replace(old, new))
    assert expected in str(refused.value)


def test_more_than_sixteen_zones_are_refused() -> None:
    zones = "".join(f"        - {{id: z{n}, area: [[0, 0], [1, 0], [1, 1]]}}\n" for n in range(15))
    with pytest.raises(ConfigError, match="at most 16 were expected"):
        config.parse(CAMERA_FILE.replace("      ignore:", f"{zones}      ignore:"))


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0), (1, 1), (1, 0), (0, 1)],
        [(0, 0), (1, 0), (1, 1), (0.5, 0)],
        [(0, 0), (1, 0), (0.5, 0), (0.5, 1)],
        [(0, 0), (0.5, 0.5), (1, 1)],
        [(0.1, 0.1), (0.11, 0.1), (0.11, 0.11)],
    ],
)
def test_what_encloses_nothing_or_crosses_itself_is_no_area(points: list[tuple[float, float]]) -> None:
    with pytest.raises(AreaError):
        area_of(points)


@given(st.lists(st.floats(0, 6.28), min_size=3, max_size=32, unique_by=lambda angle: round(angle, 2)))
def test_corners_named_in_turn_around_a_point_are_an_area_if_they_enclose_anything(angles: list[float]) -> None:

    turn = sorted(angles)
    points = [(0.5 + 0.4 * cos(angle), 0.5 + 0.4 * sin(angle)) for angle in turn]
    between = [after - before for before, after in zip(turn, [*turn[1:], turn[0] + 6.283185307179586], strict=True)]
    enclosed = 0.08 * sum(sin(angle) for angle in between)
    if abs(enclosed - 0.0005) < 1e-6:
        return
    if enclosed > 0.0005:
        assert area_of(points) == tuple(points)
    else:
        with pytest.raises(AreaError, match="next to nothing"):
            area_of(points)
