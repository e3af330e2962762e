"""The part of a Markdown document that a command has printed: between two comments that name the command."""

from collections.abc import Iterable
from pathlib import Path


def put(document: Path, command: str, lines: Iterable[str]) -> None:
    """Replaces what the document says between `<!-- COMMAND -->` and `<!-- end of COMMAND -->`. Raises ValueError."""
    text = document.read_text(encoding="utf-8")
    begin, end = f"<!-- {command} -->", f"<!-- end of {command} -->"
    before, found, rest = text.partition(begin)
    _, found_too, after = rest.partition(end)
    if not (found and found_too):
        raise ValueError(f"{document} has no place for it: {begin} … {end}")
    body = "\n".join(lines).strip("\n")
    document.write_text(f"{before}{begin}\n\n{body}\n\n{end}{after}", encoding="utf-8")
