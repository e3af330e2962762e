"""Evidence packages over HTTP: asking for one, the register, and the package itself."""

import asyncio
import re
import time
from collections.abc import Coroutine, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, cast

from aiohttp import web

from .. import utc
from ..archive.archive import Archive
from ..archive.timeline import Span
from ..audit.actor import RECORDER, Actor
from ..evidence.contents import Item, Language, PackedFile, Trace
from ..evidence.entries import UnknownExportError
from ..evidence.exports import Asked, Exports, TooManyError
from ..evidence.making import Progress
from ..evidence.record import NotNotedError
from ..evidence.register import Export
from ..evidence.signature import KeyUnusableError, PublicKey
from .actor import actor_of
from .auditor import Auditor
from .body import json_object, text_of
from .cameras import CameraFile, camera_of
from .clip_response import asked_part
from .problems import Problem
from .ranges import DAY_US, asked_number
from .sending import break_off, send_part

_KEYS = ("items", "reason", "recipient", "language", "stills")
_ITEM_KEYS = ("camera_id", "start", "end")
_LANGUAGES = ("en", "lt", "lv")
_LONGEST_TEXT = 500
_MOST_ITEMS = 100
_LONGEST_ITEM_US = DAY_US
# The clocks of the one who asks and of the recorder need not agree.
_AHEAD_US = 10 * utc.SECOND_US
_NUMBER = re.compile(r"\d{4}-\d{4,9}", re.ASCII)
_SAME_DOWNLOAD_S = 600.0
_PATH = "/api/v1/exports/{number}"
_PACKAGE_PATH = "/api/v1/exports/{number}/package.zip"


