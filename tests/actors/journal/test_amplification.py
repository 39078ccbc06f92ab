"""An agent that says or asks much makes no journal that is many times as large, and no list that nobody reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.actors.sessions.unparsed_lines import KEPT, UnparsedLines
from sandbox_agent.schema.agents.effects import Unparsed

from ..house import events_of, said, tail
from ..obedient import obedient


def size(events: Any) -> int:
    return sum(len(event.full) for event in events)


async def test_many_lines_that_nobody_understands_are_told_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """400 KB of them made a journal of 78 MB."""
    async with obedient(tmp_path, monkeypatch) as h:
        log = await h.create()
        count = 200_000
        events = await h.turn(log, f"sys.stdout.write('x\\n' * {count})")
        assert said(events[-1]) == "turn.ended completed"
        told = [event["data"]["error"] for event in events if event["type"] == "agent.unparsed"]
        assert size(tail(log)) < 2 * count
        together = [int(error.split()[0]) for error in told if " lines of " in error]
        assert len(told) - len(together) + sum(together) == count
        # The next one is told by itself again, when a while has passed or none waits.
        assert "agent.unparsed" in [event["type"] for event in await h.turn(log, "print('y')")]


async def test_a_long_message_is_kept_once_and_of_its_raw_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with obedient(tmp_path, monkeypatch) as h:
        log = await h.create()
        length = 5_000_000
        item = (
            "say(type='item_completed', id='a', kind='message', role='assistant',"
            f" content=[dict(type='text', text='x' * {length})])"
        )
        await h.turn(log, item)
        assert size(tail(log)) < 3.1 * length
        raws = [json.loads(event.raw) for event in tail(log) if event.raw is not None and b'"truncated"' in event.raw]
        assert raws
        for raw in raws:
            assert raw["bytes"] > length
            assert raw["beginning"].startswith('{"type": "item_completed"')
            assert len(raw["beginning"]) == KEPT


async def test_an_agent_that_asks_without_end_is_told_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """600 forged asks were listed."""
    async with obedient(tmp_path, monkeypatch, max_asks=10) as h:
        log = await h.create()
        ask = "say(type='permission', id=f'p{n}', action='file_change', metadata={})"
        question = "say(type='question', id=f'q{n}', question='Which?', options=['A', 'B'])"
        await h.send(f"for n in range(300): {ask}; {question}\nfor n in range(590 + 10): sys.stdin.readline()")
        await h.until(log, lambda event: event["type"] == "question.resolved" and event["sequence"] > 1180)
        assert len((await h.daemon.pending_permissions()).permissions) == 5
        assert len((await h.daemon.pending_questions()).questions) == 5
        resolved = [event["data"] for event in events_of(log) if event["type"].endswith(".resolved")]
        assert len(resolved) == 590
        assert {data["decided_by"]["reason"] for data in resolved} == {"more than 10 open asks"}
        assert {data["decided_by"]["kind"] for data in resolved} == {"daemon"}
        assert {data["status"] for data in resolved} == {"reject", "rejected"}
        await h.daemon.interrupt("s")


async def test_an_agent_whose_asks_are_large_is_told_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """64 of them may have 16 MB each. One that is answered makes room for another."""
    async with obedient(tmp_path, monkeypatch, max_asks_bytes=10_000_000) as h:
        log = await h.create()
        ask = "say(type='permission', id=f'p{n}', action='file_change', metadata=dict(text='x' * 3_000_000))"
        wait = "for _ in range({}): sys.stdin.readline()"
        await h.send(f"for n in range(5): {ask}\n{wait.format(2 + 1)}\nn = 5; {ask}\n{wait.format(4)}")
        await h.until_type(log, "permission.resolved", 2)
        first, *others = [it.permission.permission_id for it in (await h.daemon.pending_permissions()).permissions]
        assert len(others) == 2
        refused = [event["data"]["decided_by"] for event in events_of(log) if event["type"] == "permission.resolved"]
        assert {by["reason"] for by in refused} == {"more than 10000000 bytes of open asks"}
        await h.daemon.reply_permission("s", first, "once")
        last = await h.until_type(log, "permission.requested", 6)
        pending = [it.permission.permission_id for it in (await h.daemon.pending_permissions()).permissions]
        assert pending == [*others, last["data"]["permission_id"]]
        await h.daemon.interrupt("s")


def line(number: int) -> Unparsed:
    return Unparsed("not JSON", "stdout", b"%d" % number + b"x" * 2 * KEPT)


def test_few_lines_are_told_one_by_one_as_they_are():
    lines = UnparsedLines(3, 1, 0)
    for number in range(3):
        assert lines.add(line(number), 0) == line(number)
    assert lines.add(line(3), 0) is None
    assert lines.add(line(4), 0.5) is None
    told = lines.add(line(5), 1)
    assert told is not None
    assert told.error == f"3 lines of {3 * (2 * KEPT + 1)} bytes in all, of which the first is kept: not JSON"
    assert told.raw == line(3).raw[:KEPT]  # pyright: ignore
    assert lines.add(line(6), 1) is None
    assert lines.rest() is not None
    assert lines.rest() is None
    assert lines.add(line(7), 10) == line(7)
