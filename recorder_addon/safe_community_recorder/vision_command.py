"""The command `vision`: looks at stored footage again with other settings, and says and draws what is seen."""

import argparse
import json
import os
import pwd
import sys
import time
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from . import config, strict_yaml, utc
from .archive.notes import read_locks
from .archive.retention import DAY_US, served, served_from_us
from .archive.timeline import Span
from .audit.log import AuditLog
from .config import Camera, Config, ConfigError, VisionRules
from .replay.looking import Run, boxes_of, look_again
from .replay.pictures import Clip, Picture, Recorded, Source, SourceError
from .replay.results import Subject, draw_film, draw_page, put_whole
from .utc import SECOND_US
from .vision.eye import Look

_PROGRAM = "safe-community-recorder vision"
_BROKEN_OFF = 130
_TOLD_EVERY_S = 1.0


class CommandError(ValueError):
    """It cannot be done; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be looked at, from … to in the source's seconds, and how its instants are read."""

    name: str
    source: Source
    rules: VisionRules
    from_s: float
    to_s: float | None
    zone: zoneinfo.ZoneInfo | None

    def text(self, at_s: float) -> str:
        """An instant by the clock of the camera's place, or as minutes and seconds of a clip."""
        if self.zone is None:
            return f"{int(at_s) // 60:02}:{at_s % 60:05.2f}"
        return f"{datetime.fromtimestamp(at_s, self.zone):%Y-%m-%d %H:%M:%S}"


def main(given: Sequence[str]) -> int:
    """The exit code: 0, or 2 if it cannot be done, or 130 if it was broken off."""
    arguments = _parser().parse_args(given)
    try:
        return _run(arguments)
    except (CommandError, ConfigError, SourceError) as error:
        print(f"{_PROGRAM}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the lines has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_OFF
    except OSError as error:
        print(
            f"{_PROGRAM}: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", file=sys.stderr
        )
        return 2
    except KeyboardInterrupt:
        print(f"\n{_PROGRAM}: broken off; nothing was written", file=sys.stderr)
        return _BROKEN_OFF


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Looks at stored footage, or at a clip, with a camera's settings or with others, says what would "
        "have been seen and draws it. The recorder may be running; the archive is only read. Looking at a camera's "
        "footage is recorded in the audit log.",
        epilog="Exit code: 0, or 2 if it cannot be done.",
    )
    what = parser.add_argument_group("what to look at")
    what.add_argument("--data", type=Path, help="the recorder's directory")
    what.add_argument("--archive", type=Path, help="directory of the footage (default: DATA/archive)")
    what.add_argument("--config", type=Path, help="the camera file: settings, days of retention and time zone")
    what.add_argument("--camera", metavar="ID", help="whose footage")
    what.add_argument("--from", dest="start", metavar="TIME", help="2026-11-21T22:00 by the camera file's time zone")
    what.add_argument("--to", dest="end", metavar="TIME", help="as --from; at most a day later")
    what.add_argument("--reason", help="why, for the audit log")
    what.add_argument("--file", type=Path, metavar="CLIP", help="a video file or a directory of frames instead")
    what.add_argument("--rate", type=float, default=25.0, help="frames a second of a directory (default: %(default)g)")
    how = parser.add_argument_group("how to look")
    how.add_argument("--sensitivity", type=_sensitivity, metavar="N", help="1 (large and clear) to 9 (the slightest)")
    how.add_argument("--compare", type=_several, metavar="N,N,…", help="several sensitivities, one under the other")
    how.add_argument(
        "--zones", type=Path, metavar="FILE", help="YAML or JSON with zones and ignore, as in the camera file"
    )
    how.add_argument("--minimum", type=float, metavar="S", help="movement shorter than this is none")
    beat = how.add_mutually_exclusive_group()
    beat.add_argument(
        "--every", type=_seconds, default=0.2, metavar="S", help="seconds between looks (default: %(default)g)"
    )
    beat.add_argument("--all", action="store_true", help="look at every picture")
    beat.add_argument("--keyframes", action="store_true", help="look at keyframes only: a day in minutes")
    result = parser.add_argument_group("what comes of it")
    result.add_argument("--out", type=Path, metavar="DIR", help="where the curve and the strongest moments go (PNG)")
    result.add_argument("--video", action="store_true", help="the footage with boxes and curve there, too (MP4)")
    result.add_argument("--json", action="store_true", help="JSON lines: every look, and the observations at the end")
    return parser


def _sensitivity(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 9):
        raise argparse.ArgumentTypeError("a number from 1 to 9 was expected")
    return int(text)


def _several(text: str) -> list[int]:
    return list(dict.fromkeys(_sensitivity(part.strip()) for part in text.split(",")))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3_600:
        raise argparse.ArgumentTypeError("seconds from 0 to 3600 were expected")
    return seconds


