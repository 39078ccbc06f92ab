"""Credentials and a real daemon: who is refused, and what an agent's process really has in its environment."""

import json
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE
from ..house import events_of, tail

KEY = "sk-ant-fake-key-for-tests"
OTHER_KEY = "sk-fake-openai-key-for-tests"

AGENT = """\
#!{python}
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("1.0.0")
else:
    with open({seen}, "w") as file:
        json.dump(dict(os.environ), file)
    for stream in (sys.stdout, sys.stderr):
        print("my key is", os.environ.get("ANTHROPIC_API_KEY"), file=stream, flush=True)
    sys.exit(1)
"""
"""Stands for claude: it writes its environment down, says its key, and ends."""


class Place:
    def __init__(self, root: Path) -> None:
        self.home, self.work, self.bin = root / "home", root / "work", root / "bin"
        self.seen = root / "seen.json"
        for folder in (self.home, self.work, self.bin):
            folder.mkdir()
        program = self.bin / "claude"
        program.write_text(AGENT.format(python=sys.executable, seen=repr(str(self.seen))))
        program.chmod(0o755)

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": str(self.bin), "HOME": str(self.home), **more}

    @asynccontextmanager
    async def daemon(self, **more: str) -> AsyncIterator[Daemon]:
        daemon = Daemon(Settings(auto_install=False, end_eof=0.2, end_interrupt=0.2), self.environment(**more))
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                await nursery.start(daemon.run)
                yield daemon
                await daemon.stop()

    async def run_agent(self, daemon: Daemon) -> EventLog:
        """Create a session of the agent and wait until it has ended."""
        await daemon.create_session("s", CreateSessionRequest(agent="claude", directory=str(self.work)))
        log = await daemon.log("s")
        seen = 0
        while "error" not in [event["type"] for event in events_of(log)]:
            await log.wait_beyond(seen)
            seen = log.last
        return log

    def agents_environment(self) -> dict[str, str]:
        return json.loads(self.seen.read_text())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_a_session_without_credentials_is_refused_and_leaves_nothing(place: Place):
    async with place.daemon(OPENAI_API_KEY=OTHER_KEY, ANTHROPIC_API_KEY="") as daemon:
        with pytest.raises(Problem) as refused:
            await daemon.create_session("s", CreateSessionRequest(agent="claude", directory=str(place.work)))
        assert (refused.value.kind, refused.value.status) == ("credentials_missing", 424)
        assert (await daemon.list_sessions()).sessions == ()
    assert not place.seen.exists()


async def test_what_is_found_is_added_and_what_is_not_the_agents_is_left_out(place: Place):
    login = place.home / ".local" / "share" / "opencode" / "auth.json"
    login.parent.mkdir(parents=True)
    login.write_text(json.dumps({"anthropic": {"type": "api", "key": KEY}}))
    own = {"SANDBOX_AGENT_TOKEN": "secret-of-the-daemon", "HTTPS_PROXY": "http://proxy", "NODE_EXTRA_CA_CERTS": "/ca"}
    async with place.daemon(OPENAI_API_KEY=OTHER_KEY, AMP_API_KEY="sgamp_1", **own) as daemon:
        await place.run_agent(daemon)
    seen = place.agents_environment()
    assert seen["ANTHROPIC_API_KEY"] == KEY
    assert {"OPENAI_API_KEY", "AMP_API_KEY", "SANDBOX_AGENT_TOKEN"} & set(seen) == set()
    assert (seen["HTTPS_PROXY"], seen["NODE_EXTRA_CA_CERTS"]) == ("http://proxy", "/ca")
    assert OTHER_KEY not in shlex.join(seen.values())


async def test_an_agents_own_login_is_left_to_it(place: Place):
    (place.home / ".claude").mkdir()
    login = {"claudeAiOauth": {"accessToken": "t", "refreshToken": "r", "expiresAt": 1}}
    (place.home / ".claude" / ".credentials.json").write_text(json.dumps(login))
    async with place.daemon(CLAUDE_API_KEY=KEY) as daemon:
        await place.run_agent(daemon)
    assert "ANTHROPIC_API_KEY" not in place.agents_environment()


async def test_a_secret_that_was_handed_over_is_masked_in_what_the_agent_says(place: Place):
    (place.home / ".claude.json.api").write_text(json.dumps({"apiKey": KEY}))
    async with place.daemon() as daemon:
        log = await place.run_agent(daemon)
        said = b"".join(event.full for event in tail(log))
        assert place.agents_environment()["ANTHROPIC_API_KEY"] == KEY
        assert said.count(b"my key is [redacted]") >= 2  # on stdout, and on the terminal of the error
        assert KEY.encode() not in said


async def test_the_list_says_who_has_credentials(place: Place):
    async with place.daemon(OPENAI_API_KEY=OTHER_KEY) as daemon:
        listed = {info.id: info.credentials_available for info in (await daemon.list_agents()).agents}
    wanted = {"claude": False, "codex": True, "opencode": True, "amp": False, "mock": True}
    assert listed == {agent: wanted[agent] for agent in listed}
