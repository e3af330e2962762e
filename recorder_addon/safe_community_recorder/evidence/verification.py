"""Whether a package is as a recorder made it, and which key signed it: every byte of the file is accounted for."""

import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO

from .. import utc
from .manifest import FORMAT, FORMAT_VERSION, files_of
from .packing import KEY_NAME, MANIFEST_NAME, PROTOCOL_NAME, README_NAME, SIGNATURE_NAME, SUMS_NAME
from .signature import KeyUnusableError, PublicKey, read_public_key
from .stored_zip import DosTime, Entry, ZipError, dos_time, read_entry, read_listing

_FOOTAGE = re.compile(
    r"(?:clips/[a-z0-9-]+_\d{8}T\d{6}\.\d{6}Z(?:-\d+)?\.mp4|stills/[a-z0-9-]+_\d{8}T\d{6}\.\d{6}Z(?:-\d+)?\.jpg)",
    re.ASCII,
)
_DESCRIBING = (MANIFEST_NAME, PROTOCOL_NAME, README_NAME, KEY_NAME, SUMS_NAME, SIGNATURE_NAME)
_UNLISTED = (SUMS_NAME, SIGNATURE_NAME)
_READ = (MANIFEST_NAME, KEY_NAME, SUMS_NAME, SIGNATURE_NAME)
_SUM = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)", re.ASCII)
_SMALL_BYTES = 64 << 20


class Verdict(Enum):
    """What is to be thought of a package."""

    GENUINE = "genuine"
    """As it was made, and signed by the key that was expected, if one was."""
    DAMAGED = "damaged"
    """Not as it was made."""
    OTHER_KEY = "other key"
    """Whole in itself, but signed by another key than expected: somebody else made it, or made it anew."""


@dataclass(frozen=True, slots=True)
class Report:
    """`right` and `wrong` say in words what was found; `fingerprint` is that of the package's key, if it has one."""

    verdict: Verdict
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    fingerprint: str | None = None


def verify(file: BinaryIO, expected: str | None = None) -> Report:
    """Looks at a package. `expected` is the fingerprint of the key that has to have signed it. Raises OSError."""
    try:
        listing = read_listing(file)
        found = {entry.name: _read(file, entry) for entry in listing.entries}
    except ZipError as error:
        return Report(Verdict.DAMAGED, (), (str(error),))
    wrong = [*listing.problems, *_of_names([entry.name for entry in listing.entries])]
    wrong += [f"{name}: its checksum in the ZIP is wrong" for name, one in found.items() if one.crc != one.entry.crc]
    wrong += _of_sums(found)
    key, problems = _of_signature(found)
    wrong += problems
    if MANIFEST_NAME in found:
        wrong += _of_manifest(found, listing.modified, key)
    fingerprint = None if key is None else key.fingerprint
    if wrong or key is None:
        return Report(Verdict.DAMAGED, (), tuple(wrong), fingerprint)
    right = (
        f"the ZIP holds {len(found)} files and nothing else, each byte of it is as it was written",
        "every file has the checksum that SHA256SUMS tells, and the manifest agrees",
        "SHA256SUMS is signed by the key in the package",
    )
    if expected is not None and expected != fingerprint:
        other = f"the package is whole, but signed by another key than expected: {fingerprint}, not {expected}"
        return Report(Verdict.OTHER_KEY, right, (other,), fingerprint)
    return Report(Verdict.GENUINE, right, (), fingerprint)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of the package: its checksums, and its bytes if something is to be learned from them."""

    entry: Entry
    crc: int
    sha256: str
    data: bytes


def _read(file: BinaryIO, entry: Entry) -> _Found:
    crc, digest = 0, hashlib.sha256()
    kept: list[bytes] | None = [] if entry.name in _READ and entry.size <= _SMALL_BYTES else None
    for part in read_entry(file, entry):
        crc = zlib.crc32(part, crc)
        digest.update(part)
        if kept is not None:
            kept.append(part)
    return _Found(entry, crc, digest.hexdigest(), b"".join(kept or ()))


def _of_names(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in _DESCRIBING and not _FOOTAGE.fullmatch(name):
            yield f"{name!r} does not belong into a package"
    yield from (f"{name} is missing" for name in _DESCRIBING if name not in names)
    if tuple(names[-len(_DESCRIBING) :]) != _DESCRIBING and not set(_DESCRIBING) - set(names):
        yield "the files do not stand in the order in which they were written"


def _of_sums(found: Mapping[str, _Found]) -> Iterator[str]:
    if SUMS_NAME not in found:
        return
    listed: dict[str, str] = {}
    for line in found[SUMS_NAME].data.decode("utf-8", "replace").splitlines():
        match = _SUM.fullmatch(line)
        if match is None:
            yield f"{SUMS_NAME} has a line that is none of its: {line[:80]!r}"
        elif match[2] in listed:
            yield f"{match[2]} stands twice in {SUMS_NAME}"
        else:
            listed[match[2]] = match[1]
    for name, one in found.items():
        if name in listed and listed[name] != one.sha256:
            yield f"{name} was changed: its SHA-256 is {one.sha256}, it was {listed[name]}"
        elif name not in listed and name not in _UNLISTED:
            yield f"{name} was added: {SUMS_NAME} does not list it"
    yield from (f"{name} was taken away: {SUMS_NAME} lists it" for name in listed if name not in found)


def _of_signature(found: Mapping[str, _Found]) -> tuple[PublicKey | None, list[str]]:
    if not {KEY_NAME, *_UNLISTED} <= found.keys():
        return None, ["without its list of checksums, its signature and its key nothing can be verified"]
    try:
        key = read_public_key(found[KEY_NAME].data)
    except KeyUnusableError as error:
        return None, [f"{KEY_NAME} cannot be read: {error}"]
    if not key.signed(found[SUMS_NAME].data, found[SIGNATURE_NAME].data):
        return key, [f"the signature does not fit: {SUMS_NAME} or {SIGNATURE_NAME} was changed, or the key exchanged"]
    return key, []


def _of_manifest(found: Mapping[str, _Found], modified: DosTime, key: PublicKey | None) -> Iterator[str]:
    try:
        content: Any = json.loads(found[MANIFEST_NAME].data)
        if (content["format"], content["format_version"]) != (FORMAT, FORMAT_VERSION):
            yield f"{MANIFEST_NAME} is of another format, or of a version that this program does not know"
            return
        listed = files_of(content)
        created = dos_time(utc.from_us(utc.parse(content["created"])))
        signer = content["recorder"]["public_key_sha256"]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        yield f"{MANIFEST_NAME} cannot be read: {error}"
        return
    if created != modified:
        yield f"the files' time in the ZIP is not that of {MANIFEST_NAME}"
    if key is not None and signer != key.fingerprint:
        yield f"{MANIFEST_NAME} names another key than the package has"
    for file in listed:
        one = found.get(file.name)
        if one is None:
            yield f"{file.name} is missing: {MANIFEST_NAME} lists it"
        elif (one.entry.size, one.sha256) != (file.size_bytes, file.sha256):
            yield f"{file.name} is not what {MANIFEST_NAME} says of it"
    known = {file.name for file in listed}
    footage = [name for name in found if name not in _DESCRIBING]
    yield from (f"{MANIFEST_NAME} does not know of {name}" for name in footage if name not in known)
