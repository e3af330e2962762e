"""How one camera is changed in the camera file: everything else in it stays as a person wrote it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import camera_file, config
from safe_community_recorder.config import ConfigError

COMMENTED = """\
# Cameras of Biržai; Jonas knows the passwords.
version: 1
name: "Biržai"
elderships:
- {id: pabirze, name: Pabiržė}   # north
cameras:
# Bought in 2024.
- id: stop          # on the pole
  name: 'Stotelė'   # as on the map
  # Its address:
  url: "rtsp://user:hunter2@192.0.2.1/main"
  detect_url: rtsp://user:hunter2@192.0.2.1/sub
  eldership: pabirze

# Bought in 2025.
- {id: school, name: Mokykla, url: 'rtsp://192.0.2.2/', eldership: pabirze}

# How long:
storage: {retention_days: 7}
# The end."""

ENTRY: dict[str, object] = {"name": "Nauja", "eldership": "pabirze"}


def test_only_the_lines_that_change_are_touched() -> None:
    text = camera_file.with_camera(COMMENTED, "stop", {**ENTRY, "retention_days": 3, "review": "2027-01-31"})
    expected = COMMENTED.replace("'Stotelė'", "Nauja").replace(
        "  eldership: pabirze\n", "  eldership: pabirze\n  retention_days: 3\n  review: 2027-01-31\n", 1
    )
    assert text == expected
    assert config.parse(text).cameras[0].processing.review == date(2027, 1, 31)


def test_addresses_stay_unless_the_entry_names_them() -> None:
    stop = config.parse(camera_file.with_camera(COMMENTED, "stop", ENTRY)).cameras[0]
    assert (stop.url, stop.detect_url) == ("rtsp://user:hunter2@192.0.2.1/main", "rtsp://user:hunter2@192.0.2.1/sub")
    entry = {**ENTRY, "url": "rtsp://192.0.2.9/new", "detect_url": None}
    stop = config.parse(camera_file.with_camera(COMMENTED, "stop", entry)).cameras[0]
    assert (stop.url, stop.detect_url) == ("rtsp://192.0.2.9/new", None)


def test_an_entry_on_one_line_stays_on_one_line() -> None:
    text = camera_file.with_camera(COMMENTED, "school", {**ENTRY, "purpose": "Order, and calm"})
    expected = "{id: school, name: Nauja, url: 'rtsp://192.0.2.2/', eldership: pabirze, purpose: \"Order, and calm\"}"
    assert expected in text
    assert text.splitlines()[:15] == COMMENTED.splitlines()[:15]


def test_a_new_camera_comes_behind_the_last_one() -> None:
    text = camera_file.with_camera(COMMENTED, "park", {**ENTRY, "url": "rtsp://192.0.2.3/", "paused": True})
    added = "- id: park\n  name: Nauja\n  eldership: pabirze\n  url: rtsp://192.0.2.3/\n  paused: true\n"
    last = "eldership: pabirze}\n"
    assert text == COMMENTED.replace(last, last + added)


def test_a_camera_taken_out_leaves_the_rest_as_it_was() -> None:
    text = camera_file.without_camera(COMMENTED, "stop")
    start, end = COMMENTED.index("- id: stop"), COMMENTED.index("\n# Bought in 2025")
    assert text == COMMENTED[:start] + COMMENTED[end:]
    emptied = camera_file.without_camera(text, "school")
    assert "cameras: []\n" in emptied
    back = camera_file.with_camera(emptied, "park", {**ENTRY, "url": "rtsp://192.0.2.3/"})
    assert [camera.id for camera in config.parse(back).cameras] == ["park"]
    with pytest.raises(camera_file.UnknownCameraError):
        camera_file.without_camera(text, "stop")


def test_a_change_of_one_key_leaves_all_others_as_they_stand() -> None:
    paused = camera_file.with_changes(COMMENTED, "stop", {"paused": True})
    assert paused == COMMENTED.replace("  eldership: pabirze\n", "  eldership: pabirze\n  paused: true\n", 1)
    assert camera_file.with_changes(paused, "stop", {"paused": None}) == COMMENTED
    without = config.parse(camera_file.with_changes(COMMENTED, "stop", {"detect_url": None})).cameras[0]
    assert (without.detect_url, without.url) == (None, "rtsp://user:hunter2@192.0.2.1/main")
    for wrong, field in (({"id": "park"}, "id"), ({"pause": True}, "pause"), ({"name": None}, "name")):
        with pytest.raises(ConfigError) as refused:
            camera_file.with_changes(COMMENTED, "stop", wrong)
        assert refused.value.field == field
    with pytest.raises(camera_file.UnknownCameraError):
        camera_file.with_changes(COMMENTED, "park", {"paused": True})


