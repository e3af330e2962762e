"""The whole chain, for real: camera → recorder → Home Assistant → media browser → a volunteer's phone."""

import json
import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import av
import pytest
from playwright.sync_api import Locator, Page

from demo import timecode
from demo.home_assistant import CannotSetUp, HomeAssistant
from demo.village import CAMERA_PASSWORD, PEOPLE, choose
from tests.e2e.conftest import ARTIFACTS, CAMERAS, LogInPage, Village
from tests.world import wait_until

ELDERSHIP = choose(CAMERAS)[0]
CAMERA = ELDERSHIP.cameras[0]
ADMIN = PEOPLE[0].user


def open_media_browser(village: Village, page: Page) -> None:
    page.goto(f"{village.home_assistant}/media-browser/browser")


def card(page: Page, title: str) -> Locator:
    """A card of the media browser."""
    return page.locator("ha-media-player-browse .child").filter(has_text=title).first


def titles(page: Page) -> list[str]:
    """What the media browser offers on this level."""
    return [title.strip() for title in page.locator("ha-media-player-browse .child").all_inner_texts()]


def open_level(page: Page, title: str, shown: str | re.Pattern[str]) -> None:
    """Opens a card and waits until the level below is there, by a title that has to be on it."""
    card(page, title).click(timeout=30_000)
    page.locator("ha-media-player-browse .child").filter(has_text=shown).first.wait_for(timeout=30_000)


def video_state(video: Locator) -> dict[str, Any]:
    """What a player shows."""
    state: dict[str, Any] = video.evaluate(
        "v => ({time: v.currentTime, width: v.videoWidth, height: v.videoHeight, "
        "error: v.error && v.error.message, duration: v.duration})"
    )
    return state


def sees_play(video: Locator) -> dict[str, Any]:
    """Waits until a video advances by a second; its state then."""
    video.wait_for(timeout=30_000)
    first = wait_until(lambda: state if (state := video_state(video))["time"] > 0.3 else None, 30)
    then = wait_until(lambda: state if (state := video_state(video))["time"] > first["time"] + 1 else None, 30)
    assert then["error"] is None
    return then


