"""The command `vision`: what it says and draws of footage and clips, and what it refuses."""

import json
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import pytest
from PIL import Image

from safe_community_recorder import utc
from safe_community_recorder.__main__ import main
from safe_community_recorder.archive.layout import relative_path
from safe_community_recorder.archive.notes import LOCKS_NAME
from safe_community_recorder.audit.log import AuditLog
from safe_community_recorder.audit.reading import Wanted, every
from safe_community_recorder.audit.verification import verify
from safe_community_recorder.media.cmaf import Group, Sample
from tests.recorder.footage import PICTURE_90K, recorded
from tests.recorder.village_scene import stream

S = utc.SECOND_US
CAMERAS = """\
version: 1
name: Safe Community
time_zone: Europe/Vilnius
elderships: [{id: pabirze, name: Pabiržė}]
cameras:
  - id: stop
    name: Stotelė
    eldership: pabirze
    url: rtsp://192.0.2.10/main
    retention_days: 3
    vision: {zones: [{id: left, name: Kairė, area: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}
"""


@dataclass(frozen=True)
class World:
    """A recorder's directories, and a camera that recorded forty seconds in which somebody crosses from 20 to 26."""

    path: Path
    start_us: int

    @property
    def archive(self) -> Path:
        return self.path / "data" / "archive"

    def asked(self, *more: str, camera: str = "stop", start: str = "", end: str = "") -> list[str]:
        """The command's arguments."""
        given = ["vision", "--data", str(self.path / "data"), "--config", str(self.path / "cameras.yaml")]
        start = start or utc.to_text(self.start_us)
        end = end or utc.to_text(self.start_us + 40 * S)
        return [*given, "--camera", camera, "--from", start, "--to", end, *more]


def filmed(path: Path, start_us: int) -> World:
    world = World(path, start_us)
    footage = stream(40, ((20.0, 26.0),))
    groups: list[list[Sample]] = []
    for unit in footage.units:
        if unit.is_key:
            groups.append([])
        groups[-1].append(Sample(unit.data, PICTURE_90K, unit.pts_90k - unit.dts_90k))
    whole = [Group(footage.video, start_us + number * S, tuple(group)) for number, group in enumerate(groups)]
    file = world.archive / relative_path("stop", start_us)
    file.parent.mkdir(parents=True)
    file.write_bytes(recorded(whole, closed=True)[0])
    (path / "cameras.yaml").write_text(CAMERAS)
    return world


