"""How a recorder is connected and how members are taken in, by the flows that people go through."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo

from custom_components.safe_community.const import DOMAIN
from tests.integration.conftest import SetUp
from tests.world import Recorder


async def begin(hass: HomeAssistant) -> str:
    flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "user")
    flow_id: str = flow["flow_id"]
    return flow_id


def announcement(recorder: Recorder, recorder_id: str, **changes: Any) -> HassioServiceInfo:
    config = {"host": "127.0.0.1", "port": recorder.port, "token": recorder.token, "recorder_id": recorder_id}
    return HassioServiceInfo(config=config | changes, name="Safe Community Recorder", slug="recorder", uuid="1")


@pytest.fixture
async def stranger() -> AsyncGenerator[TestServer]:
    """Something that answers, but is no recorder of our time."""

    async def info(request: web.Request) -> web.Response:
        match request.match_info["kind"]:
            case "future":
                return web.json_response({"recorder_id": "1", "name": "R", "version": "9", "api_version": 2})
            case "json":
                return web.json_response({"hello": "world"})
            case "list":
                return web.json_response([])
            case "redirect":
                raise web.HTTPFound("/elsewhere")
            case _:
                return web.Response(text="<html>a printer</html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{kind}/api/v1/info", info)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield server
    await server.close()


async def test_a_recorder_is_connected_by_address_and_token(hass: HomeAssistant, recorder: Recorder) -> None:
    flow_id = await begin(hass)
    done = await hass.config_entries.flow.async_configure(
        flow_id, {"url": f" {recorder.url}/ ", "token": f"{recorder.token}\n"}
    )
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["title"] == "Biržai"
    assert done["data"] == {"url": recorder.url, "token": recorder.token}
    await hass.async_block_till_done()
    assert done["result"].state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(done["result"].entry_id)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"token": "wrong"}, {"base": "invalid_auth"}),
        ({"url": "http://127.0.0.1:9"}, {"base": "cannot_connect"}),
        ({"url": "birzai"}, {"url": "invalid_url"}),
        ({"url": "ftp://127.0.0.1"}, {"url": "invalid_url"}),
        ({"url": "{stranger}/printer"}, {"base": "not_a_recorder"}),
        ({"url": "{stranger}/nothing-here/at-all"}, {"base": "not_a_recorder"}),
        ({"url": "{stranger}/json"}, {"base": "not_a_recorder"}),
        ({"url": "{stranger}/list"}, {"base": "not_a_recorder"}),
        ({"url": "{stranger}/redirect"}, {"base": "not_a_recorder"}),
        ({"url": "{stranger}/future"}, {"base": "unsupported_version"}),
    ],
)
async def test_what_is_wrong_is_said_and_can_be_put_right(
    hass: HomeAssistant, recorder: Recorder, stranger: TestServer, changes: dict[str, str], error: dict[str, str]
) -> None:
    flow_id = await begin(hass)
    changes = {key: value.format(stranger=str(stranger.make_url("")).rstrip("/")) for key, value in changes.items()}
    right = {"url": recorder.url, "token": recorder.token}
    form = await hass.config_entries.flow.async_configure(flow_id, right | changes)
    assert (form["type"], form["errors"]) == (FlowResultType.FORM, error)
    done = await hass.config_entries.flow.async_configure(flow_id, right)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    await hass.config_entries.async_unload(done["result"].entry_id)


async def test_the_same_recorder_is_not_connected_twice(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> None:
    await set_up(recorder)
    done = await hass.config_entries.flow.async_configure(
        await begin(hass), {"url": recorder.url, "token": recorder.token}
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_the_app_announces_its_recorder(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> None:
    entry = await set_up(recorder)
    recorder_id = str(entry.unique_id)
    await hass.config_entries.async_remove(entry.entry_id)

    form = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_HASSIO}, data=announcement(recorder, recorder_id)
    )
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "hassio_confirm")
    assert form["description_placeholders"] == {"app": "Safe Community Recorder"}
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["data"] == {"url": recorder.url, "token": recorder.token}
    assert done["result"].unique_id == recorder_id
    await hass.async_block_till_done()


async def test_an_announcement_that_is_wrong_is_not_taken(hass: HomeAssistant, recorder: Recorder) -> None:
    for changes, error in (({"token": "wrong"}, "invalid_auth"), ({}, "other_recorder")):
        form = await hass.config_entries.flow.async_init(
            DOMAIN,
            context={"source": SOURCE_HASSIO},
            data=announcement(recorder, f"another-for-{error}", **changes),
        )
        again = await hass.config_entries.flow.async_configure(form["flow_id"], {})
        assert (again["type"], again["errors"]) == (FlowResultType.FORM, {"base": error})


async def test_a_new_announcement_renews_address_and_token(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(recorder)
    hass.config_entries.async_update_entry(entry, data={"url": "http://127.0.0.1:9", "token": "old"})
    done = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_HASSIO}, data=announcement(recorder, str(entry.unique_id))
    )
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
    await hass.async_block_till_done()
    assert dict(entry.data) == {"url": recorder.url, "token": recorder.token}
    assert entry.state is ConfigEntryState.LOADED
    assert "update listener" not in caplog.text


async def test_a_new_token_is_asked_for_and_taken(hass: HomeAssistant, recorder: Recorder, set_up: SetUp) -> None:
    entry = await set_up(recorder)
    hass.config_entries.async_update_entry(entry, data={"url": recorder.url, "token": "old"})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"
    form = await hass.config_entries.flow.async_configure(flow["flow_id"], {"token": "also wrong"})
    assert form["errors"] == {"base": "invalid_auth"}
    done = await hass.config_entries.flow.async_configure(flow["flow_id"], {"token": recorder.token})
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED


async def test_the_connection_can_be_changed_but_not_to_another_recorder(
    hass: HomeAssistant, recorder: Recorder, own_recorder: Recorder, set_up: SetUp
) -> None:
    entry = await set_up(recorder)
    for url, token, reason in (
        (recorder.url, recorder.token, "reconfigure_successful"),
        (own_recorder.url, own_recorder.token, "other_recorder"),
    ):
        form = await entry.start_reconfigure_flow(hass)
        assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "reconfigure")
        wrong = await hass.config_entries.flow.async_configure(
            form["flow_id"], {"url": "http://127.0.0.1:9", "token": token}
        )
        assert wrong["errors"] == {"base": "cannot_connect"}
        done = await hass.config_entries.flow.async_configure(form["flow_id"], {"url": url, "token": token})
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, reason)
        await hass.async_block_till_done()
    assert entry.data["url"] == recorder.url
