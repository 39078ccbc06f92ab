"""Sessions of an agent that asks through hooks, and whose process ends with a failed turn."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.schema.api.sessions import CreateSessionRequest, PermissionReply
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE
from ..commanded import CommandedDaemon
from ..house import Event, House, check_history, events_of, said

TIME_LIMIT = PATIENCE  # seconds for everything that a test does


class Hooked(House):
    """A house with one session of the stand-in for amp."""

    log: EventLog

    async def until_asked(self, number: int = 1) -> Event:
        return await self.until_type(self.log, "permission.requested", number)

    async def reply(self, asked: Event, reply: PermissionReply) -> None:
        await self.daemon.reply_permission("s", asked["data"]["permission_id"], reply)

    async def until_ended(self, turns: int = 1) -> list[Event]:
        await self.until_type(self.log, "turn.ended", turns)
        return events_of(self.log)


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where private directories are made."""
    path = tmp_path / "private"
    path.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(path))
    return path


@asynccontextmanager
async def hooked(private: Path, permission_mode: str = "default", **settings: Any) -> AsyncIterator[Hooked]:
    """When the block ends, nothing private and no process is left."""
    home = private.parent
    program = home / "amp"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {Path(__file__).with_name("hooked_agent.py")} "$@"\n')
    program.chmod(0o700)
    environment = {
        "PATH": f"{home}:{os.environ['PATH']}", "HOME": str(home), "AMP_API_KEY": "sgamp_fake-key", "SIGN": str(home),
    }  # fmt: skip
    house = Hooked(CommandedDaemon(Settings(**settings), environment), f"SIGN={home}")
    with trio.fail_after(TIME_LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(house.daemon.run)
            # The stand-in runs nothing that would hide the project's configuration from it.
            trusted = {"permission_mode": permission_mode, "workspace_trust": "trusted"}
            request = CreateSessionRequest(agent="amp", directory=str(home), **trusted)
            await house.daemon.create_session("s", request)
            house.log = await house.daemon.log("s")
            yield house
            await house.daemon.stop()
            check_history(events_of(house.log))
    assert not house.agents_alive()
    assert list(private.iterdir()) == []


def outcomes(events: list[Event]) -> list[str]:
    return [event["data"]["metadata"]["outcome"] for event in events if event["type"] == "turn.ended"]


def items(events: list[Event], kind: str) -> list[str]:
    """The text of the completed items of a kind, without the human's."""
    done = [event["data"]["item"] for event in events if event["type"] == "item.completed"]
    parts = [item["content"][0] for item in done if item["kind"] == kind and item["role"] != "user"]
    return [part["output"] if kind == "tool_result" else part["text"] for part in parts]


@pytest.mark.parametrize(
    ("reply", "result"), [("once", "0"), ("always", "0"), ("reject", "2 The user does not allow this.")]
)
async def test_a_human_answers_a_hook(private: Path, reply: PermissionReply, result: str):
    async with hooked(private) as house:
        await house.send("tool ls -l")
        asked = await house.until_asked()
        assert asked["data"]["metadata"]["input"] == {"command": "ls -l"}
        assert asked["data"]["metadata"]["toolUseId"].startswith("TU-")
        await house.reply(asked, reply)
        assert items(await house.until_ended(), "tool_result") == [result]


async def test_after_an_always_the_next_process_is_not_asked_for_either(private: Path):
    async with hooked(private) as house:
        await house.send("tool ls")
        await house.reply(await house.until_asked(), "always")
        await house.send("fail")
        await house.send("tool ls")
        events = await house.until_ended(3)
        assert items(events, "tool_result") == ["0", "0"]
        (_, resolved) = [event["data"] for event in events if event["type"] == "permission.resolved"]
        assert resolved["metadata"]["cause"] == "rule"


async def test_always_for_one_command_grants_no_other(private: Path):
    async with hooked(private) as house:
        await house.send("tool ls")
        await house.reply(await house.until_asked(), "always")
        for number, command in enumerate(("rm", "ls; rm -rf y", "ls && rm -rf y", "ls -l"), 2):
            await house.send(f"tool {command}")
            await house.reply(await house.until_asked(number), "reject")
        events = await house.until_ended(5)
        assert items(events, "tool_result") == ["0"] + ["2 The user does not allow this."] * 4


async def test_accept_edits_accepts_inside_of_the_workspace_and_says_so(private: Path):
    async with hooked(private, "acceptEdits") as house:
        await house.send("edit a.txt")
        events = await house.until_ended()
        assert items(events, "tool_result") == ["0"]
        asked, resolved = (e["data"] for e in events if e["type"].startswith("permission."))
        assert asked["permission_id"] == resolved["permission_id"]
        assert (resolved["status"], resolved["decided_by"]) == ("accept", {"kind": "mode"})
        assert resolved["metadata"]["cause"] == "mode"
        assert (await house.daemon.rules("s")).rules == ()


async def test_accept_edits_asks_about_what_leads_out_of_the_workspace(private: Path):
    work = private.parent
    (work / "link").symlink_to("/etc")
    paths = ("/etc/passwd", "../x", "link/passwd", "link/../etc/new", ".git/hooks/pre-commit")
    async with hooked(private, "acceptEdits") as house:
        for number, path in enumerate(paths, 1):
            await house.send(f"edit {path}")
            await house.reply(await house.until_asked(number), "reject")
        await house.send("tool touch a.txt")
        await house.reply(await house.until_asked(len(paths) + 1), "reject")
        events = await house.until_ended(len(paths) + 1)
        decided = [e["data"]["decided_by"]["kind"] for e in events if e["type"] == "permission.resolved"]
        assert decided == ["local"] * (len(paths) + 1)


async def test_always_for_a_file_is_not_for_what_a_symlink_puts_in_its_place(private: Path):
    work = private.parent
    (work / "a.txt").write_text("x")
    async with hooked(private) as house:
        await house.send("edit a.txt")
        await house.reply(await house.until_asked(), "always")
        await house.send(f"edit {work}/sub/../a.txt")
        await house.until_ended(1)
        await house.reply(await house.until_asked(2), "reject")
        await house.send("edit a.txt")
        events = await house.until_ended(3)
        (*_, granted) = [e["data"] for e in events if e["type"] == "permission.resolved"]
        assert granted["decided_by"]["kind"] == "rule"
        (work / "a.txt").unlink()
        (work / "a.txt").symlink_to("/etc/passwd")
        await house.send("edit a.txt")
        await house.reply(await house.until_asked(4), "reject")
        await house.until_ended(4)
        (work / "a.txt").unlink()
        (work / "other").write_text("x")
        os.link(work / "other", work / "a.txt")
        await house.send("edit a.txt")
        asked = await house.until_asked(5)
        with pytest.raises(Problem, match="cannot be allowed always"):
            await house.reply(asked, "always")
        await house.reply(asked, "reject")
        await house.until_ended(5)


async def test_an_input_that_is_nested_too_deeply_is_shown_as_text(private: Path):
    deep = "[" * 970 + "1" + "]" * 970
    async with hooked(private) as house:
        await house.send(f"deep {deep}")
        asked = await house.until_asked()
        assert asked["data"]["metadata"]["input"] == f'{{"a": {deep}}}'
        await house.reply(asked, "reject")
        assert items(await house.until_ended(), "tool_result") == ["2 The user does not allow this."]


async def test_nobody_answers_in_time(private: Path):
    async with hooked(private, ask_timeout=0.05) as house:
        await house.send("tool ls")
        assert items(await house.until_ended(), "tool_result") == ["2 The user does not allow this."]


async def test_a_process_that_is_done_is_ended_before_the_next_prompt_and_counts_as_no_crash(private: Path):
    async with hooked(private, agent_restarts=2, end_eof=0.05) as house:
        for _ in range(4):
            await house.send("fail")
        await house.send("hello")
        events = await house.until_ended(5)
        assert outcomes(events) == ["failed"] * 4 + ["completed"]
        assert items(events, "message") == ["threads continue: hello"]
        assert [said(event) for event in events if event["type"] == "error"] == ["error agent_error"] * 4


async def test_between_a_failed_turn_and_the_next_prompt_the_session_is_suspended(private: Path):
    async with hooked(private, end_eof=0.05) as house:
        await house.send("fail")
        await house.until_ended()
        await house.until_status("suspended")
        assert list(private.iterdir()) == []


@pytest.mark.parametrize("prompt", ["hang", "tool ls"])
async def test_an_interrupt_is_a_signal_and_no_crash(private: Path, prompt: str):
    async with hooked(private, agent_restarts=1) as house:
        await house.send("hello")
        await house.until_ended()
        await house.send(prompt)
        await house.until_type(house.log, "turn.started", 2)
        if prompt != "hang":
            await house.until_asked()
        assert (await house.daemon.interrupt("s")).interrupted
        await house.send("hello")
        events = await house.until_ended(3)
        assert outcomes(events) == ["completed", "interrupted", "completed"]
        assert not [event for event in events if event["type"] in ("error", "session.ended")]


async def test_a_session_that_is_terminated_leaves_no_hook_and_nothing_private(private: Path):
    async with hooked(private) as house:
        await house.send("tool ls")
        await house.until_asked()
        await house.daemon.terminate("s")
        assert list(private.iterdir()) == []
        assert not house.agents_alive()


async def test_an_agent_that_cannot_be_started_leaves_nothing_private(private: Path):
    async with hooked(private) as house:
        with pytest.raises(Exception, match="takes no model"):
            await house.daemon.create_session("t", CreateSessionRequest(agent="amp", model="gpt-5"))
        assert len(list(private.iterdir())) == 1
