"""Sessions of an agent that is an HTTP server: what the session owes such an agent, with a stand-in for opencode."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE
from ..commanded import CommandedDaemon
from ..house import Event, House, check_history, events_of, said

TIME_LIMIT = PATIENCE  # seconds for everything that a test does


class Serving(House):
    """A house with one session of the stand-in."""

    log: EventLog

    async def until_ended(self, turns: int = 1) -> list[Event]:
        await self.until_type(self.log, "turn.ended", turns)
        return events_of(self.log)


@asynccontextmanager
async def serving(home: Path, *, variables: dict[str, str] | None = None, **settings: Any) -> AsyncIterator[Serving]:
    """When the block ends, no process is left."""
    program = home / "opencode"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {Path(__file__).with_name("serving_agent.py")} "$@"\n')
    program.chmod(0o700)
    environment = {"PATH": f"{home}:{os.environ['PATH']}", "HOME": str(home), "SIGN": str(home), **(variables or {})}
    house = Serving(CommandedDaemon(Settings(**{"tail_bytes": 1 << 26, **settings}), environment), f"SIGN={home}")
    with trio.fail_after(TIME_LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(house.daemon.run)
            # The stand-in runs nothing that would hide the project's configuration from it.
            request = CreateSessionRequest(agent="opencode", directory=str(home), workspace_trust="trusted")
            await house.daemon.create_session("s", request)
            house.log = await house.daemon.log("s")
            yield house
            await house.daemon.stop()
            check_history(events_of(house.log))
    assert not house.agents_alive()


def words(events: list[Event]) -> list[str]:
    done = [event["data"]["item"] for event in events if event["type"] == "item.completed"]
    return [item["content"][0]["text"] for item in done if item["kind"] == "message" and item["role"] == "assistant"]


def outcomes(events: list[Event]) -> list[str]:
    return [event["data"]["metadata"]["outcome"] for event in events if event["type"] == "turn.ended"]


async def test_turns_run_one_after_the_other(tmp_path: Path):
    async with serving(tmp_path) as house:
        await house.send("one")
        await house.send("two")
        events = await house.until_ended(2)
        assert words(events) == ["echo: one", "echo: two"]
        assert not [said(event) for event in events if event["type"] in ("error", "agent.unparsed")]


async def test_what_was_said_while_the_stream_was_broken_is_read_again(tmp_path: Path):
    async with serving(tmp_path) as house:
        await house.send("break")
        await house.send("after")
        events = await house.until_ended(2)
        assert words(events) == ["echo: break", "echo: after"]
        assert outcomes(events) == ["completed", "completed"]


async def test_a_flood_of_events_arrives_whole(tmp_path: Path):
    async with serving(tmp_path) as house:
        await house.send("flood 5000")
        events = await house.until_ended()
        assert sum(event["type"] == "item.delta" for event in events) == 5000


async def test_a_server_that_dies_in_mid_turn_is_started_again_and_its_conversation_resumed(tmp_path: Path):
    async with serving(tmp_path) as house:
        await house.send("die")
        assert outcomes(await house.until_ended()) == ["failed"]
        await house.send("again")
        events = await house.until_ended(2)
        assert words(events) == ["echo: again"]
        assert [said(event) for event in events if event["type"] == "error"] == ["error process_exit"]


async def test_a_conversation_that_the_server_has_lost_is_told_and_a_fresh_one_begins(tmp_path: Path):
    async with serving(tmp_path, variables={"FORGETFUL": "1"}) as house:
        await house.send("die")
        await house.until_ended()
        await house.send("again")
        events = await house.until_ended(2)
        assert words(events) == ["echo: again"]
        assert "error resume_failed" in map(said, events)


async def test_a_server_that_answers_no_call_does_not_keep_its_session_from_ending(tmp_path: Path):
    async with serving(tmp_path, interrupt_timeout=0.3) as house:
        await house.send("hang")
        await house.until_type(house.log, "turn.started")
        await house.daemon.interrupt("s")
        events = await house.until_ended()
        assert outcomes(events) == ["interrupted"]
        assert "error interrupt_timeout" in map(said, events)
        await house.send("again")
        assert words(await house.until_ended(2)) == ["echo: again"]
        await house.send("hang")
        await house.until_type(house.log, "turn.started", 3)
        await house.daemon.terminate("s")
        assert not house.agents_alive()
