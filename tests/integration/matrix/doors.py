"""Every way to a picture, to footage and to an action: how it is asked for, and which right it needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from custom_components.safe_community.access import Action
from custom_components.safe_community.identifier import RecordingId
from custom_components.safe_community.views import clip_url

from .people import Person, Unclean

MEDIA: Final = "media-source://safe_community"


@dataclass(frozen=True, slots=True)
class Place:
    """A camera to ask for, and the village around it. The spare one may be paused: nobody looks at it."""

    hass: HomeAssistant
    entry_id: str
    eldership_id: str
    eldership_device_id: str
    camera_id: str
    camera: str
    spare: str

    @property
    def access_token(self) -> str:
        """The token that Home Assistant gives every camera, and everybody who sees its state."""
        state = self.hass.states.get(self.camera)
        assert state is not None
        return str(state.attributes["access_token"])

    @property
    def clip(self) -> str:
        """The path of the last ten minutes."""
        now = dt_util.utcnow().replace(microsecond=0)
        return clip_url(self.entry_id, self.camera_id, now - timedelta(minutes=10), now)

    def media(self, *, camera: bool = False, today: bool = False, this_hour: bool = False) -> str:
        """A node of the tree of recordings: the eldership, or what is under it."""
        now = dt_util.now()
        hour = dt_util.as_utc(now.replace(minute=0, second=0, microsecond=0))
        return f"{MEDIA}/" + str(
            RecordingId(
                self.entry_id,
                self.eldership_id,
                self.camera_id if camera else None,
                now.date() if today else None,
                hour if this_hour else None,
            )
        )


@dataclass(frozen=True, slots=True)
class Door:
    """What is asked for, by which right, and whether a refusal stands in the audit log, there with its eldership."""

    action: Action
    knock: Callable[[Person, Place], Awaitable[bool]]
    is_audited: bool = True
    is_of_eldership: bool = True


async def still(person: Person, place: Place) -> bool:
    return await person.get(f"/api/camera_proxy/{place.camera}?width=160")


async def still_with_token(person: Person, place: Place) -> bool:
    return await person.get(f"/api/camera_proxy/{place.camera}?width=160&token={place.access_token}")


async def mjpeg(person: Person, place: Place) -> bool:
    return await person.get(f"/api/camera_proxy_stream/{place.camera}")


async def mjpeg_with_token(person: Person, place: Place) -> bool:
    return await person.get(f"/api/camera_proxy_stream/{place.camera}?interval=1&token={place.access_token}")


async def clip(person: Person, place: Place) -> bool:
    return await person.get(place.clip)


async def clip_head(person: Person, place: Place) -> bool:
    return person.let_in(await person.fetch("HEAD", place.clip))


async def signed_clip(person: Person, place: Place) -> bool:
    """A path that Home Assistant signed for this person, asked for without a log-in: as a browser's video does."""
    signed = async_sign_path(place.hass, place.clip, timedelta(minutes=1), refresh_token_id=person.refresh_token_id)
    answer = await person.web.get(signed)
    answer.close()
    return person.let_in(answer)


async def hls(person: Person, place: Place) -> bool:
    return refused_politely(person, await person.ask("camera/stream", entity_id=place.camera))


async def webrtc(person: Person, place: Place) -> bool:
    number = await person.send("camera/webrtc/offer", entity_id=place.camera, offer="v=0")
    assert (await person.receive(number))["success"]
    assert (await person.receive(number, "event"))["event"]["type"] == "session"
    answer = (await person.receive(number, "event"))["event"]
    return bool(answer["type"] == "answer")


async def camera_media(person: Person, place: Place) -> bool:
    return refused_politely(
        person, await person.ask("media_source/resolve_media", media_content_id=f"media-source://camera/{place.camera}")
    )


def refused_politely(person: Person, answer: dict[str, object]) -> bool:
    """Say whether something was given; a refusal says why, and not that Home Assistant failed."""
    error = answer.get("error")
    if isinstance(error, dict) and error["code"] in {"unknown_error", "home_assistant_error", "timeout"}:
        raise Unclean(f"{person.standing}: {error}")
    return bool(answer["success"])


