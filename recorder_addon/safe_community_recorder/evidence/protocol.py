"""protocol.html: what a package is, for people; one printed A4 page for one clip. It needs nothing but itself. Pure.

Several clips take several pages, each with the package's number and its own, so that none can be lost or exchanged.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from .. import utc
from .contents import Footage, Maker, Missing, Packed, Request
from .readme import SIGNATURE_COMMAND, SUMS_COMMAND
from .texts import WORDS, Words

# So that one clip stays on one page: manifest.json has them all, and longer texts (in letters) are set smaller.
_SHOWN_AT_MOST = 4
_DENSE, _DENSEST = 1_500, 2_600
_WIDE_LETTER = 1.6

_PAGES = """
@page {{
  size: A4; margin: 12mm 15mm;
  @bottom-left {{ content: "{title}"; font: 7.5pt sans-serif; }}
  @bottom-right {{ content: counter(page) " / " counter(pages); font: 7.5pt sans-serif; }}
}}"""
_STYLE = """
body { font: 9pt/1.3 "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #000; background: #fff; max-width: 180mm;
  margin: 0 auto; overflow-wrap: anywhere; }
h1 { font-size: 15pt; margin: 0 0 2mm; }
h2 { font-size: 11pt; margin: 3mm 0 1mm; }
section { break-inside: avoid; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 600; width: 42mm; }
th, td { padding: 0.4mm 2mm 0.4mm 0; vertical-align: top; border-bottom: 0.2mm solid #bbb; }
.stills { display: flex; gap: 2mm; margin: 1.5mm 0; }
figure { margin: 0; flex: 0 1 33%; }
img { width: 100%; max-height: 38mm; object-fit: contain; display: block; }
figcaption, .small { font-size: 7.5pt; }
code { font: 7.5pt/1.3 "DejaVu Sans Mono", monospace; }
.hand th, .hand td { width: 25%; border: 0.2mm solid #888; padding: 1mm; }
.hand td { height: 9mm; }
p { margin: 1mm 0; }
.dense { font-size: 7.5pt; line-height: 1.2; }
.dense h1 { font-size: 13pt; }
.dense h2 { font-size: 9pt; margin-top: 2mm; }
.dense img { max-height: 25mm; }
.dense .hand td { height: 7.5mm; }
.densest { font-size: 6pt; line-height: 1.15; }
.densest h1 { font-size: 10pt; }
.densest h2 { font-size: 7.5pt; }
.densest .small, .densest figcaption, .densest code { font-size: 6pt; }
"""


def protocol(request: Request, maker: Maker, created_us: int, packed: Sequence[Packed]) -> str:
    """The page in the language that was asked for."""
    words, zone = WORDS[request.language], maker.time_zone
    title = words.title.format(number=request.number)
    about = (
        (words.created, _instant(created_us, zone)),
        (words.recorder, f"{maker.name} (Safe Community {maker.version}, {maker.recorder_id})"),
        (words.asked_by, request.actor),
        (words.reason, request.reason),
        (words.recipient, request.recipient),
    )
    clips = "".join(_clip(number, one, words, zone) for number, one in enumerate(packed, 1))
    body = f"<h1>{escape(title)}</h1>\n{_table(about)}{clips}"
    return (
        f'<!DOCTYPE html>\n<html lang="{request.language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_PAGES.format(title=title)}{_STYLE}</style>\n</head>\n"
        f'<body class="{_density(body, len(packed))}">\n{body}{_verification(words, maker)}{_hand_over(words)}'
        "</body>\n</html>\n"
    )


def _density(body: str, clips: int) -> str:
    text = re.sub(r"<[^>]*>", "", body)
    letters = sum(_WIDE_LETTER if letter.isupper() or letter in "mw" else 1 for letter in text)
    if letters <= _DENSE:
        return ""
    return "dense" if letters <= _DENSEST or clips > 1 else "dense densest"


def _clip(number: int, packed: Packed, words: Words, zone: ZoneInfo) -> str:
    item, footage = packed.item, packed.footage
    asked = (words.asked_time, _range(item.start_us, item.end_us, zone))
    rows = [(words.eldership, f"{item.eldership_name} ({item.eldership_id})")]
    if footage is None:
        rows += [asked, (words.time, words.no_footage)]
    else:
        rows += [(words.time, _range(footage.start_us, footage.end_us, zone))]
        rows += [("UTC", f"{_exact(utc.from_us(footage.start_us))} – {_exact(utc.from_us(footage.end_us))}")]
        rows += [asked, *_of_footage(packed, footage, words)]
    rows.append((words.missing, _missing(packed.missing, words, zone)))
    if packed.clock.events:
        told = [
            f"{_told(one.at_us, zone)} {words.clock_kinds.get(one.kind, one.kind)} "
            f"({_number(one.by_us / utc.SECOND_US, words)} s)"
            for one in packed.clock.events
        ]
        rows.append((words.clock_changes, _few(told, words)))
    if footage is not None:
        rows += [(words.file, f"{footage.file.name} ({_bytes(footage.file.size_bytes, words)})")]
        rows += [("SHA-256", footage.file.sha256)]
    heading = f"{words.clip} {number}: {item.camera_name} ({item.camera_id})"
    stills = "" if footage is None else _stills(footage, zone)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{_table(rows)}{stills}</section>\n"


def _of_footage(packed: Packed, footage: Footage, words: Words) -> list[tuple[str, str]]:
    pictures = ", ".join(f"{one.codec.upper()} {one.width} × {one.height}" for one in footage.video)
    sound = words.with_sound if footage.sound else words.without_sound
    source, offset_s = packed.clock.source, packed.clock.offset_s
    told = [] if source is None else [words.sources[source]]
    told.append(words.no_offset if offset_s is None else words.offset.format(offset=_number(offset_s, words)))
    return [(words.picture, f"{pictures}; {words.sound}: {sound}"), (words.clock, "; ".join(told))]


def _missing(missing: Sequence[Missing], words: Words, zone: ZoneInfo) -> str:
    told = [
        f"{_told(one.start_us, zone)} – {_told(one.end_us, zone, one.start_us)}: "
        f"{words.causes.get(one.cause, one.cause)}"
        for one in missing
    ]
    return _few(told, words) or words.nothing_missing


def _few(told: Sequence[str], words: Words) -> str:
    more = len(told) - _SHOWN_AT_MOST
    return "; ".join([*told[:_SHOWN_AT_MOST], *([words.more.format(count=more)] if more > 0 else [])])


def _stills(footage: Footage, zone: ZoneInfo) -> str:
    figures = [
        f'<figure><img alt="" src="data:image/jpeg;base64,{base64.b64encode(still.small).decode("ascii")}">'
        f"<figcaption>{_told(still.at_us, zone)}</figcaption></figure>"
        for still in footage.stills
    ]
    return f'<div class="stills">{"".join(figures)}</div>\n' if figures else ""


def _verification(words: Words, maker: Maker) -> str:
    commands = "<br>".join(f"<code>{escape(command)}</code>" for command in (SUMS_COMMAND, SIGNATURE_COMMAND))
    return (
        f"<section>\n<h2>{escape(words.how_to_verify)}</h2>\n<p>{escape(words.verifying)}</p>\n<p>{commands}</p>\n"
        f"<p>{escape(words.fingerprint)}:<br><code>{maker.key_fingerprint}</code></p>\n</section>\n"
    )


def _hand_over(words: Words) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in ("", words.given_by, words.received_by))
    rows = "".join(
        f"<tr><th>{escape(text)}</th><td></td><td></td></tr>"
        for text in (words.person, words.institution, words.signature, words.date)
    )
    table = f'<table class="hand"><tr>{head}</tr>{rows}</table>'
    return f"<section>\n<h2>{escape(words.hand_over)}</h2>\n{table}\n</section>\n"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>\n" for name, text in rows)
    return f"<table>\n{cells}</table>\n"


# --- times and numbers ------------------------------------------------------------------------------------------------


def _local(instant_us: int, zone: ZoneInfo) -> datetime:
    return utc.from_us(instant_us).astimezone(zone)


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"UTC{text[:3]}:{text[3:5]}"


def _instant(instant_us: int, zone: ZoneInfo) -> str:
    local = _local(instant_us, zone)
    return f"{local:%Y-%m-%d %H:%M:%S} ({_offset(local)}) = {utc.from_us(instant_us):%Y-%m-%d %H:%M:%S} UTC"


def _range(start_us: int, end_us: int, zone: ZoneInfo) -> str:
    """With the offset, twice where it changes meanwhile."""
    start, end = _local(start_us, zone), _local(end_us, zone)
    first = f" ({_offset(start)})" if _offset(start) != _offset(end) else ""
    return f"{_exact(start)}{first} – {_exact(end)} ({_offset(end)})"


def _exact(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1_000:03}"


def _told(instant_us: int, zone: ZoneInfo, after_us: int | None = None) -> str:
    """To the second; without the day if that of `after_us` goes before, with the offset where the hour comes twice."""
    local = _local(instant_us, zone)
    is_same_day = after_us is not None and _local(after_us, zone).date() == local.date()
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    offset = f" ({_offset(local)})" if comes_twice else ""
    return f"{local:%H:%M:%S}{offset}" if is_same_day else f"{local:%Y-%m-%d %H:%M:%S}{offset}"


def _number(value: float, words: Words) -> str:
    return f"{value:+.2f}".replace(".", words.decimal_sign).replace("-", "−")


def _bytes(size_bytes: int, words: Words) -> str:
    megabytes = f"{size_bytes / 1_000_000:.1f}".replace(".", words.decimal_sign)
    grouped = f"{size_bytes:,}".replace(",", "\N{NO-BREAK SPACE}")
    return f"{grouped} B = {megabytes} MB"