def _run(arguments: argparse.Namespace) -> int:
    if arguments.video and arguments.out is None:
        raise CommandError("--video needs --out, the directory in which it is to be")
    asked = _clip(arguments) if arguments.file is not None else _footage(arguments)
    rules = _rules(asked.rules, arguments)
    ways = [replace(rules, sensitivity=number).eye for number in _sensitivities(rules, arguments)]
    every_s = 0.0 if arguments.all or arguments.keyframes else arguments.every
    with _Told(asked, as_json=arguments.json) as told:
        pictures = told.through(asked.source.pictures(arguments.keyframes))
        runs = look_again(pictures, ways, every_s, told.looked)
    if not runs[0].glances:
        raise CommandError(f"there is nothing to look at of {asked.name} in this range")
    if arguments.out is not None:
        glances = runs[0].glances
        to_s = glances[-1].at_s if asked.to_s is None else asked.to_s
        title = f"{asked.name}   {asked.text(asked.from_s)} - {asked.text(to_s)}"
        subject = Subject(title, asked.source, runs, asked.from_s, to_s, arguments.keyframes, asked.text)
        name = _file_name(asked)
        with put_whole(arguments.out) as beside:
            draw_page(subject, beside / f"{name}.png")
            if arguments.video:
                draw_film(subject, beside / f"{name}.mp4")
    _say(asked, runs, as_json=arguments.json)
    return 0


def _file_name(asked: _Asked) -> str:
    return asked.name if asked.zone is None else f"{asked.name}_{utc.to_name(round(asked.from_s * SECOND_US))[:15]}Z"


# --- what is asked for ------------------------------------------------------------------------------------------------


def _clip(arguments: argparse.Namespace) -> _Asked:
    if arguments.camera is not None:
        raise CommandError("either --camera or --file was expected")
    if not arguments.file.exists():
        raise CommandError(f"{arguments.file} does not exist")
    if not 0 < arguments.rate <= 1_000:
        raise CommandError("--rate was expected to be more than 0 frames a second")
    return _Asked(arguments.file.stem, Clip(arguments.file, arguments.rate), VisionRules(), 0.0, None, None)


def _footage(arguments: argparse.Namespace) -> _Asked:
    needed = {"--data": arguments.data, "--config": arguments.config, "--camera": arguments.camera}
    needed |= {"--from": arguments.start, "--to": arguments.end}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise CommandError(f"{', '.join(missing)}: expected, or --file instead")
    rules = config.load(arguments.config)
    camera = _camera(rules, arguments.camera)
    within = Span(_instant(arguments.start, rules.time_zone), _instant(arguments.end, rules.time_zone))
    if not within.start_us < within.end_us <= within.start_us + DAY_US:
        raise CommandError("--to was expected to be later than --from, by a day at most")
    archive = arguments.archive or arguments.data / "archive"
    if not (arguments.data.is_dir() and archive.is_dir()):
        raise CommandError(f"{archive if arguments.data.is_dir() else arguments.data} is no directory")
    now_us = time.time_ns() // 1_000
    locks = (lock for lock in read_locks(archive) if lock.camera_id == camera.id and lock.holds(now_us))
    from_us = served_from_us(now_us, rules.retention_days(camera.id))
    shown = served(within, from_us, [Span(lock.start_us, lock.end_us) for lock in locks])
    _record(arguments.data, camera.id, within, arguments.reason, refused=not shown)
    if not shown:
        raise CommandError("the footage of this range is past its days")
    source = Recorded(archive, camera.id, tuple(shown))
    start_s, end_s = within.start_us / SECOND_US, within.end_us / SECOND_US
    return _Asked(camera.id, source, camera.vision, start_s, end_s, rules.time_zone)


def _camera(rules: Config, camera_id: str) -> Camera:
    for camera in rules.cameras:
        if camera.id == camera_id:
            return camera
    known = ", ".join(camera.id for camera in rules.cameras) or "none"
    raise CommandError(f"there is no camera {camera_id} in the camera file; it has: {known}")


def _instant(text: str, zone: zoneinfo.ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text}: a time like 2026-11-21T22:00 was expected") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        utc_us = utc.to_us(moment)
        if utc.from_us(utc_us).astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
            raise CommandError(f"{text}: there is no such time in {zone.key}; clocks are set ahead then")
        if utc_us != utc.to_us(moment.replace(fold=1)):
            raise CommandError(f"{text}: this time comes twice in {zone.key}; say which, as {moment.isoformat()}")
    return utc.to_us(moment)


def _record(data: Path, camera_id: str, within: Span, reason: str | None, *, refused: bool) -> None:
    """The look in the audit log; nothing is shown before. Raises CommandError."""
    log = AuditLog(data)
    content = {
        "actor": f"command line ({_user()})",
        "reason": reason,
        "camera_id": camera_id,
        "start": utc.to_text(within.start_us),
        "end": utc.to_text(within.end_us),
        "outcome": "refused" if refused else "done",
        "details": {"kind": "vision"},
    }
    try:
        log.append("look", {name: value for name, value in content.items() if value is not None})
    except OSError as error:
        raise CommandError(
            f"the audit log cannot be written, so nothing is shown: {error.strerror or error}"
        ) from error
    except (ValueError, TypeError) as error:
        raise CommandError("--reason cannot be written: text was expected") from error
    finally:
        log.close()