def test_line_ends_of_windows_stay() -> None:
    text = camera_file.with_camera(COMMENTED.replace("\n", "\r\n"), "park", {**ENTRY, "url": "rtsp://192.0.2.3/"})
    assert text.replace("\r\n", "") == text.replace("\n", "").replace("\r", "")


@pytest.mark.parametrize(
    ("entry", "field", "expected"),
    [
        ({"url": "rtsp://192.0.2.3/"}, "name", "missing"),
        (ENTRY, "url", "missing"),
        ({**ENTRY, "url": "nonsense"}, "url", "address"),
        (
            {**ENTRY, "url": "rtsp://a/", "eldership": "nowhere"},
            "eldership",
            "there is no eldership nowhere; the file has",
        ),
        ({**ENTRY, "url": "rtsp://a/", "retention_days": 31}, "retention_days", "justification"),
        ({**ENTRY, "url": "rtsp://a/", "id": "other"}, "id", "park was expected"),
        ({**ENTRY, "url": "rtsp://a/", "pausd": True}, "pausd", "did you mean paused?"),
        ({**ENTRY, "url": "rtsp://a/", "name": {"x": []}}, "name", "text was expected"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_field(entry: dict[str, object], field: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as refused:
        camera_file.with_camera(COMMENTED, "park", entry)
    assert refused.value.field == field


def test_what_only_a_person_can_change_is_refused_and_left_alone() -> None:
    shared = COMMENTED.replace("- {id: school, name: Mokykla,", "- {id: school, name: &n Mokykla,")
    shared = shared.replace(
        "\n# How long", "- {id: park, name: *n, url: 'rtsp://a/', eldership: pabirze}\n\n# How long"
    )
    assert len(config.parse(shared).cameras) == 3
    for changed in ("school", "park"):
        with pytest.raises(ConfigError, match="only a person"):
            camera_file.with_camera(shared, changed, ENTRY)
    with pytest.raises(ConfigError, match="only a person"):
        camera_file.without_camera(shared, "school")
    assert len(config.parse(camera_file.with_camera(shared, "stop", ENTRY)).cameras) == 3


# What people may write: everything that can be seen, and some that cannot.
PROSE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=60).filter(str.strip)
PROSE |= st.sampled_from(
    ["yes", "No", "12:30", "0x1F", "1e3", "~", "- a", "a: b", "a #b", "'", '"', "\\", "2026-01-01", "<<"]
)
ENTRIES = st.fixed_dictionaries(
    {"name": PROSE, "eldership": st.just("pabirze")},
    optional={
        "url": st.sampled_from(["rtsp://u:p%20@h:554/a?b=c&d=[e]#f", "http://[::1]:80/x,y{z}", "rtsps://h/'\"`|>!@*"]),
        "detect_url": st.sampled_from(["rtsp://h/sub", "rtsp://h/#x: y".replace(" ", "")]) | st.none(),
        "retention_days": st.integers(1, 366) | st.floats(0.04, 366),
        "retention_justification": PROSE,
        "purpose": PROSE,
        "review": st.dates().map(date.isoformat),
        "paused": st.booleans(),
        "vision": st.fixed_dictionaries(
            {},
            optional={
                "sensitivity": st.integers(1, 9),
                "tampering": st.booleans(),
                "zones": st.just([{"id": "door", "name": "Durys, dešinė", "area": [[0, 0], [0.25, 0], [1, 1.0]]}]),
                "ignore": st.just([[[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 1]]]),
            },
        ),
    },
)


@given(st.sampled_from(["stop", "school", "park"]), ENTRIES, st.sampled_from(["\n", "\r\n"]))
def test_whatever_the_entry_says_the_file_says_it_afterwards_and_no_other_camera_changes(
    camera_id: str, entry: dict[str, Any], newline: str
) -> None:
    before = COMMENTED.replace("\n", newline)
    if entry.get("retention_days", 0) > 30:
        entry.setdefault("retention_justification", "x")
    if camera_id == "park":
        entry.setdefault("url", "rtsp://192.0.2.3/")
    text = camera_file.with_camera(before, camera_id, entry)
    got, was = config.parse(text), config.parse(before)
    cameras = {camera.id: camera for camera in got.cameras}
    for camera in was.cameras:
        assert camera.id == camera_id or cameras[camera.id] == camera
    changed = cameras.pop(camera_id)
    assert (changed.name, changed.paused) == (entry["name"].strip(), entry.get("paused", False))
    said, vision = changed.vision.as_dict(), entry.get("vision", {})
    assert {**vision, **said} == vision
    assert {key for key in vision if key not in said and vision[key] not in (5, True)} == set()
    assert changed.processing.purpose == (entry["purpose"].strip() if "purpose" in entry else None)
    assert got == replace(was, cameras=got.cameras)
    for comment in ("# on the pole", "# as on the map", "# Its address:", "# Bought in 2025.", "# The end."):
        assert comment in text
    assert camera_file.with_camera(text, camera_id, entry) == text
