"""Takes reports and answers, alerts who is to be asked, and lets everybody who was alerted know how it goes on."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components import calendar
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..const import LOGGER
from ..documents import RecorderCamera
from ..members import Member, members_of
from .dispatch import alert_message, async_send, async_texts, parse_action_id, update_message
from .duty import in_order_of_asking
from .model import Alert, Answer, Incident, Kind, StepRefused, alerted, answered
from .register import IncidentRegister

if TYPE_CHECKING:
    from ..data import SafeCommunityConfigEntry

EVENT_ANSWER: Final = "mobile_app_notification_action"
SECRET_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a report: a new incident, or the one that is dealt with already."""

    incident: Incident
    is_new: bool


class IncidentDesk:
    """The one place through which a recorder's incidents go."""

    def __init__(self, hass: HomeAssistant, entry: SafeCommunityConfigEntry, register: IncidentRegister) -> None:
        self._hass = hass
        self._entry = entry
        self.register = register
        # One step at a time: two taps or two reports in the same moment must not overtake each other.
        self._lock = asyncio.Lock()

    async def async_report(self, camera: RecorderCamera, kind: Kind, rota: str | None) -> Report:
        """Raise an incident and alert who is on duty by the rota, a calendar entity."""
        async with self._lock:
            now = dt_util.utcnow()
            if (known := self.register.blocking(camera.id, now)) is not None:
                return Report(incident=known, is_new=False)
            incident = await self.register.async_raise(
                kind=kind,
                camera=(camera.id, camera.name),
                eldership=(camera.eldership.id, camera.eldership.name),
                now=now,
            )
            for group in in_order_of_asking(
                members_of(self._entry), await self._async_rota_now(rota), incident.eldership_id
            ):
                if reached := await self._async_alert(incident, group):
                    incident = alerted(incident, reached)
                    await self.register.async_keep(incident)
                    break
            else:
                await self.register.async_prepare(incident)
                LOGGER.warning("Nobody could be alerted of incident %s in %s", incident.label, incident.eldership_name)
            return Report(incident=incident, is_new=True)

    @callback
    def async_take_answers(self) -> None:
        """Listen to the buttons on phones for as long as the entry is loaded."""
        self._entry.async_on_unload(self._hass.bus.async_listen(EVENT_ANSWER, self._async_on_button))

    async def _async_on_button(self, event: Event[dict[str, Any]]) -> None:
        if (parsed := parse_action_id(str(event.data.get("action", "")))) is None:
            return
        incident_id, secret, answer = parsed
        # Another recorder's incident is another desk's.
        if self.register.get(incident_id) is not None:
            await self._async_answer(incident_id, secret, answer)

    async def _async_answer(self, incident_id: str, secret: str, answer: Answer) -> None:
        async with self._lock:
            if (incident := self.register.get(incident_id)) is None:
                return
            try:
                incident = answered(incident, secret, answer, dt_util.utcnow())
            except StepRefused as error:
                LOGGER.info("An answer to incident %s was not taken: %s", incident.label, error.refusal)
                return
            await self.register.async_keep(incident)
            await self._async_update(incident)

    async def _async_rota_now(self, rota: str | None) -> list[str]:
        if rota is None:
            return []
        now = dt_util.utcnow()
        try:
            found = await self._hass.services.async_call(
                calendar.DOMAIN,
                calendar.SERVICE_GET_EVENTS,
                {"start_date_time": now, "end_date_time": now + timedelta(seconds=1)},
                target={"entity_id": rota},
                blocking=True,
                return_response=True,
            )
        except HomeAssistantError as error:
            # An unreadable rota must not silence an alert: the coordinators are asked instead.
            LOGGER.warning("The duty rota %s cannot be read: %s", rota, error)
            return []
        events: Any = (found or {}).get(rota, {})
        return [str(event["summary"]) for event in events.get("events", ())]

    async def _async_alert(self, incident: Incident, group: list[Member]) -> list[Alert]:
        alerts = [
            Alert(member_id=member.id, member_name=member.name, secret=secrets.token_urlsafe(SECRET_BYTES))
            for member in group
        ]
        if not alerts:
            return []
        # On disk before a phone rings: whoever answers must be known, even if Home Assistant has crashed in between.
        await self.register.async_prepare(alerted(incident, alerts))
        reached = await asyncio.gather(
            *(
                self._async_send_alert(incident, member, alert.secret)
                for member, alert in zip(group, alerts, strict=True)
            )
        )
        return [alert for alert, was_reached in zip(alerts, reached, strict=True) if was_reached]

    async def _async_send_alert(self, incident: Incident, member: Member, secret: str) -> bool:
        texts = await async_texts(self._hass, member.language)
        return await async_send(self._hass, member, alert_message(texts, incident, secret))

    async def _async_update(self, incident: Incident) -> None:
        members = {member.id: member for member in members_of(self._entry)}
        await asyncio.gather(
            *(
                self._async_send_update(incident, member, alert.secret)
                for alert in incident.alerts
                if (member := members.get(alert.member_id)) is not None
            )
        )

    async def _async_send_update(self, incident: Incident, member: Member, secret: str) -> None:
        texts = await async_texts(self._hass, member.language)
        await async_send(self._hass, member, update_message(texts, incident, secret))
