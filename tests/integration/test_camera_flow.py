"""How an administrator adds, changes and removes cameras from Home Assistant, with a recorder that looks first."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import yaml
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.safe_community.camera_flow import described
from custom_components.safe_community.client import RecorderClient
from custom_components.safe_community.documents import Probe, Warned
from custom_components.safe_community.tls import in_groups
from tests.integration.conftest import SetUp
from tests.integration.tls_front import Certificate, tls_front
from tests.integration.world import PABIRZE, VABALNINKAS, Cameras, eventually
from tests.world import CAMERA_PASSWORD, Recorder, simulated_cameras
from tests.world import Cameras as RtspCameras

FORM, MENU, DONE, ABORT = FlowResultType.FORM, FlowResultType.MENU, FlowResultType.CREATE_ENTRY, FlowResultType.ABORT


@pytest.fixture(scope="module")
def rtsp() -> Generator[RtspCameras]:
    """Cameras that ask for a password."""
    with simulated_cameras(["mokykla"]) as cameras:
        yield cameras


@pytest.fixture
async def entry(own_recorder: Recorder, set_up: SetUp) -> MockConfigEntry:
    return await set_up(own_recorder)


class Administrator:
    """Goes through the dialogues, and looks at all that comes to the browser."""

    def __init__(self, hass: HomeAssistant, entry: MockConfigEntry) -> None:
        self._hass, self._entry = hass, entry
        self.at: Any = None
        self.seen = ""

    async def open(self, choice: str) -> Any:
        self.at = await self._hass.config_entries.options.async_init(self._entry.entry_id)
        return await self.choose(choice)

    async def choose(self, choice: str) -> Any:
        return await self.answer({"next_step_id": choice})

    async def answer(self, answers: dict[str, Any] | None) -> Any:
        flow_id = self.at["flow_id"]
        self.at = await self._hass.config_entries.options.async_configure(flow_id, answers)
        while self.at["type"] is FlowResultType.SHOW_PROGRESS:
            await self._hass.async_block_till_done()
            self.at = await self._hass.config_entries.options.async_configure(flow_id)
        self.seen += repr({key: value for key, value in self.at.items() if key != "data_schema"})
        self.seen += repr(suggested(self.at))
        return self.at


def suggested(at: Any) -> dict[str, Any]:
    """Return what a form has filled in, sections as mappings of their own."""
    return _suggested(at["data_schema"].schema) if at["type"] is FORM and at["data_schema"] is not None else {}


def _suggested(fields: Any) -> dict[str, Any]:
    found = {}
    for key, value in fields.items():
        if hasattr(value, "schema") and hasattr(value.schema, "schema"):
            found[str(key)] = _suggested(value.schema.schema)
        elif key.description and "suggested_value" in key.description:
            found[str(key)] = key.description["suggested_value"]
    return found


def stored(recorder: Recorder, camera_id: str) -> dict[str, Any]:
    """Return a camera's entry as the file has it, addresses and all."""
    cameras = yaml.safe_load(recorder.camera_file.read_text())["cameras"]
    return next(dict(camera) for camera in cameras if camera["id"] == camera_id)


async def test_a_camera_is_added_once_the_recorder_has_seen_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    own_recorder: Recorder,
    rtsp: RtspCameras,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    admin = Administrator(hass, entry)
    form = await admin.open("add_camera")
    assert (form["type"], form["step_id"]) == (FORM, "add_camera")
    found = await admin.answer(
        {
            "url": rtsp.url("mokykla"),
            "name": "Mokykla",
            "eldership": PABIRZE,
            "rules": {"retention_days": 7.0, "purpose": "Order", "sign_posted": "2026-01-02"},
            "technical": {"sensitivity": 3, "detect_url": rtsp.url("mokykla", "sub")},
        }
    )
    assert (found["type"], found["step_id"], found["menu_options"]) == (MENU, "found", ["save", "change"])
    shown = found["description_placeholders"]
    assert (shown["codec"], "x" in shown["size"], float(shown["frame_rate"]) > 1) == ("H.264", True, True)
    assert shown["still"].startswith("![](data:image/jpeg;base64,/9j/")
    done = await admin.choose("save")
    assert done["type"] is DONE
    await hass.async_block_till_done()
    assert stored(own_recorder, "mokykla") == {
        "id": "mokykla",
        "name": "Mokykla",
        "eldership": PABIRZE,
        "url": rtsp.url("mokykla"),
        "detect_url": rtsp.url("mokykla", "sub"),
        "retention_days": 7,
        "purpose": "Order",
        "sign_posted": yaml.safe_load("2026-01-02"),
        "audio": False,
        "source": "auto",
        "vision": {"sensitivity": 3},
    }
    assert CAMERA_PASSWORD not in admin.seen
    assert CAMERA_PASSWORD not in caplog.text
    records = own_recorder.ask("/api/v1/audit?limit=50").json["records"]
    assert ("camera_added", "Home Assistant") in {(record["event"], record["actor"]) for record in records}


