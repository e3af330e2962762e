"""One pulse for all connections: each has its turn once a beat."""

import asyncio
from collections import Counter

from safe_community_recorder.ingest.beat import Beat


async def test_everybody_has_as_many_turns_as_anybody_however_many_there_are() -> None:
    beat = Beat()
    turns: Counter[int] = Counter()
    together: list[int] = []

    def call(number: int) -> None:
        turns[number] += 1
        together.append(number)

    calls = [lambda number=number: call(number) for number in range(130)]
    for each in calls:
        beat.add(each)
    async with asyncio.timeout(10):
        while len(turns) < 130 or min(turns.values()) < 3:
            together.clear()
            await asyncio.sleep(0.005)
            assert len(together) <= 2 * 60
    assert max(turns.values()) - min(turns.values()) <= 1


async def test_who_has_left_is_not_called_any_more_even_in_the_same_turn() -> None:
    beat = Beat()
    called: list[str] = []
    enough = asyncio.Event()

    def first() -> None:
        called.append("first")
        beat.remove(second)
        if len(called) == 3:
            enough.set()

    def second() -> None:
        called.append("second")

    beat.add(first)
    beat.add(second)
    async with asyncio.timeout(5):
        await enough.wait()
    assert set(called) == {"first"}
    beat.remove(first)
    called.clear()
    await asyncio.sleep(0.5)
    assert called == []
