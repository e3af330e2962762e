"""What Home Assistant's activity says of the cameras: in its own words and ours, who did it, and each thing once."""

from datetime import timedelta
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import recorder as database
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.documents import Observed
from custom_components.safe_community.event import KINDS
from custom_components.safe_community.incidents.model import Stage
from tests.integration.conftest import LogIn, SetUp
from tests.integration.test_figures import LAST, SWITCH, seen, turn
from tests.integration.world import member
from tests.world import Recorder


async def activity(hass: HomeAssistant, clients: WebSocketGenerator) -> list[dict[str, Any]]:
    """All entries of the last hour."""
    await async_wait_recording_done(hass)
    client = await clients(hass)
    begin = dt_util.utcnow() - timedelta(hours=1)
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": begin.isoformat()})
    answer = await client.receive_json()
    found: list[dict[str, Any]] = answer["result"]
    return found


async def test_the_activity_says_what_was_seen_and_who_paused_a_camera(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    own_recorder: Recorder,
    set_up: SetUp,
    log_in: LogIn,
) -> None:
    database.async_initialize_recorder(hass)
    assert await async_setup_component(hass, "recorder", {"recorder": {"commit_interval": 0}})
    assert await async_setup_component(hass, "logbook", {})
    ona = await log_in("Ona")
    entry = await set_up(own_recorder, member("Ona", "public_order_specialist", user_id=ona.user.id))
    entry.runtime_data.coordinator._async_take(Observed(seen(1, "covered")))
    await turn(hass, "turn_off", Context(user_id=ona.user.id))
    found = await activity(hass, hass_ws_client)
    (seen_entry,) = [one for one in found if one.get("entity_id") == LAST and one["state"] != "unknown"]
    assert seen_entry["attributes"] == {"event_type": "covered"}
    (paused,) = [one for one in found if one.get("entity_id") == SWITCH and one["state"] == "off"]
    assert paused["context_user_id"] == ona.user.id


async def test_each_event_has_words_in_each_language(hass: HomeAssistant) -> None:
    for language in ("en", "lt", "lv"):
        texts = await async_get_translations(hass, language, "entity", {DOMAIN})
        for key, types in (("observation", KINDS), ("incident", tuple(stage.value for stage in Stage))):
            path = f"component.{DOMAIN}.entity.event.{key}.state_attributes.event_type.state"
            assert {name.rpartition(".")[2] for name in texts if name.startswith(path)} == set(types)
