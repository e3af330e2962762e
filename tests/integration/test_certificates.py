"""A recorder with a certificate of its own: a person compares it once, and no other machine gets the token."""

from collections.abc import Generator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlowContext,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

from custom_components.safe_community.const import DOMAIN
from custom_components.safe_community.errors import CannotConnect
from custom_components.safe_community.tls import certificate_of, digest, in_groups
from tests.integration.conftest import SetUp
from tests.integration.tls_front import Certificate, Front, tls_front
from tests.integration.world import eventually
from tests.world import Recorder


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    return Certificate.make(tmp_path, "own")


@pytest.fixture
def strange(tmp_path: Path) -> Certificate:
    return Certificate.make(tmp_path, "strange")


@pytest.fixture
def front(recorder: Recorder, own: Certificate) -> Generator[Front]:
    with tls_front(own, recorder.port) as front:
        yield front


async def connect(hass: HomeAssistant, front: Front, token: str) -> Any:
    form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    return await hass.config_entries.flow.async_configure(form["flow_id"], {"url": front.url, "token": token})


async def connected(hass: HomeAssistant, front: Front, recorder: Recorder) -> ConfigEntry:
    form = await connect(hass, front, recorder.token)
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await hass.async_block_till_done()
    entry: ConfigEntry = done["result"]
    return entry


def state_of(entry: ConfigEntry) -> ConfigEntryState:
    return entry.state


async def test_a_certificate_is_shown_before_the_token_is_sent(
    hass: HomeAssistant, recorder: Recorder, front: Front, own: Certificate
) -> None:
    form = await connect(hass, front, recorder.token)
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "certificate")
    assert form["description_placeholders"]["fingerprint"] == in_groups(own.fingerprint)
    assert recorder.token.encode() not in front.received
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["data"] == {"url": front.url, "token": recorder.token, "fingerprint": own.fingerprint}
    await hass.async_block_till_done()
    assert done["result"].state is ConfigEntryState.LOADED
    await hass.config_entries.async_unload(done["result"].entry_id)


async def test_another_certificate_is_never_taken_silently(
    hass: HomeAssistant, recorder: Recorder, own: Certificate, strange: Certificate
) -> None:
    with tls_front(own, recorder.port) as front:
        entry = await connected(hass, front, recorder)
        await hass.config_entries.async_unload(entry.entry_id)
    with tls_front(strange, recorder.port, front.port) as impostor:
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert state_of(entry) is ConfigEntryState.SETUP_ERROR
        assert recorder.token.encode() not in impostor.received
        (flow,) = hass.config_entries.flow.async_progress()
        assert flow["step_id"] == "certificate_changed"
        form: Any = await hass.config_entries.flow.async_configure(flow["flow_id"])
        assert form["description_placeholders"]["former"] == in_groups(own.fingerprint)
        assert form["description_placeholders"]["fingerprint"] == in_groups(strange.fingerprint)
        assert recorder.token.encode() not in impostor.received
        done = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
        await hass.async_block_till_done()
        assert entry.data["fingerprint"] == strange.fingerprint
        assert state_of(entry) is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_recorder_whose_certificate_changes_while_it_is_connected_asks_once(
    hass: HomeAssistant, recorder: Recorder, own: Certificate, strange: Certificate
) -> None:
    with tls_front(own, recorder.port) as front:
        entry = await connected(hass, front, recorder)
    with tls_front(strange, recorder.port, front.port) as impostor:
        await eventually(hass, lambda: bool(hass.config_entries.flow.async_progress()), "somebody is asked")
        assert recorder.token.encode() not in impostor.received
        await hass.config_entries.async_unload(entry.entry_id)
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_a_token_that_is_wrong_behind_a_new_certificate_can_be_put_right(
    hass: HomeAssistant, recorder: Recorder, front: Front
) -> None:
    form = await connect(hass, front, "wrong")
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert (form["step_id"], form["errors"]) == ("certificate", {"base": "invalid_auth"})


async def test_a_recorder_that_goes_away_before_its_certificate_was_seen_cannot_be_connected(
    hass: HomeAssistant, recorder: Recorder, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_url: str) -> str:
        raise CannotConnect("gone")

    monkeypatch.setattr("custom_components.safe_community.config_flow.certificate_of", gone)
    form = await connect(hass, front, recorder.token)
    assert (form["step_id"], form["errors"]) == ("user", {"base": "cannot_connect"})


async def test_the_address_may_change_and_the_accepted_certificate_stays_accepted(
    hass: HomeAssistant, recorder: Recorder, front: Front, own: Certificate
) -> None:
    entry = await connected(hass, front, recorder)
    context = ConfigFlowContext(source=SOURCE_RECONFIGURE, entry_id=entry.entry_id)
    form = await hass.config_entries.flow.async_init(DOMAIN, context=context)
    with tls_front(own, recorder.port) as elsewhere:
        answers = {"url": elsewhere.url, "token": recorder.token}
        done = await hass.config_entries.flow.async_configure(form["flow_id"], answers)
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
        await hass.async_block_till_done()
        assert entry.data["url"] == elsewhere.url
        await hass.config_entries.async_unload(entry.entry_id)


