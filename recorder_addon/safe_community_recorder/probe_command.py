"""The command `probe`: looks at a camera and says, in words, what it is and what to know of it."""

import asyncio
import sys
from pathlib import Path

from .clock import HostClock
from .config import Camera, ConfigError, parse_stream
from .ingest.ways import Ways
from .logs import redact
from .probe import Found, ProbeError, Prober


def run(url: str, certificate: str | None, source: str, still: Path | None) -> int:
    """Looks at the stream at `url` and prints what it is; `still` is where its picture goes (JPEG).

    The exit code is 0, or 1 if there is something to be warned of, or 2 if there are no pictures.
    """
    entry = {"url": url, "source": source} | ({} if certificate is None else {"certificate": certificate})
    try:
        found = asyncio.run(_look(parse_stream(entry)))
        if still is not None and found.still is not None:
            still.write_bytes(found.still)
    except ConfigError as error:
        return _failed(redact(str(error)))
    except ProbeError as error:
        return _failed(error.detail)
    except OSError as error:
        return _failed(f"{still} cannot be written: {error.strerror}")
    for line in _lines(found):
        print(line)
    return 1 if found.warnings else 0


async def _look(camera: Camera) -> Found:
    return await Prober(Ways().to, HostClock()).probe(camera)


def _failed(reason: str) -> int:
    print(f"safe-community-recorder probe: {reason}", file=sys.stderr)
    return 2


def _lines(found: Found) -> list[str]:
    video, numbers = found.video, found.numbers
    known = {
        "pictures": None if video is None else f"{video.codec.upper()}, {video.width} x {video.height}",
        "frame rate": None if numbers.frame_rate is None else f"{numbers.frame_rate:g}/s",
        "bitrate": None if numbers.bitrate_bps is None else f"{numbers.bitrate_bps / 1e6:.2f} Mbit/s",
        "keyframes": None if numbers.group_s is None else f"every {numbers.group_s:g} s",
        "sound": None if found.sound is None else ", ".join(found.sound) or "none",
        "clock": None if numbers.clock_offset_s is None else f"{numbers.clock_offset_s:+.3f} s from this machine's",
        "received": found.way.value,
    }
    lines = [f"{name + ':':<12}{'not known' if value is None else value}" for name, value in known.items()]
    return lines + [f"{'warning:':<12}{warned.text} [{warned.code}]" for warned in found.warnings]
