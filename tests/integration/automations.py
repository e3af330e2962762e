"""Automations that only say that they ran, and words that the recorder could say."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.safe_community.client import RecorderClient
from custom_components.safe_community.coordinator import after
from custom_components.safe_community.documents import CameraChanged, Connection, RecorderEvent, Snapshot
from custom_components.safe_community.errors import CannotConnect
from tests.integration.conftest import SetUp
from tests.world import Recorder


class Heard:
    """What an automation was triggered by."""

    def __init__(self, events: list[Event[Any]]) -> None:
        self._events = events

    @property
    def entities(self) -> list[str]:
        """The entities, in the order in which they triggered."""
        return [str(event.data["entity_id"]) for event in self._events]


async def automation(hass: HomeAssistant, *conditions: dict[str, Any], trigger: dict[str, Any]) -> Heard:
    """Set up an automation that tells of each of its runs."""
    event = {"event": "heard", "event_data": {"entity_id": "{{ trigger.entity_id }}"}}
    config = {"alias": "Heard", "triggers": [trigger], "conditions": [*conditions], "actions": [event]}
    assert await async_setup_component(hass, "automation", {"automation": config})
    await hass.async_block_till_done()
    state = hass.states.get("automation.heard")
    assert state is not None
    assert state.state == "on", state
    return Heard(async_capture_events(hass, "heard"))


async def quiet(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    """Set up the cameras as they are; from then on they say only what a test says of them."""
    monkeypatch.setattr(RecorderClient, "events", silence)
    assert await async_setup_component(hass, "homeassistant", {})
    entry = await set_up(recorder)
    for camera_id in ("stotele", "kapines"):
        await say(hass, entry, camera_id, motion=False, tampering=(), recording=True, connection=Connection.CONNECTED)
    return entry


async def say(hass: HomeAssistant, entry: MockConfigEntry, camera_id: str, **state: Any) -> None:
    """Let the recorder's word on a camera come in."""
    coordinator = entry.runtime_data.coordinator
    camera = coordinator.data.cameras[camera_id]
    changed = replace(camera, state=replace(camera.state, **state))
    coordinator.async_set_updated_data(after(coordinator.data, CameraChanged(changed)))
    await hass.async_block_till_done()


async def silence(client: RecorderClient) -> AsyncGenerator[RecorderEvent]:
    """Stand for the events of a recorder that has nothing to say."""
    await asyncio.Event().wait()
    yield Snapshot(await client.info(), ())


async def connect(hass: HomeAssistant, entry: MockConfigEntry, camera_id: str, connection: Connection) -> None:
    """Let the recorder say how it gets on with a camera."""
    await say(hass, entry, camera_id, connection=connection)


async def leave(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Let the recorder go away; its next word brings it back."""
    entry.runtime_data.coordinator.async_set_update_error(CannotConnect("gone"))
    await hass.async_block_till_done()
