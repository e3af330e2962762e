"""Cameras deviate: whatever of it is known gives the right pictures at the right times, or a refusal that helps."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from safe_community_recorder.cause import Cause
from safe_community_recorder.ingest.source import SourceError
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.certificate import self_made
from tests.cameras.proxy import Proxy
from tests.cameras.quirks import DialogueQuirks, Login, StreamQuirks
from tests.cameras.reading import assert_same, assert_timed, libav, native, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import Footage, encode, encode_sound

SIZE = (320, 240)
FAST_S = 0.01
COUNT = 45

STREAM_QUIRKS = [
    StreamQuirks(),
    StreamQuirks(markers="nal units"),
    StreamQuirks(markers="sei"),
    StreamQuirks(markers="packets"),
    StreamQuirks(markers="none"),
    StreamQuirks(sets="in band"),
    StreamQuirks(sets="sdp"),
    StreamQuirks(sets="with the picture before"),
    StreamQuirks(sets="before each slice"),
    StreamQuirks(fragments="always"),
    StreamQuirks(fragments="with an empty one"),
    StreamQuirks(fragments="mistyped"),
    StreamQuirks(fragments="reserved bit"),
    StreamQuirks(aggregated=True),
    StreamQuirks(start_codes=True),
    StreamQuirks(start_codes=True, fragments="always", sets="in band"),
    StreamQuirks(timestamps="wrapping"),
    StreamQuirks(header="padded"),
    StreamQuirks(header="extended"),
    StreamQuirks(header="contributed"),
    StreamQuirks(ssrc="other than told"),
    StreamQuirks(alien_packets=True),
    StreamQuirks(between="empty lines"),
    StreamQuirks(between="rubbish"),
    StreamQuirks(between="unknown channel"),
    StreamQuirks(between="private channel"),
    StreamQuirks(reports="none"),
    StreamQuirks(most_bytes=200),
    StreamQuirks(most_bytes=60_000),
]


def difference(quirks: StreamQuirks | DialogueQuirks) -> str:
    """What is not as it should be."""
    usual = type(quirks)()
    changed = {name: getattr(quirks, name) for name in quirks.__dataclass_fields__}
    return ", ".join(f"{name} {value}" for name, value in changed.items() if value != getattr(usual, name)) or "none"


def footage_of(codec: CodecName, b_frames: int = 0, slices: int = 1) -> Footage:
    """Thirty pictures of several packets each."""
    return encode(30, b_frames, *SIZE, codec=codec, slices=slices, grain=12 if codec == "h264" else 40)


async def read(
    camera: ScriptedCamera, count: int = COUNT, certificate: str | None = None
) -> tuple[list[AccessUnit], SourceError | None]:
    """What comes of a camera by the native way."""
    return await taken(native(camera.url, certificate=certificate), count)


@pytest.mark.parametrize(
    ("codec", "b_frames", "slices"),
    [("h264", 0, 1), ("h264", 0, 4), ("h264", 2, 1), ("h265", 0, 1), ("h265", 2, 1)],
    ids=["h264", "h264 in slices", "h264 with b-frames", "h265", "h265 with b-frames"],
)
async def test_a_stream_with_any_quirk_gives_all_its_pictures_at_their_times(
    codec: CodecName, b_frames: int, slices: int
) -> None:
    footage = footage_of(codec, b_frames, slices).units

    async def check(quirks: StreamQuirks) -> str:
        async with ScriptedCamera(footage, quirks, pace_s=0.05) as camera:
            units, error = await read(camera)
        try:
            assert error is None
            assert len(units) == COUNT
            assert_same(units, footage)
            assert_timed(units, footage)
        except AssertionError as failure:
            return f"{difference(quirks)}: {failure}"[:300]
        return ""

    quirks = [*STREAM_QUIRKS, StreamQuirks(decoding_order=True)] if codec == "h265" else STREAM_QUIRKS
    failures = await asyncio.gather(*map(check, quirks))
    assert [failure for failure in failures if failure] == []
