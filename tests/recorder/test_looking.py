"""The parts of looking that need no process: budget, messages, instants, observations out of looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.media.video import AccessUnit, VideoFormat
from safe_community_recorder.sampler.activity import ActivityLog
from safe_community_recorder.sampler.budget import Budget
from safe_community_recorder.sampler.instants import Instants
from safe_community_recorder.sampler.messages import Inbox, Message, MessageError
from safe_community_recorder.sampler.wording import Answer, answer_message, read_answer
from safe_community_recorder.vision.eye import Look
from safe_community_recorder.vision.motion import Motion
from safe_community_recorder.vision.observer import Observer, Seen
from safe_community_recorder.vision.tampering import Finding, Tampering

VIDEO = VideoFormat("h264", 640, 360, ())


def look(at_s: float, activity: float = 0.0, *, moving: bool = False, zones: tuple[str, ...] = ()) -> Look:
    """A look that says so; its first block moves if any does."""
    blocks = np.zeros((2, 3), np.bool_)
    blocks[0, 0] = activity > 0
    return Look(at_s, Motion(blocks, blocks, activity, moving, 0.5 if moving else 0.0, zones, moving, False), None)


# --- budget -----------------------------------------------------------------------------------------------------------


def test_what_was_saved_may_be_spent_at_once_and_then_no_more_than_the_share() -> None:
    budget = Budget(0.5, 0.0)
    spent_s = 0.0
    now_s = 0.0
    while now_s < 100:
        wait_s = budget.wait_s(now_s)
        if wait_s > 0:
            now_s += wait_s
        else:
            budget.spend(0.1, now_s)
            spent_s += 0.1
    assert 0.5 * 100 <= spent_s <= 0.5 * 100 + 0.5 * 10 + 0.2


def test_how_much_of_it_was_used_of_late_is_known() -> None:
    budget = Budget(0.5, 0.0)
    for second in range(600):
        budget.spend(0.1, float(second))
    assert budget.used(600.0) == pytest.approx(0.2, abs=0.01)
    assert budget.used(900.0) < 0.01


# --- messages ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["group", "looks"]), st.binary(max_size=40)), max_size=4), st.integers(1, 50))
def test_messages_come_out_as_they_went_in_however_the_bytes_are_cut(said: list[tuple[str, bytes]], piece: int) -> None:
    sent = [Message(kind, {"number": number}, data) for number, (kind, data) in enumerate(said)]
    wire = b"".join(message.encoded() for message in sent)
    inbox = Inbox()
    heard = [message for at in range(0, len(wire), piece) for message in inbox.put(wire[at : at + piece])]
    assert heard == sent


@given(st.binary(max_size=200))
def test_bytes_that_make_no_sense_are_a_message_error_or_nothing(data: bytes) -> None:
    inbox = Inbox()
    try:
        for message in inbox.put(data):
            read_answer(message)
    except MessageError:
        pass


def test_looks_arrive_as_they_were() -> None:
    finding = Finding(Tampering.MOVED, 12.5, 0.75)
    looks = (look(1.0, 0.25, moving=True, zones=("gate",)), look(2.0), Look(3.0, look(3.0).motion, (finding,)))
    inbox = Inbox()
    [message] = inbox.put(answer_message(Answer("stop", looks, 0.25, 3, "one was damaged")).encoded())
    answer = read_answer(message)
    assert (answer.camera_id, answer.cpu_s, answer.decoded, answer.problem) == ("stop", 0.25, 3, "one was damaged")
    assert [one.at_s for one in answer.looks] == [1.0, 2.0, 3.0]
    assert [one.motion.zones for one in answer.looks] == [("gate",), (), ()]
    assert [one.findings for one in answer.looks] == [None, None, (finding,)]
    assert [one.motion.active.tolist() for one in answer.looks] == [one.motion.active.tolist() for one in looks]


# --- instants ---------------------------------------------------------------------------------------------------------


def unit(at_s: float, arrival_s: float) -> AccessUnit:
    """A picture that the camera took then, and that came then."""
    at_90k = round(at_s * 90_000)
    return AccessUnit(b"", at_90k, at_90k, False, round(arrival_s * 1e6), VIDEO)


def test_pictures_that_come_in_bursts_are_as_far_apart_as_the_camera_took_them() -> None:
    instants = Instants()
    at_s = [instants.of(unit(number / 10, 100 + (number // 4 + 1) * 0.4)) for number in range(400)]
    steps = np.diff(at_s[100:])
    assert steps.min() > 0.09
    assert steps.max() < 0.11
    assert all(abs(at - 100 - number / 10) < 0.5 for number, at in enumerate(at_s))


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0.0, 5.0)), min_size=2, max_size=30))
def test_instants_only_run_on_and_stay_near_the_arrivals_whatever_the_camera_says(
    pictures: list[tuple[float, float]],
) -> None:
    instants, arrival_s, before_s = Instants(), 1_000.0, 0.0
    for at_s, after_s in pictures:
        arrival_s += after_s
        now_s = instants.of(unit(at_s, arrival_s))
        assert now_s > before_s
        assert abs(now_s - arrival_s) < 1.6
        before_s = now_s


# --- observations -----------------------------------------------------------------------------------------------------


def seen_in(looks: list[Look], observer: Observer) -> list[Seen]:
    """All that is told of these looks."""
    return [seen for one in looks for seen in observer.take(one)]


def test_movement_begins_with_its_first_sign_and_ends_with_its_last() -> None:
    looks = [look(0.0), look(1.0, 0.1), look(1.2, 0.2), look(1.4, 0.2, moving=True), look(3.0, 0.3, moving=True)]
    looks += [look(6.0, moving=True), look(12.0)]
    began, ended = seen_in(looks, Observer(8.0))
    assert (began.start_s, began.lasting) == (1.0, True)
    assert (ended.start_s, ended.end_s, ended.still_s, ended.lasting) == (1.0, 3.0, 3.0, False)


def test_each_zone_has_its_own_movement() -> None:
    observer = Observer(2.0, has_zones=True)
    looks = [look(1.0, 0.1, moving=True, zones=("gate",)), look(2.0, 0.1, moving=True, zones=("gate", "road"))]
    looks += [look(float(at), 0.1, moving=True, zones=("road",)) for at in range(3, 7)]
    told = [(seen.zone, seen.start_s, seen.end_s, seen.lasting) for seen in seen_in(looks, observer)]
    assert told == [("gate", 1.0, 1.0, True), ("road", 1.0, 2.0, True), ("gate", 1.0, 2.0, False)]
    assert [(seen.zone, seen.end_s) for seen in observer.end()] == [("road", 6.0)]


def test_what_lasts_is_told_again_every_minute() -> None:
    observer = Observer(8.0)
    told = seen_in([look(float(at), 0.1, moving=True) for at in range(200)], observer)
    assert [seen.end_s for seen in told] == [0.0, 60.0, 120.0, 180.0]
    assert observer.lasting == ("motion",)


def test_movement_that_nobody_has_looked_at_for_long_is_over() -> None:
    told = seen_in([look(1.0, 0.1, moving=True), look(100.0, 0.1, moving=True)], Observer(8.0))
    assert [(seen.start_s, seen.end_s, seen.lasting) for seen in told] == [
        (1.0, 1.0, True),
        (1.0, 1.0, False),
        (100.0, 100.0, True),
    ]


def test_tampering_lasts_as_long_as_it_is_found() -> None:
    covered = (Finding(Tampering.COVERED, 5.0, 0.9),)
    quiet = look(0.0).motion
    looks = [Look(20.0, quiet, covered), look(21.0), Look(22.0, quiet, covered), Look(30.0, quiet, ())]
    told = [(seen.kind, seen.start_s, seen.end_s, seen.lasting) for seen in seen_in(looks, Observer(8.0))]
    assert told == [("covered", 5.0, 20.0, True), ("covered", 5.0, 22.0, False)]


# --- activity ---------------------------------------------------------------------------------------------------------


def test_a_second_has_the_most_that_moved_in_it_and_quiet_ones_between_looks_are_known() -> None:
    log = ActivityLog()
    for one in (look(10.2), look(14.1, 0.1), look(14.6, 0.3), look(15.0), look(60.0)):
        log.add(one, one.at_s)
    taken = log.take()
    assert [(second.at_s, second.activity) for second in taken] == [
        (10, 0.0),
        (11, 0.0),
        (12, 0.0),
        (13, 0.0),
        (14, 0.3),
        (15, 0.0),
    ]
    assert [int(second.blocks.sum()) for second in taken] == [0, 0, 0, 0, 1, 0]
    assert [second.at_s for second in log.take(everything=True)] == [60]
    assert log.take(everything=True) == []
