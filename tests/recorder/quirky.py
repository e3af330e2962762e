"""Footage for cameras that deviate, and what comes of them."""

from safe_community_recorder.ingest.source import SourceError
from safe_community_recorder.media.video import AccessUnit, CodecName
from tests.cameras.quirks import DialogueQuirks, StreamQuirks
from tests.cameras.reading import native, taken
from tests.cameras.scripted import ScriptedCamera
from tests.recorder.footage import Footage, encode

FAST_S = 0.01


def difference(quirks: StreamQuirks | DialogueQuirks) -> str:
    """What is not as it should be."""
    usual = type(quirks)()
    changed = {name: getattr(quirks, name) for name in quirks.__dataclass_fields__}
    return ", ".join(f"{name} {value}" for name, value in changed.items() if value != getattr(usual, name)) or "none"


def footage_of(codec: CodecName, b_frames: int = 0, slices: int = 1) -> Footage:
    """Thirty pictures of several packets each."""
    return encode(30, b_frames, 320, 240, codec=codec, slices=slices, grain=12 if codec == "h264" else 40)


async def read(
    camera: ScriptedCamera, count: int = 45, certificate: str | None = None
) -> tuple[list[AccessUnit], SourceError | None]:
    """What comes of a camera by the native way."""
    return await taken(native(camera.url, certificate=certificate), count)
