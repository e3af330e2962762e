"""The time ranges that requests ask for, checked."""

import time
from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from .. import utc
from ..archive.timeline import Span
from .problems import Problem

DAY_US = 86_400 * utc.SECOND_US


def asked_range(request: web.Request, longest_us: int) -> Span:
    """start ≤ time < end of the query's `start` and `end`. Raises Problem."""
    start_us, end_us = (asked_instant(request, name) for name in ("start", "end"))
    if start_us >= end_us:
        raise Problem(HTTPStatus.BAD_REQUEST, "reversed_range", "start was expected to lie before end")
    if end_us - start_us > longest_us:
        hours = longest_us // (3600 * utc.SECOND_US)
        raise Problem(HTTPStatus.BAD_REQUEST, "range_too_long", f"a range of at most {hours} hours was expected")
    if start_us > time.time_ns() // 1_000:
        raise Problem(HTTPStatus.BAD_REQUEST, "future_range", "the range lies in the future")
    return Span(start_us, end_us)


def told_range(request: web.Request) -> tuple[int | None, int | None]:
    """What the query says of a range or an instant, as far as it can be read."""
    if "at" in request.query:
        at_us = _read(request, "at")
        return at_us, at_us
    return _read(request, "start"), _read(request, "end")


def asked_number(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query. Raises Problem."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 13 and least <= int(text) <= most):
        raise Problem(
            HTTPStatus.BAD_REQUEST, "bad_value", f"{name}: a whole number from {least} to {most} was expected"
        )
    return int(text)


def asked_flag(request: web.Request, name: str, *, default: bool) -> bool:
    """true or false of the query. Raises Problem."""
    text = request.query.get(name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", f"{name}: true or false was expected, not {text[:20]!r}")
    return text == "true"


def asked_choice(request: web.Request, name: str, choices: Sequence[str]) -> str:
    """One of these words, or the first of them. Raises Problem."""
    text = request.query.get(name, choices[0])
    if text not in choices:
        expected = " or ".join(choices)
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_value", f"{name}: {expected} was expected, not {text[:20]!r}")
    return text


def _read(request: web.Request, name: str) -> int | None:
    try:
        return asked_instant(request, name)
    except Problem:
        return None


def asked_instant(request: web.Request, name: str) -> int:
    """An instant of the query, in microseconds of UTC. Raises Problem."""
    text = request.query.get(name)
    expected = f"{name}: an RFC 3339 time with its offset was expected, such as 2026-11-22T06:54:49Z"
    if text is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_time", f"{expected}; it is missing")
    try:
        # A plus sign in a query stands for a space where it was not escaped.
        return utc.parse(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_time", f"{expected}, not {text[:40]!r}") from error
