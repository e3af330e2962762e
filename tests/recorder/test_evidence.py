"""Evidence packages in themselves: their ZIP, their signature, their words, and that no change goes unnoticed."""

import io
import re
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from safe_community_recorder.archive.timeline import ClockEvent, Gap
from safe_community_recorder.cause import Cause
from safe_community_recorder.evidence.contents import (
    UNEXPLAINED,
    Clock,
    Footage,
    Item,
    Language,
    Maker,
    Missing,
    Packed,
    PackedFile,
    Request,
    Still,
    Trace,
    clock_source,
    file_name,
    missing_of,
)
from safe_community_recorder.evidence.packing import Pace, Package, UnwantedError, clip_parts
from safe_community_recorder.evidence.protocol import protocol
from safe_community_recorder.evidence.readme import SIGNATURE_COMMAND, SUMS_COMMAND, readme
from safe_community_recorder.evidence.register import Export, Failure, Register, Result, State
from safe_community_recorder.evidence.signature import KeyUnusableError, SigningKey, load_key
from safe_community_recorder.evidence.stored_zip import (
    Entry,
    ZipError,
    ZipWriter,
    directory,
    dos_time,
    local_header,
    read_entry,
    read_listing,
)
from safe_community_recorder.evidence.texts import WORDS, Words
from safe_community_recorder.evidence.verification import Report, Verdict, verify
from safe_community_recorder.ingest.gop import ClockChange
from safe_community_recorder.media.clip import Clip, Piece, build_clip
from safe_community_recorder.media.picture import to_jpeg
from safe_community_recorder.media.video import VideoFormat
from tests.chromium import chromium
from tests.recorder.footage import groups_of, recorded

NOON = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
NOON_US = 1_795_348_801_000_000
S = 1_000_000
LANGUAGES: tuple[Language, ...] = ("en", "lt", "lv")
ITEM = Item("stop", "Autobusų stotelė", "pabirze", "Pabiržė", NOON_US, NOON_US + 3 * S)
REQUEST = Request(
    "2026-0017", NOON_US + 60 * S, "Aldona", "request 17", "police", "en", True, (ITEM,), Trace(5, "ab" * 32)
)


# --- the ZIP ----------------------------------------------------------------------------------------------------------

names = st.from_regex(r"[a-z0-9/._-]{1,40}", fullmatch=True)


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    writer = ZipWriter(buffer, dos_time(NOON))
    for name, data in files.items():
        writer.add(name, len(data), [data[:3], data[3:]])
    assert writer.finish() == len(buffer.getvalue())
    return buffer.getvalue()


@given(st.dictionaries(names, st.binary(max_size=200), max_size=6))
def test_what_is_put_into_a_zip_is_what_others_and_we_take_out(files: dict[str, bytes]) -> None:
    data = zip_of(files)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert all(info.date_time == (2026, 11, 22, 12, 0, 0) for info in archive.infolist())
    listing = read_listing(io.BytesIO(data))
    assert listing.problems == ()
    assert {entry.name: b"".join(read_entry(io.BytesIO(data), entry)) for entry in listing.entries} == files


@given(st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=4), st.data())
def test_any_byte_changed_around_the_files_of_a_zip_is_noticed(files: dict[str, bytes], data: st.DataObject) -> None:
    whole = bytearray(zip_of(files))
    entries = read_listing(io.BytesIO(whole)).entries
    around = [at for at in range(len(whole)) if not any(entry.data <= at < entry.end for entry in entries)]
    whole[data.draw(st.sampled_from(around))] ^= data.draw(st.integers(1, 255))
    with suppress(ZipError):
        assert read_listing(io.BytesIO(whole)).problems


@given(st.binary(max_size=300))
def test_what_is_no_zip_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ZipError):
        read_listing(io.BytesIO(data))


