"""A page with a video in the recorder's own origin, and what it shows: cameras write the time into their pictures."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, Route

from demo import timecode
from tests.world import Recorder, wait_until

HLS_JS = Path(__file__).parent / "node_modules" / "hls.js" / "dist" / "hls.min.js"
_PAGE = '<!doctype html><meta charset="utf-8"><video muted playsinline width="640"></video>'
_ROWS = 16  # the blocks of a picture 1280 wide

_READ = """
rows => {
    const video = document.querySelector('video');
    if (video.readyState < 2) return null;
    const canvas = new OffscreenCanvas(video.videoWidth, rows);
    const context = canvas.getContext('2d', {willReadFrequently: true});
    context.drawImage(video, 0, 0);
    const data = context.getImageData(0, 0, canvas.width, rows).data;
    return {at: video.currentTime, width: canvas.width,
            gray: Array.from({length: canvas.width * rows}, (_, n) => data[4 * n])};
}
"""
_READ_LUMA = """
async () => {
    const video = document.querySelector('video');
    if (video.readyState < 2) return null;
    const frame = new VideoFrame(video);
    try {
        if (!['I420', 'NV12'].includes(frame.format)) throw new Error(`pictures as ${frame.format}`);
        const planes = new Uint8Array(frame.allocationSize());
        const [{offset, stride}] = await frame.copyTo(planes);
        const middle = offset + stride * Math.floor(frame.codedHeight / 2);
        return planes.slice(middle, middle + 64).reduce((sum, value) => sum + value, 0) / 64;
    } finally {
        frame.close();
    }
}
"""
_SEEK = """
at => new Promise(done => {
    const video = document.querySelector('video');
    // No other picture comes to the screen where the same one is shown before and after.
    const shown = () => requestAnimationFrame(() => requestAnimationFrame(done));
    video.addEventListener('seeked', shown, {once: true});
    video.currentTime = at;
})
"""
_PLAY_HLS = """
([address, config]) => {
    window.problems = [];
    window.hls = new Hls(config);
    hls.on(Hls.Events.ERROR, (_, data) => window.problems.push([data.fatal, data.details]));
    hls.loadSource(address);
    hls.attachMedia(document.querySelector('video'));
}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a video shows: its position in seconds, and when the picture was taken."""

    at_s: float
    taken: datetime


class Player:
    """A video in a page of the recorder's origin, so that no other origin has to be let in."""

    def __init__(self, page: Page, recorder: Recorder) -> None:
        self._page = page
        page.route(f"{recorder.url}/player", self._page_itself)
        page.goto(f"{recorder.url}/player")

    def play_hls(self, path: str, **config: Any) -> None:
        """Has hls.js play a playlist."""
        assert HLS_JS.exists(), "no hls.js; scripts/setup installs it"
        self._page.add_script_tag(path=HLS_JS)
        self._page.evaluate(_PLAY_HLS, [path, config])

    def play(self, path: str) -> None:
        """Has the browser itself play what is at an address."""
        self._page.evaluate("address => { document.querySelector('video').src = address; }", path)

    def run(self) -> None:
        """Lets it run."""
        self._page.evaluate("document.querySelector('video').play()")

    def seek(self, at_s: float) -> None:
        """Goes to a position and waits until its picture is there."""
        self._page.evaluate(_SEEK, at_s)

    def value(self, expression: str) -> Any:
        """What JavaScript says."""
        return self._page.evaluate(expression)

    def shown(self) -> Shown:
        """What it shows now; waits for a picture."""
        seen = wait_until(lambda: self._page.evaluate(_READ, _ROWS), 60)
        gray = np.array(seen["gray"], dtype=np.uint8).reshape(_ROWS, seen["width"])
        return Shown(seen["at"], timecode.read(gray))

    def shown_luma(self) -> float:
        """How bright the picture is that it shows now, as Y of the video itself."""
        luma: float = wait_until(lambda: self._page.evaluate(_READ_LUMA), 60)
        return luma

    @staticmethod
    def _page_itself(route: Route) -> None:
        route.fulfill(body=_PAGE, content_type="text/html")