class ExportHandlers:
    """Thin over the exports."""

    def __init__(self, exports: Exports, archive: Archive, file: CameraFile, auditor: Auditor) -> None:
        self._exports = exports
        self._archive = archive
        self._file = file
        self._auditor = auditor
        self._downloads: dict[tuple[Actor, str], float] = {}
        self._changes: set[asyncio.Task[Export]] = set()

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/api/v1/exports", self.register, allow_head=False),
            web.post("/api/v1/exports", self.ask),
            web.get(_PATH, self.export, allow_head=False),
            web.delete(_PATH, self.remove),
            web.get(_PACKAGE_PATH, self.package),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """Takes a request for a package. Raises Problem."""
        asked = _asked(await json_object(request, _KEYS), actor_of(request), self._file)
        if not [item for item in asked.items if (await self._archive.timeline(item.camera_id, item.span))[0]]:
            detail = "there is no footage of anything that was asked for"
            self._refuse(asked, "no_footage")
            raise Problem(HTTPStatus.NOT_FOUND, "no_footage", detail, noted=True)
        try:
            export = await self._change(self._exports.ask(asked))
        except TooManyError as error:
            self._refuse(asked, "too_many_exports")
            detail = "enough packages wait to be made; ask again when one of them is"
            headers = {"Retry-After": "60"}
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_exports", detail, headers, noted=True) from error
        except KeyUnusableError as error:
            self._refuse(asked, "evidence_key_unusable")
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "evidence_key_unusable", str(error)) from error
        except Problem as error:
            if error.code == "register_not_written":
                self._refuse(asked, error.code)
            raise
        return web.json_response(
            export_json(export, None),
            status=HTTPStatus.ACCEPTED,
            headers={"Location": _PATH.format(number=export.number)},
        )

    async def register(self, request: web.Request) -> web.Response:
        """The register, the newest first. Raises Problem."""
        limit = asked_number(request, "limit", default=50, least=1, most=200)
        before = request.query.get("before")
        if before is not None and not _NUMBER.fullmatch(before):
            detail = f"before: a package's number such as 2026-0001 was expected, not {before[:20]!r}"
            raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail)
        key = None if before is None else _order(before)
        found = sorted(self._exports.exports, key=lambda export: _order(export.number), reverse=True)
        found = [export for export in found if key is None or _order(export.number) < key]
        shown = [export_json(export, self._exports.progress(export.number)) for export in found[:limit]]
        return web.json_response({"exports": shown, "next": found[limit - 1].number if len(found) > limit else None})

    async def export(self, request: web.Request) -> web.Response:
        """One entry of the register. Raises Problem."""
        export = self._get(request)
        return web.json_response(export_json(export, self._exports.progress(export.number)))

    async def remove(self, request: web.Request) -> web.Response:
        """Cancels a package, or deletes it. Raises Problem."""
        number, actor = self._get(request).number, actor_of(request)
        export = await self._change(self._exports.remove(number, actor))
        return web.json_response(export_json(export, None))

    async def package(self, request: web.Request) -> web.StreamResponse:
        """The package, or bytes of it. Raises Problem."""
        export = self._get(request)
        if export.deleted_us is not None:
            raise _gone("the package was deleted; ask for it anew while there is footage")
        result = export.result
        if result is None:
            detail = f"the package is not there: its state is {export.state.value}"
            raise Problem(HTTPStatus.CONFLICT, "export_not_ready", detail)
        etag = f'"{result.sums_sha256[:32]}"'
        headers = {
            "Content-Disposition": f'attachment; filename="evidence-{export.number}.zip"',
            "Content-Type": "application/zip",
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Cache-Control": "private, no-cache",
        }
        status, start, end = asked_part(request, etag, result.size_bytes, headers)
        if status is HTTPStatus.NOT_MODIFIED:
            return web.Response(status=status, headers=headers)
        file = await self._open(export)
        with file:
            if request.method != "HEAD":
                await self._note_download(export.number, actor_of(request))
            response = web.StreamResponse(status=status, headers=headers)
            response.content_length = end - start
            await response.prepare(request)
            if request.method != "HEAD":
                # The headers travel with the first write, which may be empty.
                await response.write(b"")
                try:
                    await send_part(request, file, start, end - start)
                except OSError:
                    break_off(request)
            await response.write_eof()
        return response

    async def _open(self, export: Export) -> BinaryIO:
        path = self._exports.path(export.number)
        try:
            await asyncio.to_thread(self._archive.root.verify)
            return await asyncio.to_thread(_opened, path)
        except FileNotFoundError as error:
            raise _gone("the package is no longer on the disk") from error
        except OSError as error:
            detail = f"the disk of the packages cannot be read: {error.strerror}"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "storage_unavailable", detail) from error

    async def _note_download(self, number: str, actor: Actor) -> None:
        """One record for all ranges of bytes within ten minutes. Raises Problem."""
        now_s = time.monotonic()
        self._downloads = {key: at_s for key, at_s in self._downloads.items() if now_s - at_s < _SAME_DOWNLOAD_S}
        if (actor, number) not in self._downloads:
            try:
                await self._exports.note_download(number, actor)
            except NotNotedError as error:
                raise _problem(error) from error
            self._downloads[actor, number] = now_s

    def _refuse(self, asked: Asked, code: str) -> None:
        for item in asked.items:
            self._auditor.tell(
                "export_asked",
                asked.actor,
                camera_id=item.camera_id,
                start_us=item.start_us,
                end_us=item.end_us,
                outcome="refused",
                recipient=asked.recipient,
                code=code,
            )

    async def _change(self, change: Coroutine[Any, Any, Export]) -> Export:
        """Done whole, even if whoever asked for it goes away meanwhile. Raises Problem."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        try:
            return await asyncio.shield(task)
        except NotNotedError as error:
            raise _problem(error) from error
        except OSError as error:
            detail = f"the register of packages cannot be written: {error.strerror or error}"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "register_not_written", detail) from error

    def _get(self, request: web.Request) -> Export:
        number = request.match_info["number"]
        try:
            return self._exports.get(number)
        except UnknownExportError as error:
            detail = f"the register has no package {number[:20]!r}"
            raise Problem(HTTPStatus.NOT_FOUND, "unknown_export", detail) from error


class Recorded:
    """Writes what becomes of packages to the audit log."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor

    async def note(
        self,
        event: str,
        actor: Actor,
        number: str,
        item: Item | None = None,
        *,
        recipient: str | None = None,
        sha256: str | None = None,
        sums_sha256: str | None = None,
    ) -> Trace:
        """Writes a record. Raises NotNotedError."""
        details = {"number": number, "recipient": recipient, "sha256": sha256, "sums_sha256": sums_sha256}
        told: dict[str, Any] = {name: value for name, value in details.items() if value is not None}
        try:
            noted = await self._auditor.note(event, actor, **_where(item), **told)
        except Problem as error:
            raise NotNotedError(error.detail) from error
        return Trace(noted.number, noted.hash)

    def tell_failure(self, actor: Actor, number: str, failure: str, problem: str) -> None:
        """Has a record written as soon as the disk takes it."""
        self._auditor.tell("export_failed", actor, outcome="failed", number=number, failure=failure, problem=problem)

    def tell_new_key(self, fingerprint: str) -> None:
        """The same: there were packages, and from now on another key signs them."""
        self._auditor.tell("evidence_key_made", RECORDER, sha256=fingerprint)


