"""The demo's district holds together: it is what the recorder takes, and whatever moves, somebody's phone rings."""

import re
from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from demo import village
from demo.scenes import SCENES
from safe_community_recorder import config


@given(st.integers(1, village.CAMERA_COUNT))
def test_cameras_are_dealt_out_fairly(count: int) -> None:
    chosen = village.choose(count)
    shares = Counter({eldership.id: len(eldership.cameras) for eldership in chosen})

    assert shares.total() == count
    assert len(chosen) == min(count, len(village.ELDERSHIPS))
    if count <= 21:
        assert max(shares.values()) - min(shares.values()) <= 1


@pytest.mark.parametrize("count", [0, -1, 25])
def test_an_impossible_number_of_cameras_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 24 cameras"):
        village.choose(count)


def test_ids_are_unique_and_for_machines() -> None:
    ids = [camera.id for eldership in village.ELDERSHIPS for camera in eldership.cameras]

    assert len(set(ids)) == 24
    assert all(re.fullmatch("[a-z0-9-]{1,64}", slug) for slug in ids)


def test_the_recorder_takes_the_camera_file() -> None:
    text = yaml.safe_dump(village.camera_file(village.choose(24), 8554, quota_gb=5), allow_unicode=True)

    taken = config.parse(text)

    assert len(taken.cameras) == 24
    assert {camera.eldership.name for camera in taken.cameras} == {e.name for e in village.ELDERSHIPS}


def test_every_camera_has_a_scene_that_can_be_drawn() -> None:
    assert {entry["scene"] for entry in village.stream_spec(village.ELDERSHIPS)["cameras"]} <= set(SCENES)


def test_somebody_with_a_phone_is_on_duty_in_every_eldership() -> None:
    on_duty = [person for person in village.PEOPLE if person.name in village.ON_DUTY]
    covered = {slug for person in on_duty for slug in person.elderships}

    assert all(person.phone for person in on_duty)
    assert covered == {eldership.id for eldership in village.ELDERSHIPS}


def test_the_owner_comes_first_and_every_role_has_somebody() -> None:
    assert village.PEOPLE[0].role == "administrator"
    assert len({person.role for person in village.PEOPLE}) == 6
    assert len({person.user for person in village.PEOPLE}) == len({person.name for person in village.PEOPLE}) == 8
