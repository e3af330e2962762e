"""An MP4 of pictures with what was seen in them, the curve running along below."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from PIL import Image, ImageDraw

from .drawing import Bitmap

_MS = Fraction(1, 1_000)
# What lies farther apart was not filmed; nobody is to wait for it.
_LONGEST_MS = 2_000
_NOW = (237, 51, 59)


class Film:
    """Writes H.264, each picture for as long as it lasted. `close` must be called: a context manager does."""

    def __init__(self, path: Path, curve: Bitmap, width: int, height: int) -> None:
        self._curve = curve
        self._size = width, height + (curve.height & ~1)
        self._container = av.open(str(path), "w", options={"movflags": "+faststart"})
        stream = self._container.add_stream("libx264", options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = _MS
        self._stream = stream
        self._former_s: float | None = None
        self._at_ms = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def add(self, picture: Bitmap, at_s: float, x: float) -> None:
        """The next picture, and where it is on the curve."""
        if self._former_s is not None:
            self._at_ms += min(_LONGEST_MS, max(1, round((at_s - self._former_s) * 1_000)))
        self._former_s = at_s
        width, height = self._size
        sheet = Image.new("RGB", self._size)
        if picture.width != width:
            picture = picture.resize((width, height - (self._curve.height & ~1)))
        sheet.paste(picture, (0, 0))
        top = height - (self._curve.height & ~1)
        sheet.paste(self._curve, (0, top))
        ImageDraw.Draw(sheet).line([(x, top + 22), (x, height - 18)], _NOW, 2)
        frame = av.VideoFrame.from_ndarray(np.asarray(sheet), format="rgb24")
        frame.pts, frame.time_base = self._at_ms, _MS
        self._container.mux(self._stream.encode(frame))
