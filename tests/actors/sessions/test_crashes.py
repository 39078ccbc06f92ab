"""Bugs of ours: an actor that crashes is contained, closed cleanly and started again; beyond its intensity, failed.

A message that no actor knows is the crash: it takes the same way as any other exception in a handler.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.journal.sqlite import SqliteStore
from sandbox_agent.actors.kernel.mailbox import ActorCrashed, Mailbox, Request
from sandbox_agent.actors.sessions.registry import Find
from sandbox_agent.schema.api.sessions import SessionInfo
from sandbox_agent.schema.problems import Problem

from ...patience import PATIENCE
from ..house import House, events_of, house, said


class Nonsense(Request[None]):
    """No actor understands this."""


async def crash(mailbox: Mailbox) -> None:
    with pytest.raises(ActorCrashed):
        await mailbox.ask(Nonsense())


async def sessions(h: House) -> tuple[SessionInfo, ...]:
    """Empty while the registry starts again."""
    with suppress(Problem):
        return (await h.daemon.list_sessions()).sessions
    return ()


async def session_mailbox(h: House, session_id: str = "s") -> Mailbox:
    found = await h.daemon._registry.ask(Find(session_id))
    assert found.mailbox is not None
    return found.mailbox


async def test_a_session_that_crashes_in_mid_turn_closes_the_turn_and_goes_on():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await crash(await session_mailbox(h))
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended failed"
        assert h.agents_alive() == []
        tail = [said(e) for e in events_of(log)][-4:]
        assert tail == [
            "error session_restarted",
            "permission.resolved mock_1_permission reject",
            "permission.resolved mock_1_permission_denied reject",
            "turn.ended failed",
        ]
        assert (await h.daemon.pending_permissions()).permissions == ()
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"


async def test_a_session_that_keeps_crashing_is_failed_and_the_others_do_not_notice():
    async with house(actor_restarts=2, restart_backoff=0.01) as h:
        log, other = await h.create(), await h.create("other")
        await h.send("hang")
        await h.until_type(log, "turn.started")
        mailbox = await session_mailbox(h)
        for _ in range(3):
            await crash(mailbox)
        ended = await h.until_type(log, "session.ended")
        assert said(ended) == "session.ended error daemon"
        await h.until_status("failed")
        assert said((await h.turn(other, "echo fine", "other"))[-1]) == "turn.ended completed"
        assert len(h.agents_alive()) == 1


async def test_a_registry_that_crashes_brings_its_sessions_back_with_their_logs():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "echo 1")
        await h.create("gone")
        await h.daemon.terminate("gone")
        await crash(h.daemon._registry)
        with trio.fail_after(PATIENCE):
            infos = {info.session_id: info for info in (await h.daemon.list_sessions()).sessions}
        assert infos["gone"].status == "ended"
        assert (await h.daemon.log("s")) is log
        assert said((await h.turn(log, "echo 2"))[-1]) == "turn.ended completed"


async def test_a_broker_that_crashes_rejects_what_was_pending_and_allows_nothing():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await crash(h.daemon._broker)
        await h.until_type(log, "turn.ended")
        resolved = [e["data"]["status"] for e in events_of(log) if e["type"] == "permission.resolved"]
        assert resolved == ["reject", "reject"]
        assert (await h.daemon.pending_permissions()).permissions == ()
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"


async def test_prompts_that_wait_survive_a_crash_of_their_session():
    async with house() as h:
        log = await h.create()
        await h.send("hang")
        turns = [await h.send(f"echo {n}") for n in (1, 2)]
        await h.until_type(log, "turn.started")
        await crash(await session_mailbox(h))
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turns[-1])
        outcomes = [(e["data"]["turn_id"], said(e)) for e in events_of(log) if e["type"] == "turn.ended"]
        assert outcomes == [
            ("turn_1", "turn.ended failed"),
            ("turn_2", "turn.ended completed"),
            ("turn_3", "turn.ended completed"),
        ]


async def test_no_turn_id_is_given_out_twice_by_the_lives_of_a_session():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "echo 1")
        await crash(await session_mailbox(h))
        assert await h.send("echo 2") == "turn_2"
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == "turn_2")


async def test_a_session_whose_deletion_the_journal_could_not_keep_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that fails starts again, and with it the registry that had hidden the session."""

    def fail(store: SqliteStore, *_: object) -> None:
        monkeypatch.undo()
        raise sqlite3.IntegrityError("a bug of ours")

    async with house(data_dir=str(tmp_path)) as h:
        log = await h.create()
        await h.turn(log, "echo one")
        monkeypatch.setattr(SqliteStore, "delete", fail)
        with pytest.raises(Problem):
            await h.daemon.delete_session("s")
        with trio.fail_after(PATIENCE):
            while [info.session_id for info in await sessions(h)] != ["s"]:
                await trio.sleep(0.01)
        await h.daemon.delete_session("s")
        assert await sessions(h) == ()
