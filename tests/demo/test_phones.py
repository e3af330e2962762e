"""A phone shows messages as the companion app does, and answers as it does."""

from typing import Any

from demo.phones import Phone

ACTIONS = [
    {"action": "ON_MY_WAY", "title": "Einu pažiūrėti"},
    {"action": "ALL_CLEAR", "title": "Viskas ramu"},
    {"action": "FALSE_ALARM", "title": "Klaidingas pavojus"},
    {"action": "FOURTH", "title": "Android shows three"},
]


def push(message: str, **data: Any) -> dict[str, Any]:
    return {
        "message": message,
        "title": "Judesys",
        "push_token": "t",
        "registration_info": {"webhook_id": "w"},
        "data": data,
    }


def phone(*pushes: dict[str, Any]) -> Phone:
    received = Phone("ona", "Ona", "t")
    for number, each in enumerate(pushes):
        received.receive(each, number)
    return received


def test_the_newest_message_is_on_top() -> None:
    assert [message.text for message in phone(push("one"), push("two")).messages] == ["two", "one"]


def test_a_message_takes_the_place_of_the_one_with_its_tag() -> None:
    shown = phone(push("motion", tag="a"), push("other", tag="b"), push("all clear", tag="a"))

    assert [message.text for message in shown.messages] == ["all clear", "other"]


def test_a_message_can_be_cleared() -> None:
    assert phone(push("motion", tag="a"), push("clear_notification", tag="a")).messages == []


def test_three_buttons_are_shown() -> None:
    (message,) = phone(push("motion", actions=ACTIONS)).messages

    assert [action["action"] for action in message.actions] == ["ON_MY_WAY", "ALL_CLEAR", "FALSE_ALARM"]


def test_an_answer_carries_the_message_in_one_level_of_text() -> None:
    (message,) = phone(push("motion", tag="a", ttl=0, actions=ACTIONS[:2])).messages

    assert message.data == {
        "title": "Judesys",
        "message": "motion",
        "tag": "a",
        "ttl": "0",
        "action_1_key": "ON_MY_WAY",
        "action_1_title": "Einu pažiūrėti",
        "action_2_key": "ALL_CLEAR",
        "action_2_title": "Viskas ramu",
        "webhook_id": "w",
    }
