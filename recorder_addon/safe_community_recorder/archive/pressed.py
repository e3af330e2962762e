"""Up to when each camera's footage went before its days for want of space: remembered over restarts."""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from .. import utc
from ..durable import write_whole

_LOGGER = logging.getLogger(__name__)


class Pressed:
    """A small file, written anew each time. `load` and `save` block on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until_us: dict[str, int] = {}

    def until_us(self, camera_id: str) -> int | None:
        """The end of the newest footage of a camera that went too early; None if none ever did."""
        return self._until_us.get(camera_id)

    def note(self, gone: Iterable[tuple[str, int]]) -> None:
        """Footage of these cameras went early: (camera id, its end)."""
        for camera_id, end_us in gone:
            self._until_us[camera_id] = max(end_us, self._until_us.get(camera_id, end_us))

    def load(self) -> None:
        """Reads what an earlier run left; nothing if that cannot be read."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            self._until_us = {str(camera_id): utc.parse(until) for camera_id, until in content.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            _LOGGER.warning("what space was too short for is forgotten", extra={"problem": str(error)})

    def save(self) -> None:
        """Keeps it for the next run. Raises OSError."""
        content = {camera_id: utc.to_text(until_us) for camera_id, until_us in sorted(self._until_us.items())}
        write_whole(self._path, json.dumps(content, indent=1).encode())
