"""Knows what an incident is and how it may go on; pure, without clock, chance, storage or Home Assistant."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

ANSWERS_TAKEN_FOR: Final = timedelta(hours=12)
COOLDOWN: Final = timedelta(minutes=5)
# What nobody answers is asked again, until there is escalation; who has set out gets the time to arrive.
UNANSWERED_FOR: Final = timedelta(minutes=15)
ON_THE_WAY_FOR: Final = timedelta(minutes=30)
# More in a night and volunteers stop believing; the rest is left to staff.
NIGHT: Final = timedelta(hours=12)
INCIDENTS_A_NIGHT: Final = 6


class Kind(StrEnum):
    """What was seen."""

    MOTION = "motion"
    TAMPERING = "tampering"
    OTHER = "other"


class Stage(StrEnum):
    """How far people have got with an incident."""

    RAISED = "raised"
    ALERTED = "alerted"
    ON_MY_WAY = "on_my_way"
    ALL_CLEAR = "all_clear"
    FALSE_ALARM = "false_alarm"


class Answer(StrEnum):
    """What an alerted member can say with one tap."""

    ON_MY_WAY = "on_my_way"
    ALL_CLEAR = "all_clear"
    FALSE_ALARM = "false_alarm"


class Refusal(StrEnum):
    """Why a step is not possible."""

    ALREADY_ALERTED = "already_alerted"
    NOBODY_ALERTED = "nobody_alerted"
    UNKNOWN_SECRET = "unknown_secret"
    EXPIRED = "expired"
    OVER = "over"
    ALREADY_SAID = "already_said"


class StepRefused(Exception):
    """The incident cannot take this step."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


OVER: Final = frozenset({Stage.ALL_CLEAR, Stage.FALSE_ALARM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A message that one member got; the secret in its buttons says whose answer an answer is."""

    member_id: str
    member_name: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a member answered."""

    member_id: str
    member_name: str
    answer: Answer
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that people deal with, from the alert to the outcome."""

    id: str
    year: int
    number: int
    kind: Kind
    camera_id: str
    camera_name: str
    eldership_id: str
    eldership_name: str
    raised_at: datetime
    stage: Stage = Stage.RAISED
    alerts: tuple[Alert, ...] = ()
    responses: tuple[Response, ...] = ()

    @property
    def label(self) -> str:
        """Return the number that people say: 2026-17."""
        return f"{self.year}-{self.number}"

    def takes_answers_at(self, now: datetime) -> bool:
        """Say whether somebody may still answer."""
        return self.stage not in OVER and now - self.raised_at < ANSWERS_TAKEN_FOR

    @property
    def last_step_at(self) -> datetime:
        """Return when somebody last did something about it."""
        return max((response.at for response in self.responses), default=self.raised_at)

    def blocks_another_at(self, now: datetime) -> bool:
        """Say whether the same camera has to wait before it raises the next incident."""
        # A clock that was set back by hours must not silence a camera for hours.
        return abs(now - self.last_step_at) < _WAITS[self.stage]

    def as_dict(self) -> dict[str, Any]:
        """Return the incident as JSON can hold it."""
        return {
            "id": self.id,
            "year": self.year,
            "number": self.number,
            "kind": self.kind.value,
            "camera_id": self.camera_id,
            "camera_name": self.camera_name,
            "eldership_id": self.eldership_id,
            "eldership_name": self.eldership_name,
            "raised_at": self.raised_at.isoformat(),
            "stage": self.stage.value,
            "alerts": [
                {"member_id": alert.member_id, "member_name": alert.member_name, "secret": alert.secret}
                for alert in self.alerts
            ],
            "responses": [
                {
                    "member_id": response.member_id,
                    "member_name": response.member_name,
                    "answer": response.answer.value,
                    "at": response.at.isoformat(),
                }
                for response in self.responses
            ],
        }

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Self:
        """Read what as_dict wrote."""
        return cls(
            id=data["id"],
            year=data["year"],
            number=data["number"],
            kind=Kind(data["kind"]),
            camera_id=data["camera_id"],
            camera_name=data["camera_name"],
            eldership_id=data["eldership_id"],
            eldership_name=data["eldership_name"],
            raised_at=datetime.fromisoformat(data["raised_at"]),
            stage=Stage(data["stage"]),
            alerts=tuple(Alert(**alert) for alert in data["alerts"]),
            responses=tuple(
                Response(
                    member_id=response["member_id"],
                    member_name=response["member_name"],
                    answer=Answer(response["answer"]),
                    at=datetime.fromisoformat(response["at"]),
                )
                for response in data["responses"]
            ),
        )


_WAITS: Final = {
    Stage.RAISED: COOLDOWN,
    Stage.ALERTED: UNANSWERED_FOR,
    Stage.ON_MY_WAY: ON_THE_WAY_FOR,
    Stage.ALL_CLEAR: COOLDOWN,
    Stage.FALSE_ALARM: COOLDOWN,
}


def instead_of_another(of_camera: Iterable[Incident], now: datetime) -> Incident | None:
    """Return the incident because of which a camera raises no other now: one that waits, or the night's last."""
    tonight = sorted(
        (incident for incident in of_camera if abs(now - incident.raised_at) < NIGHT),
        key=lambda incident: incident.raised_at,
    )
    if not tonight:
        return None
    if tonight[-1].blocks_another_at(now) or len(tonight) >= INCIDENTS_A_NIGHT:
        return tonight[-1]
    return None


def alerted(incident: Incident, alerts: Iterable[Alert]) -> Incident:
    """Return the incident after somebody was told of it."""
    if incident.stage is not Stage.RAISED:
        raise StepRefused(Refusal.ALREADY_ALERTED)
    sent = tuple(alerts)
    if not sent:
        raise StepRefused(Refusal.NOBODY_ALERTED)
    return replace(incident, stage=Stage.ALERTED, alerts=sent)


def answered(incident: Incident, secret: str, answer: Answer, now: datetime) -> Incident:
    """Return the incident after the owner of a secret answered it.

    Two members may be on their way; the first outcome ends the incident.
    """
    alert = next((alert for alert in incident.alerts if secrets.compare_digest(alert.secret, secret)), None)
    if alert is None:
        raise StepRefused(Refusal.UNKNOWN_SECRET)
    if incident.stage in OVER:
        raise StepRefused(Refusal.OVER)
    if not incident.takes_answers_at(now):
        raise StepRefused(Refusal.EXPIRED)
    if any(said.member_id == alert.member_id and said.answer is answer for said in incident.responses):
        raise StepRefused(Refusal.ALREADY_SAID)
    response = Response(member_id=alert.member_id, member_name=alert.member_name, answer=answer, at=now)
    return replace(incident, stage=Stage(answer.value), responses=(*incident.responses, response))
