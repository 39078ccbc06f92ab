"""While the journal cannot be written: nothing is acknowledged, waits for long, is lost or done twice."""

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from sandbox_agent.actors.commands import Commands
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.outage import Outage
from sandbox_agent.schema.api.commands import (
    Command,
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    TerminateCommand,
)
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.problems import Problem

from ...patience import PATIENCE
from ..house import House, house
from .full_disk import no_room

on_disk = partial(house, ephemeral=False, journal_patience=0.2, journal_retry=0.05)


async def until_unwritable(h: House) -> None:
    while h.daemon.health().accepting:
        await trio.sleep(0.005)


async def until_writable(h: House) -> None:
    while not h.daemon.health().accepting:
        await trio.sleep(0.005)


async def prompts_in(log: EventLog) -> list[str]:
    events = [json.loads(e.plain) for e in (await log.read(log.first - 1, 1 << 20)).events]
    items = [e["data"]["item"] for e in events if e["type"] == "item.completed"]
    return [item["content"][0]["text"] for item in items if item.get("role") == "user"]


async def refused(outcome: str, call) -> Problem:
    with pytest.raises(Problem) as caught:
        await call
    problem = caught.value
    assert (problem.status, problem.kind, problem.body()["outcome"]) == (503, "journal_unavailable", outcome)
    assert problem.headers["Retry-After"]
    return problem


async def test_a_command_that_was_under_way_is_answered_in_time_and_done_once(tmp_path: Path):
    async with on_disk(data_dir=str(tmp_path)) as h, trio.open_nursery() as nursery:
        commands = Commands(h.daemon, nursery)
        log = await h.create()
        await h.turn(log, "echo one")
        with no_room(tmp_path):
            answer = await commands.execute("s", MessageCommand("echo two"), "key")
            assert answer.problem is not None
            assert (answer.problem.kind, answer.problem.body()["outcome"]) == ("journal_unavailable", "unknown")
            again = await commands.execute("s", MessageCommand("echo two"), "key")
            assert again.problem is not None
            # Reads go on, and so does what they are about.
            assert (await h.daemon.list_sessions()).sessions[0].session_id == "s"
            assert (await log.read(0, 1 << 20)).events
            health = h.daemon.health()
            assert not health.accepting
            assert str(tmp_path) in health.problems[0]
            before = log.last
        await until_writable(h)
        answer = await commands.execute("s", MessageCommand("echo two"), "key")
        assert (answer.problem, answer.replayed) == (None, True)
        await h.until_type(log, "turn.ended", 2)
        assert log.last > before
        assert [text for text in await prompts_in(log) if "two" in text] == ["echo two"]


async def test_new_commands_are_refused_at_once_and_nothing_of_them_happens(tmp_path: Path):
    async with on_disk(data_dir=str(tmp_path), journal_patience=0.05) as h:
        log = await h.create()
        await h.turn(log, "echo one")
        with no_room(tmp_path):
            await refused("unknown", h.daemon.create_session("new", CreateSessionRequest("mock")))
            await until_unwritable(h)
            await refused("refused", obey(h, MessageCommand("echo two")))
            await refused("refused", h.daemon.create_session("t", CreateSessionRequest("mock")))
            await refused("refused", obey(h, InterruptCommand()))
            await refused("refused", h.daemon.delete_session("s"))
            await refused("refused", obey(h, PermissionReplyCommand("p", "once")))
            await refused("refused", obey(h, QuestionRejectCommand("q")))
        await until_writable(h)
        await h.turn(log, "echo three")
        assert await prompts_in(log) == ["echo one", "echo three"]
        # What could not be created was taken back, so its id is free.
        refusals: set[str] = set()
        with trio.fail_after(PATIENCE):
            while "new" not in {info.session_id for info in (await h.daemon.list_sessions()).sessions}:
                try:
                    await h.create("new")
                except Problem as problem:
                    refusals.add(problem.kind)
        assert refusals <= {"journal_unavailable"}  # what never was does not exist already
        await h.turn(await h.daemon.log("new"), "echo", "new")


async def test_terminate_ends_the_processes_though_it_cannot_be_written(tmp_path: Path):
    async with on_disk(data_dir=str(tmp_path)) as h, trio.open_nursery() as nursery:
        commands = Commands(h.daemon, nursery)
        log = await h.create()
        await h.create("other")
        await h.send("hang")
        await h.until_type(log, "turn.started")
        with no_room(tmp_path):
            # Its session waits for the journal, and hears nobody.
            await refused("unknown", obey(h, MessageCommand("echo")))
            assert len(h.agents_alive()) == 2
            await refused("unknown", obey(h, TerminateCommand()))
            with trio.fail_after(PATIENCE):
                while len(h.agents_alive()) > 1:
                    await trio.sleep(0.02)
        with trio.fail_after(PATIENCE):
            await h.until_status("ended")
        assert (await commands.execute("s", TerminateCommand(), None)).problem is None
        other = await h.daemon.log("other")
        await h.turn(other, "echo", "other")


async def test_a_stop_during_an_outage_waits_for_nothing_and_the_next_life_goes_on(tmp_path: Path):
    with ExitStack() as full:
        # A stop that waited for the journal would take an hour.
        async with on_disk(data_dir=str(tmp_path), shutdown_timeout=3600) as h:
            log = await h.create()
            await h.turn(log, "echo one")
            last = log.last
            full.enter_context(no_room(tmp_path))
            await refused("unknown", obey(h, MessageCommand("echo two")))
            assert h.agents_alive()
    async with on_disk(data_dir=str(tmp_path)) as h:
        log = await h.daemon.log("s")
        assert log.last >= last
        assert await prompts_in(log) == ["echo one"]
        await h.send("echo three")
        await h.until_status("idle")


async def obey(h: House, command: Command) -> None:
    async with trio.open_nursery() as nursery:
        answer = await Commands(h.daemon, nursery).execute("s", command, None)
    if answer.problem is not None:
        raise answer.problem


async def test_an_outage_that_ends_in_time_is_not_noticed(autojump_clock: MockClock):
    outage = Outage(2.0)
    with outage.bounded():
        outage.begin("full")
        await trio.sleep(1.9)
        outage.end()
        await trio.sleep(100)
    outage.begin("full")
    outage.begin("full")
    began = trio.current_time()
    with pytest.raises(Problem, match="full"), outage.bounded():
        await trio.sleep(100)
    assert trio.current_time() - began == 2.0
    assert repr(outage) == "<Outage since 'full', 0 waiting>"
    with pytest.raises(Problem, match="nothing was done"):
        outage.check()
