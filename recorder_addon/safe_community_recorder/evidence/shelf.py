"""Where packages lie: `.exports/` on the archive's disk, which is no camera's. Blocks on the disk."""

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..archive.root import ArchiveRoot
from ..durable import sync_directory

_DIRECTORY = ".exports"
_OURS = re.compile(r"(\d{4}-\d{4,9})\.zip(?:\.part)?", re.ASCII)


class Shelf:
    """Packages by their numbers. One that is not whole has another name until it is. Methods raise OSError."""

    def __init__(self, root: ArchiveRoot) -> None:
        self._root = root

    def path(self, number: str) -> Path:
        """Where a package lies."""
        return self._root.path / _DIRECTORY / f"{number}.zip"

    def begin(self, number: str) -> BinaryIO:
        """A new file; what an earlier try has left is gone."""
        self.remove(number)
        return open(self._root.create(_part(number)), "wb")

    def keep(self, number: str) -> None:
        """The file that was begun is whole, and will be after a power cut, too."""
        self._root.move(_part(number), _whole(number))
        sync_directory(self._root.path / _DIRECTORY)

    def remove(self, number: str) -> None:
        """Deletes a package, whole or not; one that is gone is no trouble."""
        for path in (_part(number), _whole(number)):
            self._root.remove(path)

    def tidy(self, numbers: Collection[str]) -> None:
        """Deletes what is none of these packages: what a power cut has left."""
        self._root.verify()
        names: list[str] = []
        with suppress(FileNotFoundError):
            names = os.listdir(self._root.path / _DIRECTORY)
        for name in names:
            match = _OURS.fullmatch(name)
            if match is not None and match[1] not in numbers:
                self._root.remove(f"{_DIRECTORY}/{name}")


def _part(number: str) -> str:
    return f"{_DIRECTORY}/{number}.zip.part"


def _whole(number: str) -> str:
    return f"{_DIRECTORY}/{number}.zip"
