"""The camera file: what is taken, what is refused and how clearly, how it is saved."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder import camera_file, config
from safe_community_recorder.config import ConfigError
from safe_community_recorder.strict_yaml import YamlError, decode

CAMERA_FILE = """\
version: 1
name: Biržai
elderships:
  - {id: pabirze, name: Pabiržė}
cameras:
  - id: stop
    name: Stotelė
    eldership: pabirze
    url: rtsp://user:hunter2@192.0.2.1/main
    retention_days: 20
storage: {retention_days: 7, quota_gb: 1.5}
"""

DOCUMENT = Path(__file__).parents[2] / "docs" / "camera-file.md"


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        config.parse(text)
    assert "hunter2" not in str(refused.value)
    return str(refused.value)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_camera_file_is_read() -> None:
    read = config.parse(CAMERA_FILE)
    assert [(camera.id, camera.eldership.name) for camera in read.cameras] == [("stop", "Pabiržė")]
    assert (read.retention_days("stop"), read.retention_days("gone")) == (20, 7)
    assert (read.storage.quota_bytes, read.storage.reserve_bytes) == (1_500_000_000, None)
    assert (read.storage.reserve_fraction, read.storage.memory_s) == (0.05, 30)
    assert read.time_zone.key == "Europe/Vilnius"
    assert not read.cameras[0].audio
    assert not read.cameras[0].paused
    assert "hunter2" not in repr(read)


def test_the_starter_is_a_camera_file_and_so_is_what_it_suggests() -> None:
    assert config.parse(config.STARTER).cameras == ()
    lines = config.STARTER.splitlines()
    suggested = [line[1:] if line.startswith("#  ") else line.removesuffix(" []") for line in lines]
    assert [camera.id for camera in config.parse("\n".join(suggested)).cameras] == ["pabirze-stotele"]
    storage = config.STARTER.replace("# storage", "storage")
    assert config.parse(storage).storage.quota_bytes == 500_000_000_000


def test_the_example_of_the_document_says_everything_that_can_be_said() -> None:
    example = DOCUMENT.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    read = config.parse(example)
    for key in config.CAMERA_KEYS:
        assert f" {key}: " in example, key
    full = read.cameras[0]
    assert full.processing.review == date(2027, 5, 1)
    assert len(full.processing.as_dict()) == len(full.processing.__dataclass_fields__)
    assert any(camera.paused for camera in read.cameras)
    assert read.storage.memory_s == 60


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1", "version: 2", "line 1, column 10: version: the file's version 1 was expected"),
        ("version: 1", "version: true", "line 1, column 10: version: the file's version 1"),
        ("eldership: pabirze", "eldership: nowhere", "line 8, column 16: cameras[0].eldership: there is no eldership"),
        ("id: stop", "id: ../etc", "line 6, column 9: cameras[0].id: 1 to 64 of"),
        ("url: rtsp:", "url: file:", "line 9, column 10: cameras[0].url: a camera's address was expected"),
        ("192.0.2.1/main", "192.0.2.1/ma in", "line 9, column 10: cameras[0].url: a camera's address"),
        ("rtsp://user:hunter2@192.0.2.1/main", "'rtsp://user:hunter2@'", "line 9, column 10: cameras[0].url: a camera"),
        ("rtsp://user:hunter2@192.0.2.1/main", '"rtsp://hunter2\\n@a/"', "line 9, column 10: cameras[0].url: a camera"),
        ("retention_days: 20", "retention_days: 40", "line 10, column 21: cameras[0].retention_days: more than 30"),
        ("retention_days: 20", "retention_days: true", "line 10, column 21: cameras[0].retention_days: 0.04 to 366"),
        ("retention_days: 20", "retention_days: .nan", "line 10, column 21: cameras[0].retention_days: 0.04 to 366"),
        (
            "retention_days: 20",
            "retention_dayz: 20",
            "line 10, column 5: cameras[0].retention_dayz: this key is unknown",
        ),
        ("retention_days: 20", "retention_dayz: 20", "did you mean retention_days?"),
        (
            "quota_gb",
            "qwxyz",
            "storage.qwxyz: this key is unknown; known are retention_days, quota_gb, reserve, memory_s",
        ),
        ("name: Stotelė", "name: ''", "line 7, column 11: cameras[0].name: 1 to 100 characters"),
        ("name: Stotelė", "name: No", "line 7, column 11: cameras[0].name: text was expected; what YAML takes for"),
        ("name: Stotelė", 'name: "a\\nb"', "line 7, column 11: cameras[0].name: one line of text was expected"),
        ("    name: Stotelė\n", "", "line 6, column 5: cameras[0].name: this is missing"),
        ("    name: Stotelė\n", "    name: a\n    name: b\n", "line 8, column 5: the key name is there twice"),
        (
            "    name: Stotelė\n",
            "    audio: true\n    name: b\n",
            "cameras[0].audio: recording sound needs an audio_just",
        ),
        ("    name: Stotelė\n", "    paused: 1\n    name: b\n", "line 7, column 13: cameras[0].paused: true or false"),
        ("    name: Stotelė\n", "    review: '2026-02-30'\n    name: b\n", "cameras[0].review: there is no such day"),
        ("    name: Stotelė\n", "    review: soon\n    name: b\n", "cameras[0].review: a date was expected, such as"),
        ("    name: Stotelė\n", "\tname: Stotelė\n", "line 7, column 1: a tab stands where spaces were expected"),
        ("version: 1", "version: 1\ntime_zone: Europe/Vilnus", "line 2, column 12: time_zone: a time zone such as"),
        ("version: 1", "version: 1\ntime_zone: Europe/Vilnus", "did you mean Europe/Vilnius?"),
        ("version: 1", "version: 1\ntime_zone: ../../etc/passwd", "time_zone: a time zone such as"),
        ("storage: {", "storage: {reserve: 5, ", 'line 11, column 20: storage.reserve: "5 %"'),
        ("storage: {", "storage: {reserve: 60 %, ", 'storage.reserve: "5 %"'),
        ("storage: {", "storage: {memory_s: 4, ", "storage.memory_s: 5 to 300 seconds were expected"),
        ("retention_days: 7", "retention_days: 31", "storage.retention_days: 0.04 to 30 days were expected"),
        ("cameras:", "cameras: {", "line 6, column 3: while parsing a flow node"),
        ("cameras:", "camras:", "line 5, column 1: camras: this key is unknown; did you mean cameras?"),
        ("  - {id: pabirze, name: Pabiržė}", "  - pabirze", "line 4, column 5: elderships[0]: keys and values were"),
        ("\n  - {id: pabirze, name: Pabiržė}", " none", "line 3, column 13: elderships: a list was expected"),
        ("name: Biržai", "name: !!python/object:os.system x", "line 2, column 7: text, number, date, list or mapping"),
        ("name: Biržai", "name: \x01", "line 2, column 7: the character U+0001 must not stand here"),
        ("name: Biržai", "name: 2026-13-45", "line 2, column 7: this is not a valid timestamp; text needs quotes"),
        ("name: Biržai", "1: 2", "line 2, column 1: a key was expected to be text"),
        ("name: Biržai", "name: Biržai\n---\n", "but found another document"),
    ],
)
def test_a_wrong_camera_file_is_refused_with_line_column_and_reason(old: str, new: str, expected: str) -> None:
    assert expected in refusal(CAMERA_FILE.replace(old, new, 1))


def test_two_things_of_one_id_and_files_without_content_are_refused() -> None:
    camera = CAMERA_FILE[CAMERA_FILE.index("  - id: stop") : CAMERA_FILE.index("storage")]
    assert "line 11, column 5: cameras[1]: the camera stop is" in refusal(
        CAMERA_FILE.replace("storage", camera + "storage")
    )
    place = "  - {id: pabirze, name: Pabiržė}\n"
    assert "elderships[1]: the eldership pabirze is there twice" in refusal(CAMERA_FILE.replace(place, 2 * place))
    for text in ("", "\n", "# nothing", "---"):
        assert refusal(text) == "the camera file is empty"
    assert "version, name and cameras" in refusal("- a\n- b")


def test_bombs_are_refused_before_they_go_off() -> None:
    doubling = "".join(f"k{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
    assert "when its aliases are written out" in refusal("k0: &a0 [x]\n" + doubling)
    merging = "".join(f"k{n + 1}: &a{n + 1}\n  <<: [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
    assert "when its aliases are written out" in refusal("k0: &a0 {x: y}\n" + merging)
    assert "must not contain itself" in refusal("name: &a [*a]")
    assert "nested too deeply" in refusal("name: " + "[" * 60 + "]" * 60)
    assert "nested too deeply" in refusal("name: " + "[" * 100_000)
    assert "not a valid int" in refusal("name: " + "9" * 5_000)


def test_aliases_and_merges_that_people_use_are_taken() -> None:
    shared = CAMERA_FILE.replace("- id: stop\n", "- &first\n    id: stop\n").replace(
        "storage:", "  - {<<: *first, id: school, retention_days: 3}\nstorage:"
    )
    stop, school = config.parse(shared).cameras
    assert (school.id, school.url, school.retention_days, stop.retention_days) == ("school", stop.url, 3, 20)


def test_files_of_other_editors_are_taken_or_refused_clearly() -> None:
    text = CAMERA_FILE.replace("\n", "\r\n")
    assert config.parse(decode(b"\xef\xbb\xbf" + text.encode())) == config.parse(CAMERA_FILE)
    for data, line, column, reason in (
        (text.encode("utf-16"), 1, 1, "UTF-16"),
        (text.encode("cp1257"), 2, 10, "is not UTF-8; save the file as UTF-8"),
        (b"#" * 1_000_001, 0, 0, "too large"),
    ):
        with pytest.raises(YamlError, match=reason) as refused:
            decode(data)
        assert (refused.value.line, refused.value.column) == (line, column)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5 %", (None, 0.05)),
        ("0.5%", (None, 0.005)),
        ("20 GB", (20_000_000_000, 0)),
        ("1.5 TB", (1_500_000_000_000, 0)),
    ],
)
def test_a_reserve_is_a_part_of_the_disk_or_a_size(written: str, expected: tuple[int | None, float]) -> None:
    storage = config.parse(CAMERA_FILE.replace("storage: {", f"storage: {{reserve: {written}, ")).storage
    assert (storage.reserve_bytes, storage.reserve_fraction) == expected


_SIGNS = (
    ": ",
    "- ",
    "&a ",
    "*a ",
    "<<: ",
    "{",
    "}",
    "[",
    "]",
    "!!",
    "'",
    '"',
    "|\n",
    ">\n",
    "? ",
    "%",
    "\t",
    "\r",
    "\0",
)
_VALUES = ("\x85", "0o7", "1:60", ".inf", "2026-01-01", "~", "---\n")
FRAGMENTS = st.sampled_from([*CAMERA_FILE.splitlines(keepends=True), *CAMERA_FILE.split(), *_SIGNS, *_VALUES])


def is_taken(text: str) -> bool:
    try:
        config.parse(text)
    except ConfigError:
        return False
    return True


@given(st.text() | st.lists(FRAGMENTS).map("".join) | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_camera_file_or_refused(text: str) -> None:
    assert is_taken(text) in (True, False)


@given(st.integers(0, len(CAMERA_FILE)), st.integers(0, len(CAMERA_FILE)), st.lists(FRAGMENTS, max_size=2).map("".join))
def test_any_damage_leaves_a_camera_file_or_is_refused(start: int, end: int, inserted: str) -> None:
    assert is_taken(CAMERA_FILE[:start] + inserted + CAMERA_FILE[end:]) in (True, False)


@given(st.binary())
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text = decode(data)
    except YamlError:
        with pytest.raises(UnicodeDecodeError):
            data.decode()
    else:
        assert text.encode() in (data, data[3:])


# --- saving -----------------------------------------------------------------------------------------------------------


def test_saving_keeps_the_previous_version_the_mode_and_a_link(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "cameras.yaml"
    path = tmp_path / "link.yaml"
    path.symlink_to(real)
    camera_file.save(path, CAMERA_FILE)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert list(real.parent.iterdir()) == [real]
    real.chmod(0o640)
    other = CAMERA_FILE.replace("Biržai", "Aizkraukle")
    camera_file.save(path, other)
    assert path.is_symlink()
    assert real.read_text(encoding="utf-8") == other
    assert camera_file.previous(path).read_text(encoding="utf-8") == CAMERA_FILE
    assert camera_file.previous(path) == real.with_name("cameras.yaml.previous")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    camera_file.save(path, CAMERA_FILE)
    assert camera_file.previous(path).read_text(encoding="utf-8") == other
    assert len(list(real.parent.iterdir())) == 2


def test_at_every_moment_there_is_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    camera_file.save(path, CAMERA_FILE)
    done = threading.Event()

    def look() -> int:
        looks = 0
        while not done.is_set():
            assert config.parse(config.read_text(path)).cameras
            looks += 1
        return looks

    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(look)
        for number in range(200):
            camera_file.save(path, CAMERA_FILE.replace("Stotelė", f"Stotelė {number}" * (1 + number % 5)))
        done.set()
        assert looking.result() > 10


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away needs root")
def test_saving_keeps_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    camera_file.save(path, CAMERA_FILE)
    os.chown(path, 1234, 4321)
    camera_file.save(path, CAMERA_FILE.replace("Biržai", "Other"))
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_what_is_wrong_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    camera_file.save(path, CAMERA_FILE)
    with pytest.raises(ConfigError):
        camera_file.save(path, CAMERA_FILE.replace("rtsp:", "nonsense:"))
    assert path.read_text(encoding="utf-8") == CAMERA_FILE
    assert list(tmp_path.iterdir()) == [path]