def _user() -> str:
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return name if not behind else f"{name}, called by {behind}"


# --- how it is looked at ----------------------------------------------------------------------------------------------


def _rules(rules: VisionRules, arguments: argparse.Namespace) -> VisionRules:
    """The camera's own rules, and what is to be otherwise. Raises CommandError."""
    entry: dict[str, object] = {}
    if arguments.zones is not None:
        try:
            found = strict_yaml.read(strict_yaml.decode(arguments.zones.read_bytes())).data
        except strict_yaml.YamlError as error:
            raise CommandError(
                f"{arguments.zones}: line {error.line}, column {error.column}: {error.reason}"
            ) from error
        if not isinstance(found, dict) or not found or found.keys() - {"zones", "ignore"}:
            raise CommandError(f"{arguments.zones}: the keys zones and ignore were expected")
        entry |= found
    if arguments.minimum is not None:
        entry["minimum_s"] = arguments.minimum
    if not entry:
        return rules
    nowhere = config.Eldership("nowhere", "nowhere")
    camera = {"name": "clip", "eldership": nowhere.id, "url": "rtsp://192.0.2.1/", "vision": entry}
    try:
        valid = config.parse_camera("clip", camera, [nowhere]).vision
    except ConfigError as error:
        place = error.field.removeprefix("vision.").replace("minimum_s", "--minimum")
        raise CommandError(f"{place}: {error.reason}") from error
    if arguments.minimum is not None:
        rules = replace(rules, minimum_s=valid.minimum_s)
    return rules if arguments.zones is None else replace(rules, zones=valid.zones, ignore=valid.ignore)


def _sensitivities(rules: VisionRules, arguments: argparse.Namespace) -> list[int]:
    first = rules.sensitivity if arguments.sensitivity is None else arguments.sensitivity
    if arguments.compare is None:
        return [first]
    return [first, *arguments.compare] if arguments.sensitivity not in (None, *arguments.compare) else arguments.compare


# --- what is said -----------------------------------------------------------------------------------------------------


class _Told:
    """Looks as JSON lines on standard output, progress on standard error if somebody sits there."""

    def __init__(self, asked: _Asked, *, as_json: bool) -> None:
        self._asked = asked
        self._as_json = as_json
        self._shows = sys.stderr.isatty()
        self._due_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def through(self, pictures: Iterator[Picture]) -> Iterator[Picture]:
        """The pictures as they are, how far it is said meanwhile."""
        for picture in pictures:
            now_s = time.monotonic()
            if self._shows and now_s >= self._due_s:
                print(f"\r{self._asked.text(picture.at_s)}", end="", file=sys.stderr, flush=True)
                self._due_s = now_s + _TOLD_EVERY_S
            yield picture

    def looked(self, picture: Picture, look: Look, lasting: tuple[str, ...]) -> None:
        """A look."""
        if not self._as_json:
            return
        motion, wide, high = look.motion, picture.frame.width, picture.frame.height
        line = {
            "frame": picture.number,
            "at_s": round(picture.at_s, 6),
            "foreground": [[row, column] for row, column in _places(look)],
            "boxes": [
                [round(left * wide), round(top * high), round((right - left) * wide), round((bottom - top) * high)]
                for left, top, right, bottom in boxes_of(motion.foreground)
            ],
            "blocks": list(motion.foreground.shape),
            "activity": motion.activity,
            "moving": motion.moving,
            "score": motion.score,
            "zones": list(motion.zones),
            "changed_globally": motion.changed_globally,
            "observations": list(lasting),
        }
        print(json.dumps(line))


def _places(look: Look) -> list[tuple[int, int]]:
    rows, columns = look.motion.foreground.nonzero()
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _say(asked: _Asked, runs: Sequence[Run], *, as_json: bool) -> None:
    several = len(runs) > 1
    for run in runs:
        sensitivity = run.settings.motion.sensitivity
        if as_json:
            for seen in run.seen:
                told = {
                    "observation": seen.kind,
                    "sensitivity": sensitivity,
                    "start_s": seen.start_s,
                    "end_s": seen.end_s,
                }
                print(json.dumps(told | {"zone": seen.zone, "score": seen.score, "still_s": seen.still_s}))
            continue
        if several:
            print(f"sensitivity {sensitivity}:")
        for number, seen in enumerate(run.seen, 1):
            span = f"{asked.text(seen.start_s)} - {asked.text(seen.end_s).rpartition(' ')[2]}"
            lasted = f"{seen.end_s - seen.start_s:7.1f} s"
            print(f"{number:>4}  {span}  {seen.kind:<10} {seen.zone or '-':<16} {lasted}  score {seen.score:.2f}")
        moving_s = sum(seen.end_s - seen.start_s for seen in run.motion)
        looks = f"{len(run.glances)} looks"
        print(f"      {len(run.seen) or 'no'} observations; something moved for {moving_s:.0f} s; {looks}")
