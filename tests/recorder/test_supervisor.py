"""The recorder and the Supervisor: options come in, one discovery message goes out."""

import asyncio
import json
import logging
import subprocess
import sys
from http import HTTPStatus
from itertools import islice
from pathlib import Path

import aiohttp
import pytest

from safe_community_recorder import supervisor
from safe_community_recorder.supervisor import Options, OptionsError, SupervisorRefusal
from tests.app.fake_supervisor import FakeSupervisor, serving

pytestmark = pytest.mark.usefixtures("socket_enabled")

SUPERVISOR_TOKEN = "supervisor-token-94c1"
RECORDER_TOKEN = "recorder-token-5be7"


def a_supervisor(*failures: HTTPStatus, discovery: tuple[str, ...] = ("safe_community",)) -> FakeSupervisor:
    return FakeSupervisor(token=SUPERVISOR_TOKEN, discovery=discovery, failures=list(failures))


async def announce(url: str, *, pauses: list[float], supervisor_token: str = SUPERVISOR_TOKEN) -> str:
    async with aiohttp.ClientSession() as session:
        return await supervisor.announce(
            session,
            supervisor_url=url,
            supervisor_token=supervisor_token,
            host="0a1b2c3d-safe-community-recorder",
            port=8710,
            token=RECORDER_TOKEN,
            recorder_id="b1f0",
            pauses=pauses,
        )


async def test_the_supervisor_gets_what_home_assistant_needs_to_connect() -> None:
    fake = a_supervisor()
    async with serving(fake) as url:
        uuid = await announce(url, pauses=[])
    assert fake.messages == {
        uuid: {
            "service": "safe_community",
            "config": {
                "host": "0a1b2c3d-safe-community-recorder",
                "port": 8710,
                "token": RECORDER_TOKEN,
                "recorder_id": "b1f0",
            },
        }
    }


async def test_it_tries_again_until_the_supervisor_takes_the_message() -> None:
    fake = a_supervisor(HTTPStatus.BAD_GATEWAY, HTTPStatus.BAD_REQUEST)
    async with serving(fake) as url:
        uuid = await announce(url, pauses=[0.0, 0.0])
    assert fake.attempts == 3
    assert list(fake.messages) == [uuid]


async def test_it_waits_for_a_supervisor_that_is_not_there_yet(unused_tcp_port: int) -> None:
    fake = a_supervisor()
    announcing = asyncio.create_task(announce(f"http://127.0.0.1:{unused_tcp_port}", pauses=[0.05] * 200))
    await asyncio.sleep(0.1)
    assert not announcing.done()
    async with serving(fake, port=unused_tcp_port):
        assert await announcing in fake.messages


@pytest.mark.parametrize(
    ("supervisor_token", "discovery", "words"),
    [
        ("of-somebody-else", ("safe_community",), "403"),
        (SUPERVISOR_TOKEN, ("mqtt",), "Apps must list services"),
    ],
    ids=["wrong token", "service not listed by the app"],
)
async def test_a_refusal_says_why_and_shows_no_token(
    supervisor_token: str, discovery: tuple[str, ...], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(a_supervisor(discovery=discovery)) as url:
        with pytest.raises(SupervisorRefusal, match=words):
            await announce(url, pauses=[0.0], supervisor_token=supervisor_token)
    refused = [record for record in caplog.records if record.getMessage() == "announcement refused"]
    assert [words in vars(record)["problem"] for record in refused] == [True]
    told = " ".join(str(vars(record)) for record in caplog.records)
    assert RECORDER_TOKEN not in told
    assert supervisor_token not in told


def test_pauses_between_attempts_grow_to_a_limit() -> None:
    assert list(islice(supervisor.growing_pauses(1, 8), 6)) == [1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ({"storage": "data"}, Options(storage="data")),
        ({"storage": "share", "log_level": "debug"}, Options(storage="share", log_level="debug")),
        ({}, Options(storage="data", log_level="info")),
    ],
)
def test_options_are_read_as_the_supervisor_wrote_them(
    written: dict[str, str], options: Options, tmp_path: Path
) -> None:
    (tmp_path / "options.json").write_text(json.dumps(written))
    assert supervisor.read_options(tmp_path / "options.json") == options


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"storage": "moon"}', "one of data, share was expected, not 'moon'"),
        ('{"storage": ["data"]}', "one of data, share was expected"),
        ('{"log_level": "loud"}', "option log_level: one of debug, info, warning, error was expected, not 'loud'"),
        ("[]", "a JSON object"),
        ("{", "as JSON"),
        (None, "No such file"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_the_reason(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(OptionsError, match=words):
        supervisor.read_options(path)


def test_the_recorder_starts_with_what_the_owner_chose() -> None:
    in_data, in_share = (" ".join(supervisor.command_line(Options(storage=storage))) for storage in ("data", "share"))
    assert "--archive /data/archive " in in_data
    assert "--archive /share/safe_community/archive " in in_share
    assert "--log-level debug" in " ".join(supervisor.command_line(Options(log_level="debug")))


def test_without_options_the_app_ends_with_the_code_that_halts_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "safe_community_recorder.supervisor"],
        cwd=Path(supervisor.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "/data/options.json" in ended.stderr
