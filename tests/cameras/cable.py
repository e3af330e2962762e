"""A network cable that can be pulled: a network namespace of its own for the camera, at the end of a pair of veth."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# For tests of network devices only (RFC 2544), so that no machine has them.
_NETWORK = "198.18"
_PREFIX = 30


@dataclass(frozen=True, slots=True)
class Cable:
    """The camera's end is `host`; commands behind `there` run at that end."""

    host: str
    name: str

    @property
    def there(self) -> tuple[str, ...]:
        """What to put before a command."""
        return ("ip", "netns", "exec", self.name)

    def pull(self) -> None:
        """Nothing comes through any more, in either direction, and nobody is told."""
        _ip("-netns", self.name, "link", "set", "there", "down")

    def plug(self) -> None:
        """Everything comes through again."""
        _ip("-netns", self.name, "link", "set", "there", "up")


@contextmanager
def cable() -> Iterator[Cable | str]:
    """A cable, or why there can be none here (it needs root)."""
    name = f"camera-{os.getpid()}"
    here = f"sc{os.getpid()}"
    ours, theirs = (f"{_NETWORK}.{os.getpid() % 256}.{end}" for end in (1, 2))
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as error:
        yield f"a network namespace cannot be made: {getattr(error, 'stderr', '') or error}".strip()
        return
    try:
        try:
            _ip("link", "add", here, "type", "veth", "peer", "name", "there", "netns", name)
            _ip("address", "add", f"{ours}/{_PREFIX}", "dev", here)
            _ip("link", "set", here, "up")
            _ip("-netns", name, "address", "add", f"{theirs}/{_PREFIX}", "dev", "there")
            for device in ("lo", "there"):
                _ip("-netns", name, "link", "set", device, "up")
        except subprocess.CalledProcessError as error:
            yield f"a pair of veth cannot be made: {error.stderr.strip()}"
            return
        yield Cable(theirs, name)
    finally:
        # The pair goes with the namespace.
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
