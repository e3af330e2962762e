"""What a person is told once the village runs: where to look, who to be, what to try."""

from demo import village
from demo.home_assistant import ROOT
from demo.place import Place


def _table() -> str:
    names = {eldership.id: eldership.name for eldership in village.ELDERSHIPS}
    rows = [("user", "password", "name", "role", "elderships")]
    rows += [
        (
            person.user,
            person.password,
            person.name + (" (phone)" if person.phone else ""),
            person.role.replace("_", " "),
            ", ".join(names[slug] for slug in person.elderships) or "all",
        )
        for person in village.PEOPLE
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows]
    return "\n".join(f"    {line.rstrip()}" for line in lines)


def where_to_look(place: Place, elderships: tuple[village.Eldership, ...], with_home_assistant: bool) -> str:
    """Addresses, people and things to try, as text."""
    camera = elderships[0].cameras[0]
    folder = place.folder.relative_to(ROOT) if place.folder.is_relative_to(ROOT) else place.folder
    move = f"curl -X POST '{place.control_url}/move?camera={camera.id}&seconds=10'"
    stream = f"rtsp://{village.CAMERA_USER}:{village.CAMERA_PASSWORD}@127.0.0.1:{place.cameras}/{camera.id}/main"
    recorder = f"""\
  Recorder         {place.recorder_url}/openapi.json   (its token: {folder}/recorder/token)
  A camera         {stream}
  Logs             {folder}/logs/
"""
    if not with_home_assistant:
        return f"\n{recorder}\n  Make something move:\n    {move}\n\n  Ctrl-C stops everything.\n"
    return f"""
  Home Assistant   {place.home_assistant_url}
  Phones           {place.phones_url}
{recorder}
{_table()}

  Try:
    1. Log in as aldona; open Media, Safe Community, {elderships[0].name}, {camera.name}: play what was recorded.
    2. Let a car drive past (half a minute after the start or later), and answer with a tap on Ona's phone:
         {move}
    3. Log in as vytautas: only {village.ELDERSHIPS[0].name} is there. Log in as ona: no recordings at all.

  Ctrl-C stops everything.
"""