async def root(person: Person, place: Place) -> bool:
    """The first page shows an eldership, or straight away the cameras of the only one."""
    answer = await person.ask("media_source/browse_media", media_content_id=MEDIA)
    assert answer["success"], answer
    start = place.media()
    return any(child["media_content_id"].startswith(start) for child in answer["result"]["children"])


def node(**below: bool) -> Callable[[Person, Place], Awaitable[bool]]:
    async def browse(person: Person, place: Place) -> bool:
        content_id = place.media(**below)
        return refused_politely(person, await person.ask("media_source/browse_media", media_content_id=content_id))

    return browse


async def hour(person: Person, place: Place) -> bool:
    content_id = place.media(camera=True, today=True, this_hour=True)
    return refused_politely(person, await person.ask("media_source/resolve_media", media_content_id=content_id))


async def snapshot(person: Person, place: Place) -> bool:
    filename = place.hass.config.path("www/snapshot.jpg")
    return await person.call("camera.snapshot", {"entity_id": place.camera, "filename": filename})


async def snapshot_over_rest(person: Person, place: Place) -> bool:
    data = {"entity_id": place.camera, "filename": place.hass.config.path("www/snapshot.jpg")}
    return person.let_in(await person.fetch("POST", "/api/services/camera/snapshot", json=data))


async def record(person: Person, place: Place) -> bool:
    # Where Home Assistant may not write, which it finds out once there is a stream.
    data = {"entity_id": place.camera, "filename": "/dev/null", "duration": 1}
    return await person.call("camera.record", data, then="Can't write /dev/null")


async def play_stream(person: Person, place: Place) -> bool:
    return await person.call("camera.play_stream", {"entity_id": place.camera, "media_player": "media_player.hall"})


async def raise_incident(person: Person, place: Place) -> bool:
    return await person.call("safe_community.raise_incident", {"entity_id": place.camera, "kind": "other"})


def with_footage(action: str, **more: str) -> Callable[[Person, Place], Awaitable[bool]]:
    """An action with a range that ends before it begins: who may call it is told so, and nothing comes of it."""

    async def ask(person: Person, place: Place) -> bool:
        now = dt_util.now().replace(microsecond=0)
        times = {"start": now.isoformat(), "end": (now - timedelta(minutes=1)).isoformat(), "reason": "a test"}
        return await person.call(f"safe_community.{action}", {"entity_id": place.camera, **times, **more})

    return ask


async def release(person: Person, place: Place) -> bool:
    return await person.call("safe_community.release_footage", {"lock_id": "none-of-ours", "reason": "a test"})


async def test_alert(person: Person, place: Place) -> bool:
    return await person.call("safe_community.test_alert", {"device_id": place.eldership_device_id})


async def install_blueprints(person: Person, place: Place) -> bool:
    return await person.call("safe_community.install_blueprints", {})


def at_spare(action: str, **data: str) -> Callable[[Person, Place], Awaitable[bool]]:
    async def ask(person: Person, place: Place) -> bool:
        return await person.call(action, {"entity_id": place.spare, **data})

    return ask


async def switch_over_rest(person: Person, place: Place) -> bool:
    data = {"entity_id": place.spare}
    return person.let_in(await person.fetch("POST", "/api/services/switch/turn_on", json=data))


async def raise_incident_over_rest(person: Person, place: Place) -> bool:
    data = {"entity_id": place.camera, "kind": "other"}
    return person.let_in(await person.fetch("POST", "/api/services/safe_community/raise_incident", json=data))


