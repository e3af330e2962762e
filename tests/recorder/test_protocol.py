"""The words of evidence packages: the protocol, which is printed, and the README."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest
from playwright.sync_api import Browser

from safe_community_recorder.archive.timeline import ClockEvent
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
    Still,
)
from safe_community_recorder.evidence.protocol import protocol
from safe_community_recorder.evidence.readme import SIGNATURE_COMMAND, SUMS_COMMAND, readme
from safe_community_recorder.evidence.texts import WORDS, Words
from safe_community_recorder.ingest.gop import ClockChange
from safe_community_recorder.media.picture import to_jpeg
from safe_community_recorder.media.video import VideoFormat
from tests.recorder.packages import ITEM, LANGUAGES, NOON_US, REQUEST, S
from tests.recorder.printed import pages_of, print_pdf


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


TWICE_US = 1_792_888_200_000_000
"""2026-10-25 03:30 in Vilnius for the first time; an hour later it is 03:30 again."""
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
    page = protocol(REQUEST, MAKER, NOON_US, [packed(replace(ITEM, start_us=TWICE_US, end_us=TWICE_US + 3_600 * S))])
    assert "2026-10-25 03:30:00.000 (UTC+03:00) – 2026-10-25 03:30:00.000 (UTC+02:00)" in page


def test_the_protocol_tells_which_of_two_equal_hours_it_means() -> None:
    hour = 3_600 * S
    one = packed(replace(ITEM, start_us=TWICE_US - hour, end_us=TWICE_US + 2 * hour))
    assert one.footage is not None
    still = replace(one.footage.stills[0], at_us=TWICE_US + hour)
    holes = (
        Missing(TWICE_US, TWICE_US + 60 * S, "disk"),
        Missing(TWICE_US + hour, TWICE_US + hour + 60 * S, "disk"),
        Missing(TWICE_US - hour, TWICE_US - hour + 60 * S, "disk"),
    )
    changes = (ClockEvent(TWICE_US + hour, "host_stepped", -5 * S),)
    one = replace(
        one,
        footage=replace(one.footage, stills=(still,)),
        missing=holes,
        clock=replace(one.clock, events=changes),
    )
    page = protocol(REQUEST, MAKER, NOON_US, [one])
    cause = WORDS["en"].causes["disk"]
    assert f"2026-10-25 03:30:00 (UTC+03:00) – 03:31:00 (UTC+03:00): {cause}" in page
    assert f"2026-10-25 03:30:00 (UTC+02:00) – 03:31:00 (UTC+02:00): {cause}" in page
    assert f"2026-10-25 02:30:00 – 02:31:00: {cause}" in page
    assert "2026-10-25 03:30:00 (UTC+02:00) the recorder" in page
    assert "<figcaption>2026-10-25 03:30:00 (UTC+02:00)</figcaption>" in page


def test_an_item_without_footage_says_so() -> None:
    nothing = Packed(ITEM, None, (Missing(ITEM.start_us, ITEM.end_us, UNEXPLAINED),), Clock(None, None, ()))
    page = protocol(REQUEST, MAKER, NOON_US, [nothing])
    assert WORDS["en"].no_footage in page
    assert WORDS["en"].causes[UNEXPLAINED] in page


SENTENCE = "Vaizdo įrašas reikalingas administracinio nusižengimo bylai Nr. 17 "


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", [SENTENCE, SENTENCE.upper(), "W"])
def test_the_protocol_of_one_clip_is_one_printed_page(browser: Browser, text: str, language: Language) -> None:
    """Even with the longest and widest of all texts."""
    (page,) = pages_of(print_pdf(browser, longest_protocol(text, language)))
    assert MAKER.key_fingerprint in "".join(page)


def longest_protocol(text: str, language: Language) -> str:
    item = replace(ITEM, camera_name=(text * 100)[:100], eldership_name=(text * 100)[:100])
    long = (text * 500)[:500]
    request = replace(REQUEST, actor=long[:200], reason=long, recipient=long, language=language)
    one = packed(item, missing=99, events=99, picture=_jpeg())
    return protocol(request, replace(MAKER, name=long[:100]), NOON_US, [one])


def test_each_printed_page_of_many_clips_tells_the_package_and_its_own_number(browser: Browser) -> None:
    """So that none can be left out or exchanged; and no clip is torn apart."""
    names = [f"camera-{number:02}" for number in range(10)]
    clips = [packed(replace(ITEM, camera_id=name), picture=_jpeg()) for name in names]
    printed = pages_of(print_pdf(browser, protocol(REQUEST, MAKER, NOON_US, clips)))
    pages = ["".join(texts).replace(" ", "") for texts in printed]
    assert len(pages) > 2
    for number, page in enumerate(pages, 1):
        assert f"{number}/{len(pages)}" in page
        assert "Evidencepackage2026-0017:protocol" in page
    for name in names:
        (page,) = [page for page in pages if f"({name})" in page]
        begin = page.index(f"({name})")
        assert "ef" * 32 in page[begin : page.find("Clip", begin)]


def _jpeg() -> bytes:
    """A picture of the usual shape."""
    return to_jpeg(av.VideoFrame.from_ndarray(np.full((225, 400), 128, dtype=np.uint8), format="gray"))