def an_hour_ago() -> int:
    return (time.time_ns() // 1_000 // S - 3_600) * S


@pytest.fixture
def world(tmp_path: Path) -> World:
    return filmed(tmp_path, an_hour_ago())


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def observations(said: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    return [line for line in said if "observation" in line]


def test_recorded_footage_shows_who_crossed_when_and_in_which_zone(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(world.asked("--json")) == 0
    said = lines(capsys)
    (crossed,) = observations(said)
    assert crossed["observation"] == "motion"
    assert crossed["zone"] == "left"
    assert abs(float(str(crossed["start_s"])) - (world.start_us / S + 20)) < 1
    looks = [line for line in said if "frame" in line]
    assert len(looks) == 200
    moving = [line for line in looks if line["boxes"]]
    assert {look["frame"] for look in moving} <= set(range(195, 400))
    boxes = moving[len(moving) // 2]["boxes"]
    assert isinstance(boxes, list)
    left, top, width, height = boxes[0]
    assert 0 <= left <= 320 - 24
    assert top < 110 < top + height
    assert 16 <= width <= 80


def test_what_is_drawn_is_for_its_owner_only_and_the_archive_stays_as_it_was(world: World, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in world.archive.rglob("*")}
    out = tmp_path / "out"
    assert main(world.asked("--out", str(out), "--video", "--compare", "3,5,9")) == 0
    page, film = sorted(out.iterdir(), key=lambda path: path.suffix, reverse=True)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (page, film)} == {0o600}
    assert {path: path.stat().st_mtime_ns for path in world.archive.rglob("*")} == before
    with Image.open(page) as picture:
        assert picture.width == 1280
        colours = {colour for _, colour in picture.getcolors(1 << 24) or []}
    assert {(237, 51, 59), (26, 95, 180)} <= colours
    with av.open(str(film)) as container:
        video = container.streams.video[0]
        assert video.codec_context.name == "h264"
        assert video.height > 180
        assert 38 < float(container.duration or 0) / av.time_base < 41


def test_several_sensitivities_are_said_one_under_the_other(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(world.asked("--compare", "1,5,9")) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("sensitivity")] == [f"sensitivity {n}:" for n in (1, 5, 9)]
    assert any("motion" in line and "left" in line and "score" in line for line in said)


def test_times_are_those_of_the_camera_file(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    local = utc.from_us(world.start_us).astimezone(ZoneInfo("Europe/Vilnius"))
    crossed = local + timedelta(seconds=20)
    start, end = f"{local:%Y-%m-%dT%H:%M:%S}", utc.to_text(world.start_us + 40 * S)
    assert main(world.asked(start=start, end=end)) == 0
    assert f"{crossed:%Y-%m-%d %H:%M:}" in capsys.readouterr().out


def test_zones_can_be_tried_out_before_they_stand_in_the_camera_file(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zones = tmp_path / "zones.json"
    zones.write_text('{"zones": [{"id": "sky", "area": [[0, 0], [1, 0], [1, 0.3], [0, 0.3]]}]}')
    assert main(world.asked("--json", "--zones", str(zones))) == 0
    assert observations(lines(capsys)) == []


def test_a_look_is_in_the_audit_log_before_anything_is_shown(world: World) -> None:
    recorder = AuditLog(world.path / "data")
    recorder.append("recorder_started", {"actor": "recorder"})
    assert main(world.asked("--reason", "kiosk burgled")) == 0
    recorder.append("recorder_stopped", {"actor": "recorder"})
    recorder.close()
    (look,) = every(world.path / "data", Wanted(event="look"))
    assert look.content["actor"].startswith("command line (")
    assert look.content["camera_id"] == "stop"
    assert (look.content["reason"], look.content["outcome"]) == ("kiosk burgled", "done")
    assert look.content["details"] == {"kind": "vision"}
    assert verify(world.path / "data") == []


def test_without_its_record_nothing_is_shown(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.path / "data" / "audit").write_text("no directory")
    assert main(world.asked("--json")) == 2
    told = capsys.readouterr()
    assert "audit log cannot be written" in told.err
    assert told.out == ""


def test_what_is_past_its_days_is_not_shown_unless_it_is_locked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = filmed(tmp_path, an_hour_ago() - 4 * 86_400 * S)
    assert main(world.asked("--json")) == 2
    told = capsys.readouterr()
    assert "past its days" in told.err
    assert told.out == ""
    (look,) = every(world.path / "data", Wanted(event="look"))
    assert look.content["outcome"] == "refused"
    now_us = time.time_ns() // 1_000
    lock = {"lock": "1", "camera": "stop", "owner": "A", "reason": "police", "released": None}
    times = {"start": world.start_us, "end": world.start_us + 10 * S, "created": now_us, "expires": now_us + 86_400 * S}
    text = json.dumps(lock | {name: utc.to_text(at_us) for name, at_us in times.items()})
    (world.archive / LOCKS_NAME).write_text(f"\n{text}\n")
    assert main(world.asked("--json")) == 0
    assert len(lines(capsys)) == 50


def test_a_clip_needs_no_recorder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = filmed(tmp_path, an_hour_ago()).archive
    (file,) = clip.rglob("*Z.mp4")
    assert main(["vision", "--file", str(file), "--all", "--json"]) == 0
    said = lines(capsys)
    assert [line["frame"] for line in said if "frame" in line] == list(range(400))
    (crossed,) = observations(said)
    assert 19 < float(str(crossed["start_s"])) < 21.5


def test_frames_in_a_directory_are_a_clip_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        Image.new("RGB", (320, 180), (90, 100, 110)).save(tmp_path / f"in{number:06}.png")
    assert main(["vision", "--file", str(tmp_path), "--rate", "2", "--json"]) == 0
    assert [line["at_s"] for line in lines(capsys)] == [0, 0.5, 1, 1.5, 2, 2.5]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--sensitivity", "12"], "a number from 1 to 9 was expected"),
        (["--compare", "3,x"], "a number from 1 to 9 was expected"),
        (["--every", "-1"], "seconds from 0 to 3600 were expected"),
        (["--video"], "--video needs --out"),
        (["--minimum", "-3"], "--minimum: "),
        (["--zones", "/nowhere.yaml"], "/nowhere.yaml"),
        (["--camera", "school"], "there is no camera school in the camera file; it has: stop"),
        (["--from", "yesterday"], "a time like 2026-11-21T22:00 was expected"),
        (["--from", "2026-03-29T03:30"], "there is no such time in Europe/Vilnius"),
        (["--from", "2026-10-25T03:30"], "this time comes twice in Europe/Vilnius"),
        (["--to", "2026-01-01T00:00Z"], "later than --from, by a day at most"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    more: list[str], told: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(world.asked(*more))
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_no_video_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    assert main(["vision", "--file", str(tmp_path / "notes.txt")]) == 2
    assert "cannot be read as video" in capsys.readouterr().err


def test_what_is_broken_off_leaves_no_file(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    monkeypatch.setattr("safe_community_recorder.vision_command.draw_film", interrupted)
    assert main(world.asked("--out", str(out), "--video")) == 130
    assert list(out.iterdir()) == []
