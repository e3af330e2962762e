"""Files for people: drawn beside, put in place whole, for their owner only."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..archive.timeline import Span
from ..utc import SECOND_US
from ..vision.observer import Seen
from .drawing import WIDTH, Bitmap, Curve, Still, Text, mark, page, picture_of, still_width
from .film import Film
from .looking import Glance, Run
from .pictures import Picture, Source

_MOST_STILLS = 24
_FILM_WIDTH = 960


@dataclass(frozen=True, slots=True)
class Subject:
    """What is drawn: the runs of one source from … to, as people read its times."""

    title: str
    source: Source
    runs: Sequence[Run]
    from_s: float
    to_s: float
    keys_only: bool
    time_of: Text

    @property
    def first(self) -> Run:
        """The one whose stills and film are drawn."""
        return self.runs[0]


@contextmanager
def put_whole(directory: Path) -> Iterator[Path]:
    """A directory in which to make files; in the end they are moved to `directory`, or are gone. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".vision-", dir=directory))
    try:
        yield beside
        for path in sorted(beside.iterdir()):
            path.chmod(0o600)
            path.replace(directory / path.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def draw_page(subject: Subject, path: Path) -> None:
    """The curves of all runs, and the strongest moments of the first one's observations, as PNG."""
    panels = []
    for run in subject.runs:
        curve = Curve(run, subject.from_s, subject.to_s, WIDTH)
        panels.append((_sum_of(run), curve.drawn(subject.time_of)))
    chosen = _strongest(subject.first)
    stills = _stills(subject, chosen)
    left_out = len(subject.first.seen) - len(chosen)
    page(subject.title, panels, stills, left_out).save(path, "PNG", optimize=True)


def _sum_of(run: Run) -> str:
    kinds = {
        kind: sum(seen.kind == kind for seen in run.seen) for kind in dict.fromkeys(seen.kind for seen in run.seen)
    }
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"
    return f"sensitivity {run.settings.motion.sensitivity}: {told}"


def _strongest(run: Run) -> list[tuple[int, Seen]]:
    """The observations with the highest scores, with their numbers, in the order of time."""
    numbered = list(enumerate(run.seen, 1))
    kept = sorted(numbered, key=lambda one: -one[1].score)[:_MOST_STILLS]
    return sorted(kept, key=lambda one: one[0])


def _stills(subject: Subject, chosen: Sequence[tuple[int, Seen]]) -> list[Still]:
    glances = {glance.at_s: glance for glance in subject.first.glances}
    wanted = {seen.still_s for _, seen in chosen} & glances.keys()
    drawn: dict[float, Bitmap] = {}
    for picture in subject.source.pictures(subject.keys_only, _around(wanted)):
        if picture.at_s in wanted:
            drawn[picture.at_s] = _marked(subject, picture, glances[picture.at_s], still_width())
            if len(drawn) == len(wanted):
                break
    return [
        Still(
            drawn[seen.still_s],
            f"{number}  {seen.kind}  {seen.zone or ''}  {seen.end_s - seen.start_s:.1f} s  {seen.score:.2f}",
        )
        for number, seen in chosen
        if seen.still_s in drawn
    ]


def _around(instants: set[float]) -> list[Span]:
    """A millisecond round each."""
    return [Span(round(at_s * SECOND_US) - 500, round(at_s * SECOND_US) + 500) for at_s in sorted(instants)]


def _marked(subject: Subject, picture: Picture, glance: Glance, width: int) -> Bitmap:
    bitmap = picture_of(picture.frame, width)
    mark(bitmap, glance.foreground, subject.first.settings.motion, subject.time_of(picture.at_s))
    return bitmap


def draw_film(subject: Subject, path: Path) -> None:
    """All looks of the first run as MP4, their curve below."""
    glances = {glance.at_s: glance for glance in subject.first.glances}
    curve: Curve | None = None
    film: Film | None = None
    with ExitStack() as opened:
        for picture in subject.source.pictures(subject.keys_only):
            glance = glances.get(picture.at_s)
            if glance is None:
                continue
            bitmap = _marked(subject, picture, glance, _FILM_WIDTH)
            if film is None or curve is None:
                curve = Curve(subject.first, subject.from_s, subject.to_s, bitmap.width)
                film = opened.enter_context(Film(path, curve.drawn(subject.time_of), bitmap.width, bitmap.height))
            film.add(bitmap, picture.at_s, curve.x(picture.at_s))
