"""A virtual MP4 over HTTP: any bytes of it, and what the asker has already (RFC 9110 §13–14)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_community_recorder.api.clip_response import send_clip
from safe_community_recorder.api.problems import problems
from safe_community_recorder.media.clip import Clip, Part, build_clip
from tests.recorder.films import GAP_US, T0, S, film


@dataclass(frozen=True)
class Served:
    """A clip on the disk, and its bytes."""

    clip: Clip
    data: bytes


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    one, folder = film(sound=True), tmp_path_factory.mktemp("film")
    for name, data in one.content.items():
        (folder / name).write_bytes(data)
    clip = build_clip(one.files, T0 + 350_000, T0 + GAP_US + 8 * S)
    parts = tuple(Part(str(folder / part.path), part.offset, part.size) for part in clip.parts)
    return Served(Clip(clip.head, parts, clip.start_us, clip.end_us), one.bytes_of(clip))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    place: str | None
    length: str | None


async def answers(served: Served, headers: Sequence[dict[str, str]], method: str = "GET") -> list[Answer]:
    """To a request with each of these headers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await send_clip(request, served.clip, "clip.mp4")

    app = web.Application(middlewares=[problems])
    app.router.add_get("/", answer)
    found = []
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        for one in headers:
            async with session.request(method, server.make_url("/"), headers=one) as response:
                told = response.headers
                body = await response.read()
                found.append(Answer(response.status, body, told.get("Content-Range"), told.get("Content-Length")))
    return found


def test_any_range_of_bytes_is_the_slice_of_the_whole(served: Served) -> None:
    size = len(served.data)
    positions = st.integers(0, size + 10)
    seams = [0, len(served.clip.head), size, *accumulate((p.size for p in served.clip.parts), initial=0)]
    near = st.sampled_from(seams).flatmap(lambda seam: st.integers(max(0, seam - 2), seam + 2))

    @settings(max_examples=40)
    @given(st.lists(st.tuples(positions | near, positions | near).map(sorted), min_size=5, max_size=20))
    def check(limits: list[list[int]]) -> None:
        headers = [{"Range": f"bytes={first}-{last}"} for first, last in limits]
        headers += [{"Range": f"bytes={first}-"} for first, _ in limits]
        headers += [{"Range": f"bytes=-{first}"} for first, _ in limits if first]
        slices = [slice(first, last + 1) for first, last in limits]
        slices += [slice(first, None) for first, _ in limits]
        slices += [slice(max(0, size - first), None) for first, _ in limits if first]
        for answer, piece in zip(asyncio.run(answers(served, headers)), slices, strict=True):
            if piece.start >= size:
                assert (answer.status, answer.place) == (416, f"bytes */{size}")
            elif served.data[piece]:
                begin, end, _ = piece.indices(size)
                place = f"bytes {begin}-{end - 1}/{size}"
                assert (answer.status, answer.body, answer.place) == (206, served.data[piece], place)

    check()


def test_neighbouring_parts_of_a_clip_lie_side_by_side(served: Served) -> None:
    """The kernel is asked once for what lies side by side in a file."""
    for one, other in pairwise(served.clip.parts):
        assert (one.path, one.offset + one.size) != (other.path, other.offset)


def test_several_ranges_at_once_are_answered_with_the_whole(served: Served) -> None:
    """As RFC 9110 §14.2 allows: no player asks for them, and the answer would have to be copied together."""
    (answer,) = asyncio.run(answers(served, [{"Range": "bytes=0-9,20-29"}]))
    assert (answer.status, answer.body, answer.place) == (200, served.data, None)


def test_a_range_is_only_for_those_who_get_the_bytes(served: Served) -> None:
    """HEAD is answered as the whole: ranges are defined for GET only (RFC 9110 §14.2)."""
    size = str(len(served.data))
    heads = asyncio.run(answers(served, [{}, {"Range": "bytes=0-9"}, {"Range": f"bytes={size}-"}], "HEAD"))
    assert [(answer.status, answer.length, answer.place) for answer in heads] == [(200, size, None)] * 3


def test_whoever_goes_on_with_something_else_gets_the_whole(served: Served) -> None:
    part = {"Range": "bytes=10-19"}
    same, other, weak = asyncio.run(
        answers(
            served,
            [
                part | {"If-Range": served.clip.etag},
                part | {"If-Range": '"something-else"'},
                part | {"If-Range": f"W/{served.clip.etag}"},
            ],
        )
    )
    assert (same.status, same.body) == (206, served.data[10:20])
    assert [(answer.status, answer.body) for answer in (other, weak)] == [(200, served.data)] * 2


def test_whoever_has_it_already_is_told_so(served: Served) -> None:
    known = [{"If-None-Match": tag} for tag in (served.clip.etag, f'"a", W/{served.clip.etag}', "*")]
    assert [(answer.status, answer.body) for answer in asyncio.run(answers(served, known))] == [(304, b"")] * 3
