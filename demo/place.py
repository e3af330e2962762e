"""Where a village has its data and its ports."""

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Place:
    """Where a village has its data and its ports."""

    folder: Path
    cameras: int = 8554
    control: int = 8555
    recorder: int = 8710
    home_assistant: int = 8123
    phones: int = 8124

    @classmethod
    def anywhere(cls, folder: Path) -> Self:
        """Ports that are free now."""
        with contextlib.ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(5)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            return cls(folder, *(probe.getsockname()[1] for probe in probes))

    @property
    def recorder_url(self) -> str:
        """The recorder's address."""
        return f"http://127.0.0.1:{self.recorder}"

    @property
    def home_assistant_url(self) -> str:
        """Home Assistant's address."""
        return f"http://127.0.0.1:{self.home_assistant}"

    @property
    def phones_url(self) -> str:
        """The address of the phones' page."""
        return f"http://127.0.0.1:{self.phones}"

    @property
    def control_url(self) -> str:
        """Where the cameras are told what to show."""
        return f"http://127.0.0.1:{self.control}"

    @property
    def list_path(self) -> Path:
        """Where a running village's addresses and processes stand, for programs."""
        return self.folder / "village.json"

    def token(self) -> str:
        """The recorder's bearer token."""
        return (self.folder / "recorder" / "token").read_text().strip()