def recorded_s(village: Village) -> float:
    """How long the camera's footage without a gap reaches back by now."""
    now = datetime.now(UTC)
    query = urlencode({"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()})
    token = (village.folder / "recorder" / "token").read_text().strip()
    address = f"{village.recorder}/api/v1/cameras/{CAMERA.id}/timeline?{query}"
    with urlopen(Request(address, headers={"Authorization": f"Bearer {token}"}), timeout=5) as answer:
        spans = json.load(answer)["spans"]
    return (now - datetime.fromisoformat(spans[-1]["start"])).total_seconds() if spans else 0.0


def entity_id(village: Village, camera_id: str, domain: str, key: str) -> str:
    """The entity of a camera, by what it is."""

    async def find(admin: HomeAssistant) -> str:
        entries: list[dict[str, Any]] = await admin.command("config/entity_registry/list")
        ours = [
            e["entity_id"]
            for e in entries
            if e["platform"] == "safe_community" and e["entity_id"].startswith(f"{domain}.")
        ]
        full = [await admin.command("config/entity_registry/get", entity_id=entity) for entity in ours]
        return str(next(e["entity_id"] for e in full if e["unique_id"].endswith(f"_{camera_id}_{key}")))

    return village.ask(ADMIN, find)


def test_a_specialist_walks_to_a_clip_recorded_a_moment_ago_and_sees_it_play(
    village: Village, logged_in: LogInPage
) -> None:
    page = logged_in("aldona")
    open_media_browser(village, page)
    open_level(page, "Safe Community", ELDERSHIP.name)
    assert len(titles(page)) == CAMERAS
    open_level(page, ELDERSHIP.name, CAMERA.name)
    open_level(page, CAMERA.name, re.compile(r"\d{4}-\d\d-\d\d"))
    open_level(page, max(titles(page)), re.compile(r"\d\d:00–\d\d:00"))
    card(page, titles(page)[-1]).click()
    video = page.locator("video")
    then = sees_play(video)
    assert (then["width"], then["height"]) == (1280, 720)
    assert then["duration"] > 2
    # Seekable at once: near the end, and it goes on from there.
    video.evaluate("v => { v.currentTime = v.duration / 2 }")
    wait_until(lambda: video_state(video)["time"] > then["duration"] / 2 + 0.3, 30)
    assert video_state(video)["error"] is None
    page.screenshot(path=ARTIFACTS / "clip-plays.png")


def test_the_clip_shows_the_time_that_it_claims(village: Village, tmp_path: Path) -> None:
    """The cameras burn in their own clock; the recorder's UTC has to agree with it."""
    wait_until(lambda: recorded_s(village) > 20, 60, 0.5)
    end = (datetime.now(UTC) - timedelta(seconds=6)).replace(microsecond=0)
    start = end - timedelta(seconds=10)

    async def resolve(person: HomeAssistant) -> tuple[str, str]:
        root = await person.command("media_source/browse_media", media_content_id="media-source://safe_community")
        eldership = next(child for child in root["children"] if child["title"] == ELDERSHIP.name)
        level = await person.command("media_source/browse_media", media_content_id=eldership["media_content_id"])
        camera = next(child for child in level["children"] if child["title"] == CAMERA.name)
        level = await person.command("media_source/browse_media", media_content_id=camera["media_content_id"])
        level = await person.command(
            "media_source/browse_media", media_content_id=level["children"][0]["media_content_id"]
        )
        chosen = level["children"][-1]["media_content_id"]
        resolved = await person.command("media_source/resolve_media", media_content_id=chosen)
        return resolved["url"], person.token

    url, token = village.ask("aldona", resolve)
    # The same view, for a range of seconds.
    base = url.partition("?")[0].rsplit("/", 2)[0]
    address = f"{village.home_assistant}{base}/{start:%Y%m%dT%H%M%SZ}/{end:%Y%m%dT%H%M%SZ}.mp4"
    path = tmp_path / "clip.mp4"
    with urlopen(Request(address, headers={"Authorization": f"Bearer {token}"}), timeout=20) as answer:
        path.write_bytes(answer.read())
    with av.open(str(path)) as container:
        times = [timecode.read(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    # A picture each tenth of a second; what is left is the way from the camera to the recorder.
    print(f"the clip begins {start - times[0]} and ends {end - times[-1]} after its first and last picture were taken")
    assert abs(times[0] - start) < timedelta(seconds=0.5)
    assert abs(times[-1] - end) < timedelta(seconds=0.5)
    assert times == sorted(times)


def test_a_volunteer_finds_no_recordings_and_no_live_picture(village: Village, logged_in: LogInPage) -> None:
    page = logged_in("ona")
    open_media_browser(village, page)
    card(page, "Safe Community").click(timeout=30_000)
    page.locator("ha-media-player-browse .no-items").wait_for(timeout=30_000)
    assert page.locator("ha-media-player-browse .child").count() == 0
    camera = entity_id(village, CAMERA.id, "camera", "camera")

    async def look(person: HomeAssistant) -> list[str]:
        refusals = []
        for command, fields in (
            ("camera/stream", {"entity_id": camera}),
            ("media_source/resolve_media", {"media_content_id": f"media-source://camera/{camera}"}),
        ):
            try:
                await person.command(command, **fields)
            except CannotSetUp as refusal:
                refusals.append(str(refusal))
        for path in (f"/api/camera_proxy/{camera}", f"/api/camera_proxy_stream/{camera}"):
            async with person.session.get(
                village.home_assistant + path, headers={"Authorization": f"Bearer {person.token}"}
            ) as answer:
                refusals.append(str(answer.status))
        return refusals

    refusals = village.ask("ona", look)
    assert len(refusals) == 4
    assert refusals[2:] == ["403", "403"]


def test_a_specialist_of_one_eldership_sees_only_that_one(village: Village) -> None:
    async def root(person: HomeAssistant) -> list[str]:
        level = await person.command("media_source/browse_media", media_content_id="media-source://safe_community")
        return [child["title"] for child in level["children"]]

    assert village.ask("vytautas", root) == [camera.name for camera in ELDERSHIP.cameras]


def test_live_video_reaches_the_browser_and_the_camera_keeps_one_connection(
    village: Village, logged_in: LogInPage
) -> None:
    camera = entity_id(village, CAMERA.id, "camera", "camera")

    page = logged_in("aldona")
    page.goto(f"{village.home_assistant}/?more-info-entity-id={camera}")
    playing = sees_play(page.locator("video"))
    assert (playing["width"], playing["height"]) == (1280, 720)

    async def watch(person: HomeAssistant) -> str:
        stream = await person.command("camera/stream", entity_id=camera)
        return str(stream["url"])

    playlist = village.home_assistant + village.ask("aldona", watch)
    with av.open(playlist, options={"http_persistent": "0"}) as container:
        frames = [frame for _, frame in zip(range(20), container.decode(video=0), strict=False)]
    assert (frames[0].width, frames[0].height) == (1280, 720)
    age = datetime.now(UTC) - timecode.read(frames[-1].to_ndarray(format="gray"))
    assert age < timedelta(seconds=30)
    with urlopen(f"{village.control}/", timeout=5) as answer:
        cameras = {entry["id"]: entry["connections"] for entry in json.load(answer)["cameras"]}
    assert cameras[CAMERA.id]["main"] == 1


def test_motion_asks_the_volunteer_on_duty_and_the_answer_shows_in_home_assistant(
    village: Village, browser: Any
) -> None:
    motion = entity_id(village, CAMERA.id, "binary_sensor", "motion")
    wait_until(lambda: village.state(motion)["state"] == "off", 90, 1)
    before = {message["id"] for message in village.phone("ona")["messages"]}
    moved = time.monotonic()
    village.move(CAMERA.id, 10)

    def alert() -> dict[str, Any] | None:
        new = [m for m in village.phone("ona")["messages"] if m["id"] not in before]
        return next((message for message in new if CAMERA.name in message["title"] + message["text"]), None)

    message = wait_until(alert, 60, 0.2)
    print(f"movement to message: {time.monotonic() - moved:.1f} s")
    assert len(message["actions"]) == 3
    page = browser.new_context(viewport={"width": 420, "height": 800}).new_page()
    page.goto(village.phones)
    page.screenshot(path=ARTIFACTS / "phone-alert.png")
    page.get_by_role("button", name=message["actions"][0]["title"]).first.click()
    incident = wait_until(lambda: _incident(village, "on_my_way"), 30)
    assert incident["attributes"]["member"] == "Ona"
    # Everybody who was asked reads it on the same message.
    wait_until(lambda: _reads(village, "jonas", message["tag"], "Ona"), 30)
    page.reload()
    page.screenshot(path=ARTIFACTS / "phone-answered.png")
    page.context.close()


def _incident(village: Village, event_type: str) -> dict[str, Any] | None:
    async def find(admin: HomeAssistant) -> dict[str, Any] | None:
        states: list[dict[str, Any]] = await admin.request("GET", "/api/states")
        ours = (
            s for s in states if s["entity_id"].startswith("event.") and s["attributes"].get("event_type") == event_type
        )
        return next(ours, None)

    return village.ask(ADMIN, find)


def _reads(village: Village, user: str, tag: str, name: str) -> bool:
    messages = [message for message in village.phone(user)["messages"] if message["tag"] == tag]
    return len(messages) == 1 and name in messages[0]["text"]


def test_home_assistant_says_when_the_cameras_are_gone_and_back(village: Village) -> None:
    connectivity = entity_id(village, CAMERA.id, "binary_sensor", "connectivity")
    assert village.state(connectivity)["state"] == "on"
    os.kill(village.children["cameras"], signal.SIGSTOP)
    try:
        wait_until(lambda: village.state(connectivity)["state"] == "off", 60, 0.5)
    finally:
        os.kill(village.children["cameras"], signal.SIGCONT)
    wait_until(lambda: village.state(connectivity)["state"] == "on", 90, 0.5)


def test_no_log_shows_a_password_or_a_token(village: Village) -> None:
    token = (village.folder / "recorder" / "token").read_text().strip()
    for path in (village.folder / "logs").iterdir():
        text = path.read_text(errors="replace")
        if path.name != "cameras.log":
            assert CAMERA_PASSWORD not in text, path.name
        assert token not in text, path.name


def test_home_assistant_finds_nothing_that_blocks_its_loop(village: Village) -> None:
    text = (village.folder / "logs" / "home_assistant.log").read_text(errors="replace")
    assert "safe_community" in text
    assert [line for line in text.splitlines() if "blocking call" in line] == []


def test_a_stranger_gets_nothing(village: Village) -> None:
    for address in (
        f"{village.home_assistant}/api/safe_community/clip/x/{CAMERA.id}/20261122T000000Z/20261122T010000Z.mp4",
        f"{village.recorder}/api/v1/cameras",
    ):
        with pytest.raises(HTTPError) as refusal:
            urlopen(address, timeout=5)
        assert refusal.value.code == 401