# A name is what is found in Home Assistant; behind it, in brackets, how else it can be asked for.
DOORS: Final[dict[str, Door]] = {
    "GET /api/camera_proxy/{entity_id}": Door(Action.LIVE, still),
    "GET /api/camera_proxy/{entity_id} (with the camera's access token)": Door(Action.LIVE, still_with_token),
    "GET /api/camera_proxy_stream/{entity_id}": Door(Action.LIVE, mjpeg),
    "GET /api/camera_proxy_stream/{entity_id} (with the camera's access token)": Door(Action.LIVE, mjpeg_with_token),
    "GET /api/safe_community/clip/{entry_id}/{camera_id}/{start}/{end}.mp4": Door(Action.PLAYBACK, clip),
    "HEAD /api/safe_community/clip/{entry_id}/{camera_id}/{start}/{end}.mp4": Door(Action.PLAYBACK, clip_head),
    "GET /api/safe_community/clip/{entry_id}/{camera_id}/{start}/{end}.mp4 (signed)": Door(
        Action.PLAYBACK, signed_clip
    ),
    "ws camera/stream": Door(Action.LIVE, hls),
    "ws camera/webrtc/offer": Door(Action.LIVE, webrtc),
    "ws media_source/resolve_media (the camera's)": Door(Action.LIVE, camera_media),
    "ws media_source/browse_media": Door(Action.PLAYBACK, root, is_audited=False),
    "ws media_source/browse_media (an eldership)": Door(Action.PLAYBACK, node()),
    "ws media_source/browse_media (a camera)": Door(Action.PLAYBACK, node(camera=True)),
    "ws media_source/browse_media (a day)": Door(Action.PLAYBACK, node(camera=True, today=True)),
    "ws media_source/resolve_media": Door(Action.PLAYBACK, hour),
    "action camera.snapshot": Door(Action.LIVE, snapshot),
    "action camera.snapshot (REST)": Door(Action.LIVE, snapshot_over_rest),
    "action camera.record": Door(Action.LIVE, record),
    "action camera.play_stream": Door(Action.LIVE, play_stream),
    "action safe_community.raise_incident": Door(Action.RESPOND, raise_incident),
    "action safe_community.raise_incident (REST)": Door(Action.RESPOND, raise_incident_over_rest),
    "action safe_community.lock_footage": Door(Action.LOCK, with_footage("lock_footage")),
    "action safe_community.release_footage": Door(Action.RELEASE, release, is_of_eldership=False),
    "action safe_community.export_evidence": Door(
        Action.EXPORT, with_footage("export_evidence", recipient="police", language="lt")
    ),
    "action safe_community.pause_recording": Door(
        Action.PAUSE, at_spare("safe_community.pause_recording", reason="a test")
    ),
    "action safe_community.resume_recording": Door(Action.PAUSE, at_spare("safe_community.resume_recording")),
    "action safe_community.test_alert": Door(Action.MANAGE, test_alert),
    "action safe_community.install_blueprints": Door(Action.MANAGE, install_blueprints, is_of_eldership=False),
    "action switch.turn_off": Door(Action.PAUSE, at_spare("switch.turn_off")),
    "action switch.turn_on": Door(Action.PAUSE, at_spare("switch.turn_on")),
    "action switch.turn_on (REST)": Door(Action.PAUSE, switch_over_rest),
    "action switch.toggle": Door(Action.PAUSE, at_spare("switch.toggle")),
}

HLS: Final = "only who was let in at camera/stream knows the token"
# What gives nobody anything to see and changes nothing; why.
HARMLESS: Final[dict[str, str]] = {
    "GET /api/hls/{token}/master_playlist.m3u8": HLS,
    "GET /api/hls/{token}/playlist.m3u8": HLS,
    "GET /api/hls/{token}/init.mp4": HLS,
    "GET /api/hls/{token}/segment/{sequence}.m4s": HLS,
    "GET /api/hls/{token}/segment/{sequence}.{part_num}.m4s": HLS,
    "ws camera/capabilities": "which kinds of stream there are",
    "ws camera/get_prefs": "how Home Assistant shows the stream",
    "ws camera/update_prefs": "Home Assistant lets in administrators only",
    "ws camera/webrtc/candidate": "goes with an offer that was let in: its session is known to nobody else",
    "ws camera/webrtc/get_client_config": "addresses of STUN servers",
    "ws media_source/local_source/remove": "Home Assistant lets in administrators only, and these files are not ours",
    "ws media_source/search_media": "the tree of recordings cannot be searched",
    "action camera.turn_on": "no camera of ours has it",
    "action camera.turn_off": "no camera of ours has it",
    "action camera.enable_motion_detection": "no camera of ours has it",
    "action camera.disable_motion_detection": "no camera of ours has it",
}