async def test_an_address_travels_once_and_is_kept_while_the_form_is_changed(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, rtsp: RtspCameras
) -> None:
    admin = Administrator(hass, entry)
    await admin.open("add_camera")
    # Two numbers are missing: the recorder refuses to keep footage for so long without a reason.
    first = {"url": rtsp.url("mokykla"), "name": "Mokykla", "eldership": PABIRZE, "rules": {"retention_days": 60}}
    await admin.answer(first)
    refused = await admin.choose("save")
    assert (refused["type"], refused["step_id"], refused["errors"]) == (FORM, "add_camera", {"base": "refused"})
    assert "retention_justification" in refused["description_placeholders"]["detail"]
    filled = suggested(refused)
    assert (filled["name"], filled["rules"]) == ("Mokykla", {"retention_days": 60, "audio": False})
    again = {**filled, "rules": {"retention_days": 60, "retention_justification": "a case"}}
    assert (await admin.answer(again))["step_id"] == "found"
    assert (await admin.choose("change"))["step_id"] == "add_camera"
    assert (await admin.answer(again))["step_id"] == "found"
    assert (await admin.choose("save"))["type"] is DONE
    assert stored(own_recorder, "mokykla")["url"] == rtsp.url("mokykla")
    assert CAMERA_PASSWORD not in admin.seen


async def test_a_camera_that_shows_nothing_may_be_kept_all_the_same(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, rtsp: RtspCameras
) -> None:
    admin = Administrator(hass, entry)
    await admin.open("add_camera")
    wrong = {"url": rtsp.url("mokykla", password="wr0ng-s3cret"), "name": "Mokykla", "eldership": PABIRZE}
    nothing = await admin.answer(wrong)
    assert (nothing["type"], nothing["step_id"], nothing["menu_options"]) == (MENU, "not_found", ["change", "save"])
    assert nothing["description_placeholders"]["detail"]
    assert (await admin.choose("save"))["type"] is DONE
    assert "mokykla" in own_recorder.camera_file.read_text()
    assert "wr0ng-s3cret" not in admin.seen


