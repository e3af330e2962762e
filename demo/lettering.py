"""Text for the demo's pictures, drawn once by ffmpeg so that names may carry any letter."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CLOCK_LETTERS = "0123456789-:. UTC"
_ROW_WIDTH = 1024
_BOLD = Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf")


def letter(texts: list[tuple[str, int]]) -> list[Any]:
    """Each (text, height of the line in pixels) as white on black, uint8[height, width]; fixed-width letters."""
    height = max(size for _, size in texts)
    with tempfile.TemporaryDirectory() as folder:
        filters = []
        for row, (text, size) in enumerate(texts):
            path = Path(folder, f"{row}.txt")
            path.write_text(text, encoding="utf-8")
            filters.append(
                f"drawtext=textfile={path}:expansion=none:{_font()}:fontcolor=white"
                f":fontsize={_font_size(size)}:x=0:y={row * height}+{round(size * 0.84)}-max_glyph_a"
            )
        source = ["-f", "lavfi", "-i", f"color=black:s={_ROW_WIDTH}x{height * len(texts)}:r=1"]
        target = ["-vf", ",".join(filters), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
        drawing = subprocess.run(
            ["ffmpeg", "-v", "error", *source, *target],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    rows = np.frombuffer(drawing.stdout, np.uint8).reshape(len(texts), height, _ROW_WIDTH)
    return [row[:size, : advance(size) * len(text)] for row, (text, size) in zip(rows, texts, strict=True)]


def advance(line_height: int) -> int:
    """How many pixels one letter takes."""
    return round(_font_size(line_height) * 0.602)


def _font() -> str:
    return f"fontfile={_BOLD}" if _BOLD.exists() else "font=monospace"


def _font_size(line_height: int) -> int:
    return round(line_height * 0.9)