def test_a_file_beyond_four_gigabytes_and_what_comes_behind_it_is_found(tmp_path: Path) -> None:
    large = Entry("large", (1 << 32) + 5, 17, 0)
    small = Entry("small", 3, zlib.crc32(b"abc"), large.end)
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for entry, data in ((large, b""), (small, b"abc")):
            file.seek(entry.offset)
            file.write(local_header(entry, dos_time(NOON)))
            file.write(data)
        file.seek(small.end)
        file.write(directory([large, small], dos_time(NOON)))
    with path.open("rb") as file:
        listing = read_listing(file)
        assert (listing.entries, listing.problems) == ((large, small), ())
        assert b"".join(read_entry(file, small)) == b"abc"
    with zipfile.ZipFile(path) as archive:
        assert [(info.filename, info.file_size) for info in archive.infolist()] == [("large", large.size), ("small", 3)]
        assert archive.read("small") == b"abc"
    tested = subprocess.run(["unzip", "-tq", path, "small"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_zip_of_very_many_files_is_read_by_others() -> None:
    data = _many(70_000)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000
    assert read_listing(io.BytesIO(data)).problems == ()


def _many(count: int) -> bytes:
    entries: list[Entry] = []
    parts = []
    for number in range(count):
        entries.append(Entry(f"{number}", 0, 0, entries[-1].end if entries else 0))
        parts.append(local_header(entries[-1], dos_time(NOON)))
    return b"".join(parts) + directory(entries, dos_time(NOON))


def test_a_name_is_given_once() -> None:
    writer = ZipWriter(io.BytesIO(), dos_time(NOON))
    writer.add("same", 0, [])
    with pytest.raises(ValueError, match="twice"):
        writer.add("same", 0, [])
    taken: set[str] = set()
    for _ in range(3):
        taken.add(file_name("clips", "stop", NOON_US, "mp4", taken))
    stem = "clips/stop_20261122T120001.000000Z"
    assert taken == {f"{stem}.mp4", f"{stem}-2.mp4", f"{stem}-3.mp4"}


# --- a package --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A package, and what it was made of."""

    data: bytes
    key: SigningKey
    clip: Clip

    @property
    def fingerprint(self) -> str:
        return self.key.public.fingerprint


def clip_of(folder: Path) -> Clip:
    """Three seconds of real footage in a recording file."""
    data, file = recorded(groups_of(30, start_us=NOON_US), closed=True)
    path = folder / "recording.mp4"
    path.write_bytes(data)
    return build_clip([(str(path), file)], ITEM.start_us, ITEM.end_us)


def package_of(folder: Path, key: SigningKey, clip: Clip, request: Request = REQUEST) -> bytes:
    path = folder / "package.zip"
    with path.open("wb") as file:
        maker = Maker("ab" * 16, "Biržai", "1.0", ZoneInfo("Europe/Vilnius"), key.public.fingerprint)
        package = Package(file, request, maker, NOON_US + 61 * S, Pace(Event(), lambda _done: None))
        added = package.add_clip("clips/stop_20261122T120001.000000Z.mp4", clip)
        still = package.add("stills/stop_20261122T120001.000000Z.jpg", b"\xff\xd8 a picture \xff\xd9")
        footage = Footage(added, clip.start_us, clip.end_us, clip.formats, False, (Still(still, NOON_US, b"small"),))
        package.finish([Packed(ITEM, footage, (), Clock("arrival", None, ()))], key)
    return path.read_bytes()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("package")
    key, clip = load_key(folder), clip_of(folder)
    return Example(package_of(folder, key, clip), key, clip)


def look(data: bytes, expected: str | None = None) -> Report:
    return verify(io.BytesIO(data), expected)


def test_a_package_is_genuine_as_it_was_made(example: Example) -> None:
    report = look(example.data, example.fingerprint)
    assert (report.verdict, report.wrong, report.fingerprint) == (Verdict.GENUINE, (), example.fingerprint)
    assert look(example.data).verdict is Verdict.GENUINE


def test_a_package_holds_the_clips_bytes(example: Example) -> None:
    whole = b"".join(bytes(part) for part in clip_parts(example.clip))
    assert len(whole) == example.clip.size
    with zipfile.ZipFile(io.BytesIO(example.data)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".mp4")]
        assert archive.read(name) == whole


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_a_package_is_noticed(example: Example, data: st.DataObject) -> None:
    changed = bytearray(example.data)
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    report = look(bytes(changed), example.fingerprint)
    assert report.verdict is Verdict.DAMAGED, at
    assert report.wrong


def test_any_changed_byte_around_the_footage_is_noticed(example: Example) -> None:
    entries = read_listing(io.BytesIO(example.data)).entries
    footage = [range(entry.data, entry.end) for entry in entries if entry.name.endswith((".mp4", ".html", ".txt"))]
    for at in range(len(example.data)):
        if not any(at in inside for inside in footage):
            changed = bytearray(example.data)
            changed[at] ^= 1 << at % 8
            assert look(bytes(changed)).verdict is Verdict.DAMAGED, at


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.floats(0, 1), inserted=st.binary(max_size=40), removed=st.integers(0, 40))
def test_bytes_put_in_or_taken_away_are_noticed(example: Example, at: float, inserted: bytes, removed: int) -> None:
    position = round(at * len(example.data))
    changed = example.data[:position] + inserted + example.data[position + removed :]
    verdict = look(changed, example.fingerprint).verdict
    assert verdict is (Verdict.GENUINE if changed == example.data else Verdict.DAMAGED)


