"""What the recorder's documents and events mean: what is known after them, and who is told."""

from typing import Any

import pytest

from custom_components.safe_community.coordinator import Recorder, after, topics
from custom_components.safe_community.documents import (
    CameraChanged,
    CameraRemoved,
    InfoChanged,
    RecorderCamera,
    RecorderInfo,
    Snapshot,
    parse_event,
)
from tests.integration.world import VABALNINKAS


def stream(**other: Any) -> dict[str, Any]:
    numbers = {"bitrate_bps": 1, "frame_rate": 12.5, "clock_offset_s": 0.1, "lost_packets": 0, "reconnects": 0}
    return {**numbers, "source": "main", "source_reason": None, **other}


def camera(camera_id: str, eldership_id: str = VABALNINKAS, **state: Any) -> RecorderCamera:
    known = {"connection": "connected", "since": "2026-11-21T22:00:00Z", "recording": True, "motion": False}
    place = {"id": eldership_id, "name": eldership_id.title()}
    return RecorderCamera.parse({"id": camera_id, "name": camera_id, "eldership": place, "state": known | state})


def test_events_change_what_is_known() -> None:
    info = RecorderInfo(recorder_id="1", name="Biržai", version="1")
    known = after(Recorder(info=info, cameras={}), Snapshot(info, (camera("b"), camera("a", "pabirze"))))
    assert list(known.elderships) == ["pabirze", "vabalninkas"]
    moved = after(known, CameraChanged(camera("b", motion=True)))
    assert moved.cameras["b"].state.motion
    assert not known.cameras["b"].state.motion, "what was known is not changed behind anybody's back"
    gone = after(moved, CameraRemoved("a"))
    assert (list(gone.cameras), list(gone.elderships)) == (["b"], ["vabalninkas"])
    assert after(gone, CameraRemoved("a")) == gone
    renamed = after(gone, InfoChanged(RecorderInfo(recorder_id="1", name="Rokiškis", version="1")))
    assert (renamed.info.name, renamed.cameras) == ("Rokiškis", gone.cameras)


def test_a_streams_numbers_call_nothing_but_what_shows_that_camera() -> None:
    info = RecorderInfo(recorder_id="1", name="Biržai", version="1")
    known = after(Recorder(info=info, cameras={}), Snapshot(info, (camera("a", stream=stream()), camera("b"))))
    assert topics(known, after(known, CameraChanged(camera("a", stream=stream())))) == frozenset()
    assert topics(known, after(known, CameraChanged(camera("a", stream=stream(bitrate_bps=9))))) == {"a"}


def test_a_recorder_says_why_it_refuses_its_camera_file_and_an_older_one_need_not() -> None:
    info = {"recorder_id": "1", "name": "Biržai", "version": "1", "api_version": 1, "time": "2026-11-22T10:00:00Z"}
    told = {"state": "refused", "problem": "line 3, column 1: …", "loaded": "2026-11-22T09:00:00Z"}
    event = parse_event({"type": "info", "info": info | {"camera_file": told}})
    assert isinstance(event, InfoChanged)
    assert event.info.camera_file_problem == "line 3, column 1: …"
    assert RecorderInfo.parse(info).camera_file_problem is None


def test_an_event_of_a_later_recorder_is_left_out_and_a_broken_one_is_not() -> None:
    assert parse_event({"type": "harvest", "what": "potatoes"}) is None
    with pytest.raises(KeyError):
        parse_event({"type": "camera_removed"})
    with pytest.raises(ValueError, match="offset"):
        camera("a", since="2026-11-21T22:00:00")
