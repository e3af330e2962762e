"""How an incident may go on, whatever people tap in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.safe_community.incidents.dispatch import action_id, parse_action_id
from custom_components.safe_community.incidents.duty import in_order_of_asking, names_in
from custom_components.safe_community.incidents.model import (
    ANSWERS_TAKEN_FOR,
    COOLDOWN,
    INCIDENTS_A_NIGHT,
    ON_THE_WAY_FOR,
    OVER,
    UNANSWERED_FOR,
    Alert,
    Answer,
    Incident,
    Kind,
    Refusal,
    StepRefused,
    alerted,
    answered,
    instead_of_another,
)
from custom_components.safe_community.members import Member, Role

NIGHT = datetime(2026, 11, 21, 22, 13, tzinfo=UTC)
ONA = Alert(member_id="1", member_name="Ona", secret="ona's secret")
JONAS = Alert(member_id="2", member_name="Jonas", secret="jonas's secret")


def incident() -> Incident:
    return Incident(
        id="1",
        year=2026,
        number=17,
        kind=Kind.MOTION,
        camera_id="stotele",
        camera_name="Autobusų stotelė",
        eldership_id="vabalninkas",
        eldership_name="Vabalninkas",
        raised_at=NIGHT,
    )


TAPS = st.lists(
    st.tuples(
        st.sampled_from([ONA.secret, JONAS.secret, "guessed"]),
        st.sampled_from(Answer),
        st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=14)),
    ),
    max_size=12,
)


@given(TAPS)
def test_whatever_people_tap_there_is_one_outcome_and_nobody_says_a_thing_twice(
    taps: list[tuple[str, Answer, timedelta]],
) -> None:
    now = alerted(incident(), [ONA, JONAS])
    for secret, answer, after in sorted(taps, key=lambda tap: tap[2]):
        before = now
        said_before = any(said.answer is answer for said in before.responses)
        try:
            now = answered(before, secret, answer, NIGHT + after)
        except StepRefused:
            refusable = secret == "guessed" or before.stage in OVER or after >= ANSWERS_TAKEN_FOR or said_before
        else:
            refusable = False
            assert before.stage not in OVER
            assert now.stage == answer.value
            assert now.responses[:-1] == before.responses
        assert refusable or now is not before
        assert Incident.parse(now.as_dict()) == now
    said = [(response.member_id, response.answer) for response in now.responses]
    assert len(said) == len(set(said))
    assert sum(response.answer is not Answer.ON_MY_WAY for response in now.responses) <= 1


@pytest.mark.parametrize(
    ("secret", "after", "refusal"),
    [
        ("guessed", timedelta(), Refusal.UNKNOWN_SECRET),
        (ONA.secret, ANSWERS_TAKEN_FOR, Refusal.EXPIRED),
    ],
)
def test_an_answer_that_does_not_count_says_why(secret: str, after: timedelta, refusal: Refusal) -> None:
    with pytest.raises(StepRefused) as refused:
        answered(alerted(incident(), [ONA]), secret, Answer.ALL_CLEAR, NIGHT + after)
    assert refused.value.refusal is refusal


def test_after_the_outcome_nothing_more_is_taken() -> None:
    over = answered(alerted(incident(), [ONA, JONAS]), ONA.secret, Answer.FALSE_ALARM, NIGHT)
    with pytest.raises(StepRefused) as refused:
        answered(over, JONAS.secret, Answer.ON_MY_WAY, NIGHT)
    assert refused.value.refusal is Refusal.OVER


def test_nobody_alerted_is_no_alert_and_twice_is_once_too_many() -> None:
    with pytest.raises(StepRefused) as refused:
        alerted(incident(), [])
    assert refused.value.refusal is Refusal.NOBODY_ALERTED
    with pytest.raises(StepRefused) as refused:
        alerted(alerted(incident(), [ONA]), [JONAS])
    assert refused.value.refusal is Refusal.ALREADY_ALERTED


def test_a_camera_waits_by_how_far_people_have_got_but_never_for_hours() -> None:
    later = NIGHT + timedelta(minutes=4)
    opened = alerted(incident(), [ONA])
    on_my_way = answered(opened, ONA.secret, Answer.ON_MY_WAY, later)
    for known, since, wait in (
        (incident(), NIGHT, COOLDOWN),
        (opened, NIGHT, UNANSWERED_FOR),
        (on_my_way, later, ON_THE_WAY_FOR),
        (answered(opened, ONA.secret, Answer.ALL_CLEAR, later), later, COOLDOWN),
        (answered(on_my_way, ONA.secret, Answer.FALSE_ALARM, later), later, COOLDOWN),
    ):
        assert known.blocks_another_at(since + wait - timedelta(seconds=1)), known.stage
        assert not known.blocks_another_at(since + wait), known.stage
    # The host's clock is set back.
    assert not opened.blocks_another_at(NIGHT - timedelta(hours=1))


def test_a_restless_camera_stops_asking_after_so_many_incidents_a_night() -> None:
    hour = timedelta(hours=1)
    known = [replace(incident(), id=str(n), number=n, raised_at=NIGHT + n * hour) for n in range(INCIDENTS_A_NIGHT)]
    now = NIGHT + INCIDENTS_A_NIGHT * hour
    assert instead_of_another(known[:-1], now) is None
    assert instead_of_another(known, now) is known[-1]
    assert instead_of_another(known, NIGHT + 12 * hour) is None
    assert instead_of_another([], now) is None


@given(
    st.text(alphabet="0123456789abcdef", min_size=1),
    st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True),
    st.sampled_from(Answer),
)
def test_a_button_s_id_is_read_back_as_it_was_written(incident_id: str, secret: str, answer: Answer) -> None:
    assert parse_action_id(action_id(incident_id, secret, answer)) == (incident_id, secret, answer)


@given(st.text())
def test_other_buttons_are_none_of_ours(text: str) -> None:
    assert parse_action_id(text) is None


def test_a_rota_names_members_with_commas_and_semicolons() -> None:
    assert names_in(" Ona  PETRAUSKIENĖ, Jonas;;Zigmas ") == ["ona petrauskienė", "jonas", "zigmas"]
    assert names_in("") == []


def test_who_is_asked() -> None:
    def one(name: str, role: Role = Role.VOLUNTEER, *elderships: str) -> Member:
        return Member(id=name, name=name, role=role, elderships=frozenset(elderships))

    ona, foreign = one("Ona", Role.VOLUNTEER, "vabalninkas"), one("Jonas", Role.VOLUNTEER, "pabirze")
    officer, coordinator = one("Rasa", Role.DATA_PROTECTION_OFFICER), one("Zita", Role.COORDINATOR)
    members = [ona, foreign, officer, coordinator]
    asked = in_order_of_asking(members, ["ona; JONAS, Rasa", "Somebody else"], "vabalninkas")
    assert asked == ([ona], [coordinator])