async def test_who_shows_no_certificate_has_none() -> None:
    with pytest.raises(CannotConnect):
        await certificate_of("https://127.0.0.1:9")


async def test_what_speaks_no_tls_has_no_certificate(recorder: Recorder) -> None:
    with pytest.raises(CannotConnect):
        await certificate_of(recorder.url.replace("http:", "https:"))


def test_a_fingerprint_is_32_bytes(own: Certificate) -> None:
    assert digest(own.fingerprint).hex() == own.fingerprint.removeprefix("sha256:")
    for wrong in ("", "sha256:", "sha256:00", "sha1:" + "00" * 20, own.fingerprint + "00"):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            digest(wrong)


# --- recorders that announce themselves on the network ----------------------------------------------------------------


def announced(recorder_id: str, port: int | None, **said: str) -> ZeroconfServiceInfo:
    address = ip_address("127.0.0.1")
    return ZeroconfServiceInfo(
        ip_address=address,
        ip_addresses=[address],
        port=port,
        hostname="recorder.local.",
        type="_safe-community._tcp.local.",
        name="Biržai._safe-community._tcp.local.",
        properties={"id": recorder_id, "name": "Biržai", "version": "1", "tls": "0", **said},
    )


async def found(hass: HomeAssistant, info: ZeroconfServiceInfo) -> Any:
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_ZEROCONF}, data=info)


async def recorder_id(recorder: Recorder) -> str:
    return str(recorder.ask("/api/v1/info").json["recorder_id"])


async def test_a_recorder_on_the_network_is_connected_with_its_token(hass: HomeAssistant, recorder: Recorder) -> None:
    known = await recorder_id(recorder)
    form = await found(hass, announced(known, recorder.port, name="Bir\u202ežai" + "x" * 200))
    assert (form["type"], form["step_id"]) == (FlowResultType.FORM, "zeroconf_confirm")
    assert form["description_placeholders"] == {"name": ("Biržai" + "x" * 200)[:100], "url": recorder.url}
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {"token": "wrong"})
    assert form["errors"] == {"base": "invalid_auth"}
    done = await hass.config_entries.flow.async_configure(form["flow_id"], {"token": recorder.token})
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert done["result"].unique_id == known
    await hass.async_block_till_done()
    await hass.config_entries.async_unload(done["result"].entry_id)


async def test_one_that_says_it_is_another_is_not_taken(hass: HomeAssistant, recorder: Recorder) -> None:
    form = await found(hass, announced("another", recorder.port))
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {"token": recorder.token})
    assert form["errors"] == {"base": "other_recorder"}


async def test_what_says_nothing_of_itself_is_no_recorder(hass: HomeAssistant, recorder: Recorder) -> None:
    for info in (announced("", recorder.port), announced("1", None)):
        done = await found(hass, info)
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "not_a_recorder")


async def test_a_stranger_who_claims_to_be_a_known_recorder_gets_nothing(
    hass: HomeAssistant, recorder: Recorder, set_up: SetUp, front: Front
) -> None:
    entry = await set_up(recorder)
    for info in (announced(str(entry.unique_id), 9), announced(str(entry.unique_id), front.port, tls="1")):
        done = await found(hass, info)
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
        assert entry.data["url"] == recorder.url
    assert not front.received


async def test_a_known_recorder_is_followed_if_it_shows_the_accepted_certificate(
    hass: HomeAssistant, recorder: Recorder, front: Front, own: Certificate, strange: Certificate
) -> None:
    entry = await connected(hass, front, recorder)
    known = str(entry.unique_id)
    with tls_front(strange, recorder.port) as impostor:
        await found(hass, announced(known, impostor.port, tls="1"))
        assert entry.data["url"] == front.url
        assert not impostor.received
    await found(hass, announced(known, 9, tls="1"))
    assert entry.data["url"] == front.url
    with tls_front(own, recorder.port) as elsewhere:
        done = await found(hass, announced(known, elsewhere.port, tls="1"))
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
        await hass.async_block_till_done()
        assert entry.data["url"] == elsewhere.url
        assert state_of(entry) is ConfigEntryState.LOADED
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_recorder_that_somebody_ignores_stays_ignored(hass: HomeAssistant, recorder: Recorder) -> None:
    ignored = {"unique_id": "ignored", "title": "Biržai"}
    await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IGNORE}, data=ignored)
    for tls in "01":
        done = await found(hass, announced("ignored", recorder.port, tls=tls))
        assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")
