"""docs/vision.md says what the code does."""

import re
from pathlib import Path

from safe_community_recorder.vision.motion import MotionSettings
from safe_community_recorder.vision.observer import MOTION
from safe_community_recorder.vision.tampering import Tampering, TamperingSettings

PAGE = (Path(__file__).parents[2] / "docs" / "vision.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """What stands under a heading, in one line."""
    _, found, rest = PAGE.partition(f"## {title}\n")
    assert found
    return " ".join(rest.partition("\n## ")[0].split())


def test_the_page_names_each_kind_of_observation() -> None:
    named = re.findall(r"\| `(\w+)` \|", section("What can be seen"))
    assert set(named) == {MOTION, "clock_wrong", *(kind.value for kind in Tampering)}


def test_the_page_names_the_times_that_tampering_takes() -> None:
    usual, said = TamperingSettings(), section("How tampering is found")
    assert f"{usual.persistence_s:g} s as a rule" in said
    assert f"the very same for {usual.frozen_s:g} s" in said
    assert f"{usual.after_switch_s:g} s around a change" in said
    assert f"{usual.hidden_s:g} s if a part" in said
    assert f"longer than {usual.night_s / 3600:g} h" in said
    assert f"its own after {usual.accept_s / 3600:g} h" in said


def test_the_page_names_the_sensitivities() -> None:
    assert f"{MotionSettings().sensitivity} is the default" in section("Choosing a sensitivity by looking")
