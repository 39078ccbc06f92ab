"""A life of a session that ends while it restores what the former one left: it writes nothing, and nothing is given
out twice by the next."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.agents.link import AgentLink
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.interface import SessionRow
from sandbox_agent.actors.sessions.event_recorder import EventRecorder
from sandbox_agent.actors.sessions.kept_row import NotRestored
from sandbox_agent.actors.sessions.registry import Find
from sandbox_agent.actors.sessions.state import SessionState
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.events import SessionEndedData

from ...proof.rules.history import Event
from ..house import House, events_of, house, said

on_disk = partial(house, ephemeral=False)


async def killed_in_mid_turn(data: Path) -> Path:
    """A data directory as a SIGKILL leaves it: two turns behind it, a prompt in its turn, and one that waits."""
    async with on_disk(data_dir=str(data)) as h:
        log = await h.create()
        await h.turn(log, "echo 1")
        await h.turn(log, "echo 2")
        await h.send("sleep 60")
        await h.until_type(log, "turn.started", 3)
        await h.send("echo 4")
        await h.daemon.written("s", log)
        return Path(shutil.copytree(data, data.with_name("killed")))


async def stop_while_it_restores(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    restoring = trio.Event()

    async def wait(recorder: EventRecorder, row: SessionRow) -> None:
        restoring.set()
        await trio.sleep_forever()

    with monkeypatch.context() as patched:
        patched.setattr(EventRecorder, "restore", wait)
        async with on_disk(data_dir=str(data)):
            await restoring.wait()


async def kept(log: EventLog) -> list[Event]:
    return [json.loads(event.plain) for event in (await log.read(0, 1 << 30)).events]


async def turns_ended(log: EventLog, count: int) -> list[str]:
    """Each turn that has ended and how, when there are so many."""
    while True:
        last = log.last
        ended = [e["data"] for e in await kept(log) if e["type"] == "turn.ended"]
        if len(ended) >= count:
            return [f"{data['turn_id']} {data['metadata']['outcome']}" for data in ended]
        await log.wait_beyond(last)


async def check_what_was_left(h: House) -> None:
    """The next life closes the turn, runs what waited and goes on; each id is there once."""
    log = await h.daemon.log("s")
    await turns_ended(log, 4)
    assert await h.send("echo 5") == "turn_5"
    outcomes = ["completed", "completed", "failed", "completed", "completed"]
    assert await turns_ended(log, 5) == [f"turn_{n} {outcome}" for n, outcome in enumerate(outcomes, 1)]
    events = await kept(log)
    assert [e["data"]["turn_id"] for e in events if e["type"] == "turn.started"] == [f"turn_{n}" for n in range(1, 6)]
    items = [e["data"]["item"]["item_id"] for e in events if e["type"] == "item.started"]
    assert items == [f"itm_{n}" for n in range(1, len(items) + 1)]


async def test_a_stop_while_a_session_restores_writes_nothing_however_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = await killed_in_mid_turn(tmp_path / "data")
    for _ in range(2):
        await stop_while_it_restores(data, monkeypatch)
    async with on_disk(data_dir=str(data)) as h:
        await check_what_was_left(h)


async def test_a_crash_while_a_session_restores_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = await killed_in_mid_turn(tmp_path / "data")
    restore, crashes = EventRecorder.restore, iter(range(2))

    async def crash_first(recorder: EventRecorder, row: SessionRow) -> None:
        if next(crashes, None) is not None:
            raise RuntimeError("bug")
        await restore(recorder, row)

    monkeypatch.setattr(EventRecorder, "restore", crash_first)
    async with on_disk(data_dir=str(data), restart_backoff=0.01) as h:
        await check_what_was_left(h)


async def test_a_task_of_a_session_that_crashes_leaves_its_turn_to_the_next_life(monkeypatch: pytest.MonkeyPatch):
    """The session itself is only cancelled by it, in the midst of whatever it does."""
    go = trio.Event()

    async def crash(link: AgentLink) -> None:
        await go.wait()
        raise RuntimeError("bug")

    monkeypatch.setattr(AgentLink, "_watch_limits", crash)
    async with house() as h:
        log = await h.create()
        await h.send("sleep 60")
        await h.until_type(log, "item.started")
        go.set()
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended failed"
        assert "error session_restarted" in [said(e) for e in events_of(log)]


async def test_a_record_that_is_not_restored_refuses_to_change_and_to_write():
    async with house() as h:
        await h.turn(await h.create(), "echo 1")
        found = await h.daemon._registry.ask(Find("s"))
        state = SessionState(h.daemon._context, found.snapshot.row, found.log)
        for verb in (
            lambda: state.accept(Prompt(0, "echo 2")),
            lambda: state.named("another", resumable=True),
            state.agent_restarted,
            state.update,
            lambda: state.end(SessionEndedData("terminated", "daemon")),
        ):
            with pytest.raises(NotRestored, match="is not restored"):
                verb()
        with pytest.raises(NotRestored):
            await state.write()
        assert state._kept.now == found.snapshot.row
        await state.restore()
        assert state.update() == found.snapshot.row


async def test_nobody_but_the_record_can_set_its_row():
    async with house() as h:
        await h.create()
        found = await h.daemon._registry.ask(Find("s"))
        state = SessionState(h.daemon._context, found.snapshot.row, found.log)
        with pytest.raises(AttributeError):
            state.resume = "another"  # type: ignore[misc]
        with pytest.raises(AttributeError):
            state._kept.now = found.snapshot.row  # type: ignore[misc]
