"""The sound of a virtual MP4: heard when it was heard, and left out as a whole where nobody may hear it."""

import io
from itertools import accumulate

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_community_recorder.media.clip import build_clip
from tests.recorder.films import T0, Film, S, expected, film, instants, shown
from tests.recorder.footage import brightness_of


def sound_of(video: bytes) -> list[tuple[float, bytes]]:
    """The frames of sound a player hears: when, and which."""
    with av.open(io.BytesIO(video), "r") as container:
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None and not packet.is_discard
        ]


def recorded_sound(one: Film) -> list[tuple[int, bytes]]:
    """All frames of sound that were recorded: UTC, and which."""
    found = []
    for part in one.groups:
        for group in part:
            if group.sound is not None and group.audio is not None:
                samples = group.sound.samples
                at_us = accumulate((s.duration * S // group.audio.sample_rate for s in samples), initial=0)
                found += [(group.sound.start_us + us, s.data) for us, s in zip(at_us, samples, strict=False)]
    return found


@pytest.mark.parametrize("b_frames", [0, 2])
@settings(max_examples=30)
@given(st.tuples(instants, instants).map(sorted))
def test_sound_is_heard_when_it_was_heard(b_frames: int, limits: list[int]) -> None:
    start_us, end_us = T0 + limits[0], T0 + limits[1]
    if not expected(start_us, end_us):
        return
    one = film("h264", b_frames, sound=True)
    clip = build_clip(one.files, start_us, end_us)
    frame_us = 64_000
    inside = [
        (at_us, data)
        for at_us, data in recorded_sound(one)
        if clip.start_us + frame_us <= at_us < clip.end_us - frame_us
    ]
    if not inside:
        return
    heard = sound_of(one.bytes_of(clip))
    for at_us, data in inside:
        piece = [piece for piece in clip.pieces if piece.start_us <= at_us][-1]
        if at_us >= piece.end_us:
            continue
        at_s = (piece.at_90k * 100 / 9 + at_us - piece.start_us) / S
        assert min(abs(other_s - at_s) for other_s, other in heard if other == data) < 0.012


@pytest.mark.parametrize("b_frames", [0, 2])
@settings(max_examples=20)
@given(st.tuples(instants, instants).map(sorted))
def test_without_sound_no_byte_of_it_lies_in_a_clip(b_frames: int, limits: list[int]) -> None:
    start_us, end_us = T0 + limits[0], T0 + limits[1]
    numbers = expected(start_us, end_us)
    if not numbers:
        return
    one, mute = film("h264", b_frames, sound=True), film("h264", b_frames)
    clip = build_clip(one.files, start_us, end_us, sound=False)
    data = one.bytes_of(clip)
    assert clip.audio is None
    assert not [1 for _, frame in recorded_sound(one) if len(frame) > 20 and frame in data]
    assert [light for _, light in shown(data)] == [pytest.approx(brightness_of(n), abs=2) for n in numbers]
    assert shown(data) == shown(mute.bytes_of(build_clip(mute.files, start_us, end_us)))


def test_what_was_recorded_behind_the_end_of_a_clip_is_not_in_it() -> None:
    one = film(sound=True)
    data = one.bytes_of(build_clip(one.files, T0, T0 + S // 2))
    later = [sample.data for sample in one.groups[0][0].samples[5:]] + [
        frame for at_us, frame in recorded_sound(one) if T0 + S // 2 + 64_000 < at_us < T0 + S
    ]
    assert len(later) > 10
    assert not [1 for piece in later if piece in data]