def export_json(export: Export, progress: Progress | None) -> dict[str, object]:
    """An entry as openapi.json's Export."""
    request, result = export.request, export.result
    clips = (None,) * len(request.items) if result is None else result.clips
    progress = progress or Progress()
    return {
        "number": export.number,
        "state": export.state.value,
        "asked": utc.to_text(request.asked_us),
        "changed": utc.to_text(export.changed_us),
        "actor": request.actor,
        "reason": request.reason,
        "recipient": request.recipient,
        "language": request.language,
        "stills": request.stills,
        "items": [_item_json(item, clip) for item, clip in zip(request.items, clips, strict=True)],
        "percent": 100.0 if result is not None else round(progress.percent, 1),
        "done_bytes": progress.done_bytes if result is None else result.size_bytes,
        "total_bytes": progress.total_bytes or None if result is None else result.size_bytes,
        "eta_s": None if progress.eta_s is None else round(progress.eta_s, 1),
        "failure": None if export.failure is None else export.failure.value,
        "problem": export.problem,
        "package": _PACKAGE_PATH.format(number=export.number) if export.has_package else None,
        "expires": None if export.expires_us is None else utc.to_text(export.expires_us),
        "deleted": None if export.deleted_us is None else utc.to_text(export.deleted_us),
    }


def key_json(key: PublicKey | None) -> dict[str, str] | None:
    """The key by which packages can be checked, as openapi.json's EvidenceKey."""
    return None if key is None else {"pem": key.pem, "sha256": key.fingerprint}


def _item_json(item: Item, clip: PackedFile | None) -> dict[str, object]:
    return {
        "camera_id": item.camera_id,
        "camera_name": item.camera_name,
        "eldership_id": item.eldership_id,
        "start": utc.to_text(item.start_us),
        "end": utc.to_text(item.end_us),
        "clip": None if clip is None else {"file": clip.name, "size_bytes": clip.size_bytes, "sha256": clip.sha256},
    }


# --- what is asked for ------------------------------------------------------------------------------------------------


def _asked(body: Mapping[str, Any], actor: Actor, file: CameraFile) -> Asked:
    reason, recipient = (text_of(body, key, _LONGEST_TEXT) for key in ("reason", "recipient"))
    language, stills, items = body.get("language", "en"), body.get("stills", True), body.get("items")
    if language not in _LANGUAGES:
        raise _bad(f"language: one of {', '.join(_LANGUAGES)} was expected")
    if not isinstance(stills, bool):
        raise _bad("stills: true or false was expected")
    if not isinstance(items, list) or not 1 <= len(items) <= _MOST_ITEMS:
        raise _bad(f"items: a list of 1 to {_MOST_ITEMS} was expected")
    found = tuple(_item(item, f"items[{position}]", file) for position, item in enumerate(items))
    return Asked(Actor(actor.name, reason), reason, recipient, cast("Language", language), stills, found)


def _item(item: object, where: str, file: CameraFile) -> Item:
    if not isinstance(item, dict):
        raise _bad(f"{where}: a JSON object with camera_id, start and end was expected")
    unknown = next((key for key in item if key not in _ITEM_KEYS), None)
    if unknown is not None:
        raise _bad(f"{where}: the key {unknown[:64]!r} is unknown; known are {', '.join(_ITEM_KEYS)}")
    camera_id = item.get("camera_id")
    if not isinstance(camera_id, str):
        raise _bad(f"{where}.camera_id: a camera's id was expected")
    camera = camera_of(file, camera_id)
    span = Span(_instant(item, "start", where), _instant(item, "end", where))
    if span.start_us >= span.end_us:
        raise Problem(HTTPStatus.BAD_REQUEST, "reversed_range", f"{where}: start was expected to lie before end")
    if span.end_us - span.start_us > _LONGEST_ITEM_US:
        raise Problem(HTTPStatus.BAD_REQUEST, "range_too_long", f"{where}: at most 24 hours were expected")
    if span.end_us > time.time_ns() // 1_000 + _AHEAD_US:
        raise Problem(HTTPStatus.BAD_REQUEST, "future_range", f"{where}: the range ends in the future")
    place = camera.eldership
    return Item(camera.id, camera.name, place.id, place.name, span.start_us, span.end_us)


def _instant(item: Mapping[str, Any], name: str, where: str) -> int:
    text = item.get(name)
    try:
        return utc.parse(text if isinstance(text, str) else "")
    except (ValueError, OverflowError) as error:
        expected = "an RFC 3339 time with its offset was expected, such as 2026-11-22T06:54:49Z"
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_time", f"{where}.{name}: {expected}") from error


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "bad_value", detail)


def _gone(detail: str) -> Problem:
    return Problem(HTTPStatus.GONE, "package_gone", detail)


def _problem(error: NotNotedError) -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "audit_unavailable", str(error))


def _order(number: str) -> tuple[int, int]:
    year, _, count = number.partition("-")
    return int(year), int(count)


def _where(item: Item | None) -> dict[str, Any]:
    return {} if item is None else {"camera_id": item.camera_id, "start_us": item.start_us, "end_us": item.end_us}


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")
