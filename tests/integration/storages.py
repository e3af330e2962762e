"""What a recorder tells of its storage, made for tests."""

from typing import Any

from custom_components.safe_community.storage import Storage


def document(**changes: Any) -> dict[str, Any]:
    """A storage with which all is well, as the recorder tells of it."""
    well: dict[str, Any] = {
        "state": "ok",
        "problem": None,
        "used_bytes": 300_000_000_000,
        "allowed_bytes": 500_000_000_000,
        "free_bytes": 600_000_000_000,
        "disk_bytes": 1_000_000_000_000,
        "only_locked_left": False,
        "bytes_per_day": 20_000_000_000,
        "days_until_full": None,
        "lost_groups": 0,
        "comparison": {"days_done": 14, "days": 14},
        "retention": [kept("stotele", 14), kept("mokykla", 14)],
    }
    return well | changes


def kept(camera_id: str, kept_days: float, *, wanted_days: float = 14, met: bool = True) -> dict[str, Any]:
    return {"camera_id": camera_id, "wanted_days": wanted_days, "kept_days": kept_days, "met": met}


def storage(**changes: Any) -> Storage:
    return Storage.parse(document(**changes))