def rewritten(data: bytes, change: Callable[[dict[str, bytes]], object]) -> bytes:
    """A package that somebody has packed anew, in our own form, after a change."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
        moment = datetime(*archive.infolist()[0].date_time, tzinfo=UTC)
    change(files)
    buffer = io.BytesIO()
    writer = ZipWriter(buffer, dos_time(moment))
    for name, content in files.items():
        writer.add(name, len(content), [content])
    writer.finish()
    return buffer.getvalue()


def signed_anew(files: dict[str, bytes], key: SigningKey) -> None:
    sums = "".join(
        f"{sha256(content).hexdigest()}  {name}\n"
        for name, content in files.items()
        if name not in ("SHA256SUMS", "SHA256SUMS.sig")
    )
    files["SHA256SUMS"] = sums.encode()
    files["SHA256SUMS.sig"] = key.sign(sums.encode())


CLIP = "clips/stop_20261122T120001.000000Z.mp4"
CHANGES: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "a clip was changed": (lambda files: files.update({CLIP: files[CLIP][:-1] + b"x"}), "was changed"),
    "a clip was taken away": (lambda files: files.pop(CLIP), "was taken away"),
    "a clip was added": (lambda files: files.update({CLIP.replace("stop", "other"): b"x"}), "was added"),
    "the protocol was changed": (lambda files: files.update({"protocol.html": b"another one"}), "was changed"),
    "a strange file was added": (lambda files: files.update({"../evil.sh": b"rm"}), "does not belong"),
    "the signature was taken away": (lambda files: files.pop("SHA256SUMS.sig"), "is missing"),
    "the manifest was taken away": (lambda files: files.pop("manifest.json"), "is missing"),
    "the list was emptied": (lambda files: files.update({"SHA256SUMS": b""}), "signature does not fit"),
    "the key was exchanged": (
        lambda files: files.update({"public-key.pem": SigningKey(Ed25519PrivateKey.generate()).public.pem.encode()}),
        "signature does not fit",
    ),
    "the key is none": (lambda files: files.update({"public-key.pem": b"none"}), "cannot be read"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_told(example: Example, what: str) -> None:
    change, told = CHANGES[what]
    report = look(rewritten(example.data, change), example.fingerprint)
    assert report.verdict is Verdict.DAMAGED
    assert any(told in wrong for wrong in report.wrong), report.wrong


def test_a_package_that_somebody_else_made_anew_is_whole_but_signed_by_another_key(example: Example) -> None:
    other = SigningKey(Ed25519PrivateKey.generate())

    def forge(files: dict[str, bytes]) -> None:
        files["public-key.pem"] = other.public.pem.encode()
        manifest = files["manifest.json"].replace(example.fingerprint.encode(), other.public.fingerprint.encode())
        files["manifest.json"] = manifest
        signed_anew(files, other)

    forged = rewritten(example.data, forge)
    report = look(forged, example.fingerprint)
    assert report.verdict is Verdict.OTHER_KEY
    assert report.fingerprint == other.public.fingerprint
    assert look(forged).verdict is Verdict.GENUINE  # of its own key, which is named


def test_a_clip_that_the_manifest_does_not_describe_is_noticed_even_if_it_is_signed(example: Example) -> None:
    def put_in(files: dict[str, bytes]) -> None:
        rest = {name: files.pop(name) for name in [*files]}
        files[CLIP.replace("stop", "other")] = b"x"
        files.update(rest)
        signed_anew(files, example.key)

    report = look(rewritten(example.data, put_in), example.fingerprint)
    assert report.verdict is Verdict.DAMAGED
    assert any("does not know of" in wrong for wrong in report.wrong), report.wrong


def test_tricks_with_the_zip_are_told(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(example.data)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"a comment"
    assert look(path.read_bytes()).verdict is Verdict.DAMAGED
    path.write_bytes(example.data)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("manifest.json", "{}")
    report = look(path.read_bytes())
    assert any("twice" in wrong for wrong in report.wrong), report.wrong
    for changed in (b"#!/bin/sh\n" + example.data, example.data + b"\0", example.data[:-1], b""):
        assert look(changed).verdict is Verdict.DAMAGED


def test_a_package_is_written_at_a_pace_and_not_if_nobody_wants_it(tmp_path: Path) -> None:
    unwanted = Event()
    told: list[int] = []
    pace = Pace(unwanted, told.append, most_bytes_a_second=1 << 20)
    pace.begin()
    pace.turn(1 << 18)
    unwanted.set()
    with pytest.raises(UnwantedError):
        pace.turn(1 << 18)
    assert told == [1 << 18] * 2


def test_a_recording_that_became_shorter_is_no_clip(tmp_path: Path) -> None:
    clip = clip_of(tmp_path)
    path = Path(clip.parts[0].path)
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(OSError, match="shorter"):
        list(clip_parts(clip))


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(tmp_path).public.pem == key.public.pem
    assert "PRIVATE" not in repr(key)
    assert str(key.key) not in repr(key)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    load_key(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with pytest.raises(KeyUnusableError, match="backup"):
        load_key(tmp_path)
    assert path.read_bytes() == content


def test_the_fingerprint_is_what_openssl_says(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    (tmp_path / "public-key.pem").write_text(key.public.pem)
    command = "openssl pkey -pubin -in public-key.pem -outform DER | sha256sum"
    assert command in readme("2026-0001")
    told = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told.split()[0] == key.public.fingerprint


# --- words ------------------------------------------------------------------------------------------------------------


def texts_of(words: Words) -> Iterator[tuple[str, str]]:
    for field in fields(Words):
        value = getattr(words, field.name)
        if isinstance(value, str):
            yield field.name, value
        else:
            yield from ((f"{field.name}.{key}", text) for key, text in value.items())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_complete(language: Language) -> None:
    words = WORDS[language]
    assert set(words.causes) == {cause.value for cause in Cause} | {UNEXPLAINED}
    assert set(words.clock_kinds) == {change.value for change in ClockChange}
    english = dict(texts_of(WORDS["en"]))
    own = dict(texts_of(words))
    assert own.keys() == english.keys()
    for name, text in own.items():
        assert text.strip() == text != ""
        assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", english[name]), name
        if language != "en" and name != "decimal_sign":
            assert text != english[name], name


def test_the_readme_says_in_three_languages_how_to_verify() -> None:
    text = readme("2026-0017")
    for part in ("EVIDENCE PACKAGE 2026-0017", "ĮRODYMŲ PAKETAS 2026-0017", "PIERĀDĪJUMU PAKOTNE 2026-0017"):
        assert part in text
    assert text.count(SUMS_COMMAND) == text.count(SIGNATURE_COMMAND) == 3
    assert max(map(len, text.splitlines())) <= 120


# --- the protocol -----------------------------------------------------------------------------------------------------


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


MAKER = Maker("ab" * 16, "Biržai", "1.0", ZoneInfo("Europe/Vilnius"), "cd" * 32)


def packed(item: Item = ITEM, *, missing: int = 0, events: int = 0, picture: bytes = b"") -> Packed:
    file = PackedFile("clips/stop_20261122T120001.000000Z.mp4", 1_234_567_890, "ef" * 32)
    formats = (VideoFormat("h264", 1920, 1080, (b"1",)), VideoFormat("h265", 3840, 2160, (b"2",)))
    stills = tuple(Still(PackedFile(f"{number}", 1, "00" * 32), NOON_US + number * S, picture) for number in range(3))
    footage = Footage(file, item.start_us, item.end_us, formats, True, stills)
    holes = [
        Missing(NOON_US + number * S, NOON_US + (number + 1) * S, "camera_unreachable") for number in range(missing)
    ]
    changes = [ClockEvent(NOON_US + number * S, "host_stepped", -5 * S) for number in range(events)]
    return Packed(item, footage, tuple(holes), Clock("mixed", -0.04, tuple(changes)))


def test_the_protocol_shows_text_as_text_whatever_it_is() -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> &amp;"
    item = replace(ITEM, camera_name=evil, eldership_name=evil)
    request = replace(REQUEST, actor=evil, reason=evil, recipient=evil)
    seen = _Seen()
    seen.feed(protocol(request, replace(MAKER, name=evil), NOON_US, [packed(item)]))
    assert "script" not in seen.tags
    assert seen.text.count(evil) == 6


def test_the_protocol_tells_the_local_time_and_the_offset() -> None:
    page = protocol(replace(REQUEST, language="lt"), MAKER, NOON_US, [packed()])
    assert "2026-11-22 14:00:01.000 – 2026-11-22 14:00:04.000 (UTC+02:00)" in page
    assert "2026-11-22 12:00:01.000 – 2026-11-22 12:00:04.000" in page
    assert "−0,04 s" in page
    # The night in which 03:30 comes twice.
    twice_us = 1_792_888_200_000_000
    page = protocol(REQUEST, MAKER, NOON_US, [packed(replace(ITEM, start_us=twice_us, end_us=twice_us + 3_600 * S))])
    assert "2026-10-25 03:30:00.000 (UTC+03:00) – 2026-10-25 03:30:00.000 (UTC+02:00)" in page


def test_an_item_without_footage_says_so() -> None:
    nothing = Packed(ITEM, None, (Missing(ITEM.start_us, ITEM.end_us, UNEXPLAINED),), Clock(None, None, ()))
    page = protocol(REQUEST, MAKER, NOON_US, [nothing])
    assert WORDS["en"].no_footage in page
    assert WORDS["en"].causes[UNEXPLAINED] in page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_protocol_of_one_clip_is_one_printed_page(browser: Browser, tmp_path: Path, language: Language) -> None:
    """Even with the longest of all texts."""
    pages, _ = printed(browser, tmp_path, longest_protocol(language))
    assert pages == 1


def longest_protocol(language: Language) -> str:
    sentence = "Vaizdo įrašas reikalingas administracinio nusižengimo bylai Nr. 17 "
    long = (sentence * 8)[:500]
    item = replace(ITEM, camera_name=(sentence * 2)[:100], eldership_name=(sentence * 2)[:100])
    request = replace(REQUEST, actor=(sentence * 3)[:200], reason=long, recipient=long, language=language)
    one = packed(item, missing=99, events=99, picture=_jpeg())
    return protocol(request, replace(MAKER, name=(sentence * 2)[:100]), NOON_US, [one])


def printed(browser: Browser, folder: Path, page: str) -> tuple[int, bytes]:
    (folder / "protocol.html").write_text(page, encoding="utf-8")
    tab = browser.new_page()
    refused: list[str] = []
    tab.on("console", lambda message: refused.append(message.text))
    tab.goto((folder / "protocol.html").as_uri())
    pdf = tab.pdf(prefer_css_page_size=True)
    tab.close()
    assert refused == []
    return len(re.findall(rb"/Type\s*/Page\b", pdf)), pdf


def _jpeg() -> bytes:
    """A picture of the usual shape."""
    return to_jpeg(av.VideoFrame.from_ndarray(np.full((225, 400), 128, dtype=np.uint8), format="gray"))


# --- what is missing --------------------------------------------------------------------------------------------------


def clip_with(*pieces: tuple[int, int]) -> Clip:
    found = tuple(Piece(NOON_US + start, NOON_US + end, 0) for start, end in pieces)
    return Clip(b"", (), found[0].start_us, found[-1].end_us, pieces=found)


def test_holes_have_the_cause_that_was_noted_for_most_of_them() -> None:
    item = replace(ITEM, end_us=NOON_US + 100 * S)
    clip = clip_with((0, 10 * S), (20 * S, 30 * S), (31 * S, 80 * S))
    gaps = [
        Gap(NOON_US + 8 * S, NOON_US + 12 * S, Cause.PACKETS_LOST),
        Gap(NOON_US + 12 * S, NOON_US + 20 * S, Cause.DISK),
    ]
    first, last = missing_of(item, clip, gaps)
    assert (first.start_us, first.end_us, first.cause) == (NOON_US + 10 * S, NOON_US + 20 * S, "disk")
    assert (last.start_us, last.end_us, last.cause) == (NOON_US + 80 * S, item.end_us, UNEXPLAINED)
    lasting = [Gap(NOON_US + 80 * S, None, Cause.CAMERA_UNREACHABLE)]
    assert missing_of(item, clip, lasting)[-1].cause == "camera_unreachable"


def test_without_a_clip_everything_is_missing() -> None:
    (missing,) = missing_of(ITEM, None, [])
    assert (missing.start_us, missing.end_us) == (ITEM.start_us, ITEM.end_us)


def test_the_clocks_of_several_files_are_mixed() -> None:
    assert clock_source([]) is None
    assert clock_source(["arrival"] * 2) == "arrival"
    assert clock_source(["sender_report"]) == "sender_report"
    assert clock_source(["sender_report", "arrival"]) == "mixed"


# --- the register -----------------------------------------------------------------------------------------------------


def test_the_register_remembers_everything_and_passes_over_what_a_power_cut_left(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.load()
    assert register.next_number(2026) == "2026-0001"
    first = Export(replace(REQUEST, number="2026-0001"), changed_us=NOON_US)
    register.put(first)
    clip = PackedFile("clips/x.mp4", 5, "ab" * 32)
    done = replace(
        first,
        state=State.DONE,
        changed_us=NOON_US + S,
        result=Result(9, "cd" * 32, (clip,)),
        expires_us=NOON_US + 9 * S,
    )
    register.put(done)
    second = Export(replace(REQUEST, number="2026-0002"), changed_us=NOON_US)
    register.put(second)
    failed = replace(second, state=State.FAILED, failure=Failure.NO_SPACE, problem="full")
    register.put(failed)
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'\n{"export": "2026-0003", "sta')
    again = Register(tmp_path)
    again.load()
    assert again.exports == [done, failed]
    assert again.next_number(2026) == "2026-0003"
    assert again.next_number(2027) == "2027-0001"
    third = Export(replace(REQUEST, number="2026-0003"), changed_us=NOON_US)
    again.put(third)
    final = Register(tmp_path)
    final.load()
    assert final.exports == [done, failed, third]


def test_numbers_of_a_year_never_end(tmp_path: Path) -> None:
    register = Register(tmp_path)
    register.put(Export(replace(REQUEST, number="2026-9999"), changed_us=NOON_US))
    assert register.next_number(2026) == "2026-10000"
