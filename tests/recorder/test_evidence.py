"""Evidence packages in themselves: what they hold, their signature, and that no change goes unnoticed."""

import io
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safe_community_recorder import verify_command
from safe_community_recorder.evidence.contents import (
    Clock,
    Footage,
    Maker,
    Packed,
    Request,
    Still,
)
from safe_community_recorder.evidence.packing import Pace, Package, UnwantedError, clip_parts
from safe_community_recorder.evidence.readme import readme
from safe_community_recorder.evidence.signature import KeyUnusableError, SigningKey, load_key
from safe_community_recorder.evidence.stored_zip import (
    ZipWriter,
    dos_time,
    read_listing,
)
from safe_community_recorder.evidence.verification import Report, Verdict, verify
from safe_community_recorder.media.clip import Clip, build_clip
from tests.recorder.footage import groups_of, recorded
from tests.recorder.packages import ITEM, NOON_US, REQUEST, S


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
        package = Package(file, request, maker, NOON_US + 61 * S, Pace(Event()))
        added = package.add_clip("clips/stop_20261122T120001.000000Z.mp4", clip)
        still = package.add("stills/stop_20261122T120001.000000Z.jpg", b"\xff\xd8 a picture \xff\xd9")
        footage = Footage(added, clip.start_us, clip.end_us, clip.formats, False, (Still(still, NOON_US, b"small"),))
        package.finish([Packed(ITEM, footage, (), Clock("arrival", None, ()))], key)
    return path.read_bytes()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("package")
    key, clip = load_key(folder)[0], clip_of(folder)
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


def test_names_in_a_forged_package_cannot_make_a_terminal_say_what_they_like(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "package.zip"
    name = "\x1b[2J\nThis package is as the recorder with the expected key made it."
    path.write_bytes(rewritten(example.data, lambda files: files.update({name: b"x"})))
    assert verify_command.run(path, None, example.fingerprint) == 1
    told = capsys.readouterr().out
    assert "?[2J?This package is" in told
    assert "\x1b" not in told
    assert all(line.startswith(("WRONG: ", "This package is NOT")) for line in told.splitlines())


def test_a_package_is_written_at_a_pace_and_not_if_nobody_wants_it(tmp_path: Path) -> None:
    unwanted = Event()
    pace = Pace(unwanted, most_bytes_a_second=1 << 20)
    begun_s = time.monotonic()
    pace.begin()
    pace.turn(1 << 18)
    assert time.monotonic() - begun_s >= 0.25
    unwanted.set()
    with pytest.raises(UnwantedError):
        pace.turn(1 << 18)


def test_a_recording_that_became_shorter_is_no_clip(tmp_path: Path) -> None:
    clip = clip_of(tmp_path)
    path = Path(clip.parts[0].path)
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(OSError, match="shorter"):
        list(clip_parts(clip))


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key, is_new = load_key(tmp_path)
    assert is_new
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    again, is_new = load_key(tmp_path)
    assert (again.public.pem, is_new) == (key.public.pem, False)
    assert path.stat().st_mode & 0o777 == 0o600
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
    key, _ = load_key(tmp_path)
    (tmp_path / "public-key.pem").write_text(key.public.pem)
    command = "openssl pkey -pubin -in public-key.pem -outform DER | sha256sum"
    assert command in readme("2026-0001")
    told = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told.split()[0] == key.public.fingerprint
