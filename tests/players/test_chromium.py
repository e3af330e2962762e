"""Chromium's own <video> finds every picture in clips of cameras with and without B-frames and sound."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from tests.browser.player import Player
from tests.players.watched import KINDS, Watched

every_kind = pytest.mark.parametrize("watched", [kind.id for kind in KINDS], indirect=True)
_LOAD = """
async address => {
    const video = document.querySelector('video');
    await new Promise(done => {
        video.requestVideoFrameCallback(() => done());
        video.addEventListener('error', () => done(), {once: true});
        // Of a clip with sound it plays that alone where it cannot decode the pictures.
        video.addEventListener('loadeddata', () => video.videoWidth || done(), {once: true});
        setTimeout(done, 60000);
        video.src = address;
    });
    return video.error?.code ?? (video.videoWidth ? 0 : 'no pictures');
}
"""
# MEDIA_ERR_SRC_NOT_SUPPORTED, or sound without pictures.
_NOT_SUPPORTED = (4, "no pictures")


@every_kind
def test_chromium_finds_every_picture(watched: Watched, browser: Browser) -> None:
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {watched.recorder.token}"})
    player = Player(context.new_page(), watched.recorder)
    start_us, end_us = watched.start_us + 350_000, watched.until_us
    described = watched.described(start_us, end_us)
    problem = player.value(f"({_LOAD})({described['path']!r})")
    if watched.kind.codec == "h265" and problem in _NOT_SUPPORTED:
        context.close()
        pytest.skip(f"this Chromium decodes no H.265; to the page it says: {problem}")
    assert problem == 0
    expected = [picture.number for picture in watched.expected(start_us, end_us)]
    taken_us = [taken_us for _, taken_us in watched.taken_us() if start_us <= taken_us < end_us]
    assert number_of(player) == expected[0]
    rng = random.Random(11)
    for place in (0, *(rng.randrange(len(expected) - 1) for _ in range(20)), len(expected) - 1):
        player.seek(watched.at_s(described, taken_us[place]) + 0.03)
        assert number_of(player) in expected[max(0, place - 1) : place + 2]
    context.close()


def number_of(player: Player) -> int:
    """The number of the picture that shows."""
    return round((player.shown().taken - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))