async def test_an_address_that_is_none_is_said_by_the_recorder(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    admin = Administrator(hass, entry)
    await admin.open("add_camera")
    nothing = await admin.answer({"url": "gopher://192.0.2.1/", "name": "Mokykla", "eldership": PABIRZE})
    assert nothing["step_id"] == "not_found"
    refused = await admin.choose("save")
    assert (refused["step_id"], refused["errors"]) == ("add_camera", {"url": "refused"})


async def test_no_two_cameras_have_one_identifier(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    admin = Administrator(hass, entry)
    await admin.open("add_camera")
    wanted = {"url": "rtsp://127.0.0.1:9/", "name": "Stotelė", "eldership": PABIRZE}
    refused = await admin.answer(wanted)
    assert (refused["step_id"], refused["errors"]) == ("add_camera", {"base": "id_taken"})
    assert (await admin.answer({**wanted, "technical": {"id": "stotele-2"}}))["step_id"] == "not_found"


async def test_a_camera_is_changed_without_its_address_and_the_rest_stays(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, cameras: Cameras
) -> None:
    before: dict[str, Any] = cameras.entry("stotele", "Autobusų stotelė", VABALNINKAS)
    zone = {"id": "gate", "area": [[0, 0], [1, 0], [1, 1]]}
    more = {"purpose": "Order", "legal_basis": "A law", "vision": {"zones": [zone], "sensitivity": 7}}
    own_recorder.write_camera_file([before | more])
    entry_path = "/api/v1/cameras/stotele/entry"
    await eventually(hass, lambda: "purpose" in own_recorder.ask(entry_path).json, "the recorder has read the file")
    admin = Administrator(hass, entry)
    assert (await admin.open("edit_camera"))["step_id"] == "edit_camera"
    form = await admin.answer({"camera": "stotele"})
    assert form["step_id"] == "change_camera"
    filled = suggested(form)
    assert filled["technical"]["sensitivity"] == 7
    assert "url" not in filled
    changed = {**filled, "name": "Stotelė", "rules": {"legal_basis": "Another law", "retention_days": 3}}
    changed["technical"] = {**filled["technical"], "watched": False}
    assert (await admin.answer(changed))["step_id"] == "found"
    assert (await admin.choose("save"))["type"] is DONE
    assert stored(own_recorder, "stotele") == {
        **before,
        "name": "Stotelė",
        "legal_basis": "Another law",
        "retention_days": 3,
        "audio": False,
        "source": "auto",
        "vision": {"zones": [zone], "sensitivity": 7, "enabled": False},
    }
    assert before["url"] not in admin.seen


async def test_a_change_that_is_refused_can_be_put_right(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder
) -> None:
    admin = Administrator(hass, entry)
    await admin.open("edit_camera")
    filled = suggested(await admin.answer({"camera": "stotele"}))
    assert (await admin.answer({**filled, "rules": {"audio": True}}))["step_id"] == "found"
    refused = await admin.choose("save")
    assert (refused["step_id"], refused["errors"]) == ("change_camera", {"base": "refused"})
    assert (await admin.answer(suggested(refused) | {"rules": {}}))["step_id"] == "found"
    assert (await admin.choose("change"))["step_id"] == "change_camera"


async def test_a_camera_is_removed_after_a_second_question(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder
) -> None:
    admin = Administrator(hass, entry)
    await admin.open("remove_camera")
    sure = await admin.answer({"camera": "stotele"})
    assert (sure["step_id"], sure["description_placeholders"]) == (
        "confirm_removal",
        {"camera": "Vabalninkas, Autobusų stotelė"},
    )
    other = Administrator(hass, entry)
    await other.open("remove_camera")
    await other.answer({"camera": "stotele"})
    third = Administrator(hass, entry)
    await third.open("edit_camera")
    assert (await admin.answer({}))["type"] is DONE
    assert own_recorder.ask("/api/v1/cameras").json["cameras"] == []
    gone = await other.answer({})
    assert (gone["type"], gone["reason"]) == (ABORT, "camera_gone")
    gone = await third.answer({"camera": "stotele"})
    assert (gone["type"], gone["reason"]) == (ABORT, "camera_gone")


async def test_without_the_recorder_nothing_can_be_changed(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder
) -> None:
    admin = Administrator(hass, entry)
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["menu_options"] == ["add_camera", "edit_camera", "remove_camera"]
    own_recorder.stop()
    gone = await admin.open("add_camera")
    assert (gone["type"], gone["reason"]) == (ABORT, "recorder_failed")
    await hass.config_entries.async_unload(entry.entry_id)
    gone = await hass.config_entries.options.async_init(entry.entry_id)
    assert (gone["type"], gone["reason"]) == (ABORT, "recorder_not_loaded")


async def test_who_adds_a_camera_stands_in_the_audit_log_and_others_may_not(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    own_recorder: Recorder,
    hass_client: ClientSessionGenerator,
    hass_admin_user: Any,
    hass_read_only_access_token: str,
) -> None:
    assert await async_setup_component(hass, "config", {})
    stranger = await hass_client(hass_read_only_access_token)
    begin = {"handler": entry.entry_id}
    assert (await stranger.post("/api/config/config_entries/options/flow", json=begin)).status == 401
    admin = await hass_client()
    flow = await (await admin.post("/api/config/config_entries/options/flow", json=begin)).json()
    path = f"/api/config/config_entries/options/flow/{flow['flow_id']}"
    await admin.post(path, json={"next_step_id": "remove_camera"})
    await admin.post(path, json={"camera": "stotele"})
    done = await (await admin.post(path, json={})).json()
    assert done["type"] == "create_entry", done
    records = own_recorder.ask("/api/v1/audit?limit=50").json["records"]
    actors = {record["actor"] for record in records if record["event"] == "camera_removed"}
    assert actors == {f"{hass_admin_user.name} ({hass_admin_user.id})"}


def test_what_is_not_known_of_a_camera_is_said_so() -> None:
    nothing = Probe(
        codec=None,
        width=None,
        height=None,
        frame_rate=None,
        bitrate_bps=None,
        group_s=None,
        sound=None,
        source="libav",
        warnings=(Warned(code="hail", text="It hails"),),
        still=None,
    )
    shown = described(nothing, lambda _key: None)
    assert set(shown.values()) == {"–", "- It hails", ""}


async def test_a_camera_s_own_certificate_is_shown_and_kept(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, rtsp: RtspCameras, tmp_path: Path
) -> None:
    certificate = Certificate.make(tmp_path, "camera")
    with tls_front(certificate, rtsp.port) as front:
        url = rtsp.url("mokykla").replace(f"rtsp://camera:{CAMERA_PASSWORD}@127.0.0.1:{rtsp.port}", "")
        address = f"rtsps://camera:{CAMERA_PASSWORD}@127.0.0.1:{front.port}{url}"
        admin = Administrator(hass, entry)
        await admin.open("add_camera")
        wanted = {"url": address, "name": "Mokykla", "eldership": PABIRZE}
        shown = await admin.answer(wanted)
        assert (shown["type"], shown["step_id"]) == (FORM, "certificate")
        assert shown["description_placeholders"] == {"fingerprint": in_groups(certificate.fingerprint)}
        assert (await admin.answer({}))["step_id"] == "found"
        # Accepted is accepted, also when something else is changed.
        await admin.choose("change")
        again = {"name": "Senoji mokykla", "eldership": PABIRZE, "technical": {"id": "mokykla"}}
        assert (await admin.answer(again))["step_id"] == "found"
        assert (await admin.choose("save"))["type"] is DONE
    kept = stored(own_recorder, "mokykla")
    assert (kept["url"], kept["certificate"], kept["name"]) == (address, certificate.fingerprint, "Senoji mokykla")
    assert CAMERA_PASSWORD not in admin.seen


async def test_an_accepted_certificate_goes_with_its_address(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder, cameras: Cameras, rtsp: RtspCameras
) -> None:
    pinned: dict[str, Any] = cameras.entry("stotele", "Stotelė", VABALNINKAS) | {"certificate": "ignore"}
    own_recorder.write_camera_file([pinned | {"url": "rtsps://127.0.0.1:9/"}])
    entry_path = "/api/v1/cameras/stotele/entry"
    await eventually(hass, lambda: "certificate" in own_recorder.ask(entry_path).json, "the recorder has read the file")
    admin = Administrator(hass, entry)
    await admin.open("edit_camera")
    filled = suggested(await admin.answer({"camera": "stotele"}))
    assert (await admin.answer({**filled, "url": rtsp.url("mokykla")}))["step_id"] == "found"
    assert (await admin.choose("save"))["type"] is DONE
    kept = stored(own_recorder, "stotele")
    assert (kept["url"], "certificate" in kept) == (rtsp.url("mokykla"), False)


async def test_without_a_camera_there_is_none_to_change(
    hass: HomeAssistant, entry: MockConfigEntry, own_recorder: Recorder
) -> None:
    own_recorder.write_camera_file([])
    await eventually(hass, lambda: not entry.runtime_data.recorder.cameras, "the camera is gone")
    menu = await hass.config_entries.options.async_init(entry.entry_id)
    assert menu["menu_options"] == ["add_camera"]


async def test_a_defect_of_ours_is_no_refusal_of_the_recorder(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(RecorderClient, "probe", fail)
    admin = Administrator(hass, entry)
    await admin.open("add_camera")
    with pytest.raises(RuntimeError, match="a defect"):
        await admin.answer({"url": "rtsp://127.0.0.1:9/", "name": "Mokykla", "eldership": PABIRZE})
