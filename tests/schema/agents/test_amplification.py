"""What an agent says costs little more than it is: lines that would become many times as large are told in bounds."""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.interface import SessionRow
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.sessions.event_recorder import RAW_COPIES, EventRecorder
from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.amp.files import called_files, plain_diff
from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.codex.tools import LONGEST_UNWRAPPED, bare_command
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.agents.json_lines import MOST_PARTS
from sandbox_agent.schema.agents.ledger import MOST_OPEN_ITEMS, Ledger
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.bounds import MAX_ITEM_ID, MAX_NAME, bounded_id
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.redaction.redactor import Redactor

from ..playbook import DRAFTS
from .amp import spec as amp_spec
from .claude import spec as claude_spec
from .codex import spec as codex_spec
from .mock.test_dialect import mock
from .opencode.talk import OWN, answering, message

LONG = "x" * 1_000_000
HALF = LONG[:500_000]
MAX_RAW = 1 << 18


def said(**members: Any) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode()


def claude(*content: Any, message_id: str = "m", **members: Any) -> bytes:
    return said(type="assistant", message={"id": message_id, "content": content}, **members)


def claude_event(**event: Any) -> bytes:
    return said(type="stream_event", event=event)


def codex(method: str, **params: Any) -> bytes:
    return said(method=method, params={"threadId": "t", **params})


def opencode(kind: str, **properties: Any) -> bytes:
    return said(id="evt", type=kind, properties={"sessionID": OWN, **properties})


def part(kind: str, part_id: str = "p", **members: Any) -> bytes:
    described = {"id": part_id, "type": kind, "sessionID": OWN, "messageID": "msg_assistant", **members}
    return opencode("message.part.updated", part=described)


def amp(*content: Any) -> bytes:
    return said(type="assistant", message={"content": content, "stop_reason": "tool_use"})


def in_a_turn(dialect: Any) -> Callable[[bytes], Iterable[Any]]:
    list(dialect.prompt(Prompt(1, "go on")))
    return dialect.receive


SPEAKERS: dict[str, Callable[[], Callable[[bytes], Iterable[Any]]]] = {
    "claude": lambda: in_a_turn(Claude(claude_spec.SPEC)),
    "codex": lambda: in_a_turn(Codex(codex_spec.SPEC)),
    "opencode": lambda: answering()._subject.streamed,
    "amp": lambda: in_a_turn(Amp(amp_spec.SPEC)),
    "mock": lambda: in_a_turn(mock()),
}

MANY = 5 * MOST_PARTS
WORDS = {"type": "text", "text": "x"}
CALL = {"type": "tool_use", "id": LONG, "name": LONG, "input": {}}
STARTED = {"type": "content_block_start", "index": 0, "content_block": WORDS}
DELTA = claude_event(type="content_block_delta", delta={"text": "x"})

ATTACKS: dict[str, tuple[str, Sequence[bytes], float]] = {
    "claude, a message of many blocks": ("claude", [claude(*[WORDS] * MANY)], 12),
    "claude, many results in one line": (
        "claude",
        [said(type="user", message={"content": [{"type": "tool_result", "tool_use_id": str(n)} for n in range(MANY)]})],
        8,
    ),
    "claude, a long id of a message": ("claude", [claude(*[WORDS] * 20, message_id=LONG)], 0.2),
    "claude, a long id that streams": (
        "claude",
        [claude_event(type="message_start", message={"id": LONG}), claude_event(**STARTED), *[DELTA] * 50],
        0.2,
    ),
    "claude, a long id and name of a tool": ("claude", [claude(CALL)], 0.2),
    "claude, a long type": ("claude", [said(type=LONG)], 0.2),
    "claude, a long message": ("claude", [claude({"type": "text", "text": LONG})], 2.1),
    "claude, a long result": (
        "claude",
        [said(type="user", message={"content": [{"type": "tool_result", "tool_use_id": "t", "content": LONG}]})],
        1.1,
    ),
    "codex, a long id of an item": (
        "codex",
        [codex("item/started", item={"id": LONG, "type": "commandExecution", "command": "ls"})],
        0.2,
    ),
    "codex, a long id that streams": (
        "codex",
        [codex("item/agentMessage/delta", itemId=LONG[:10_000], delta="x") for _ in range(20)],
        1.1,
    ),
    "codex, a long message": (
        "codex",
        [codex("item/completed", item={"id": "a", "type": "agentMessage", "text": LONG})],
        2.1,
    ),
    "opencode, a long id of a part": ("opencode", [part("subtask", LONG)], 0.2),
    "opencode, a long name of a tool": ("opencode", [part("tool", tool=LONG, callID=LONG)], 0.2),
    "amp, a message of many blocks": ("amp", [amp(*[WORDS] * MANY)], 12),
    "amp, a message of many blocks that nobody understands": ("amp", [amp(*[0] * 100_000)], 1.1),
    "amp, a long id and name of a tool": ("amp", [amp(CALL)], 0.2),
    "mock, a long id": ("mock", [said(type="delta", id=LONG[:10_000], text="x")] * 20, 1.1),
    "mock, a long code of an error": ("mock", [said(type="error", code=LONG, message="x")], 0.2),
    "mock, a long message": (
        "mock",
        [
            said(
                type="item_completed",
                id="a",
                kind="message",
                role="assistant",
                content=[{"type": "text", "text": LONG}],
            )
        ],
        2.1,
    ),
}
"""Who says it, what, and the bytes of journal that one byte of it may cost."""


def recorder() -> EventRecorder:
    row = SessionRow("s", "log", CreateSessionRequest(agent="mock"), "/", 0)
    return EventRecorder(row, EventLog("log", 0), Codec(), Clock(), Redactor(), max_raw_bytes=MAX_RAW)


def kept(agent: str, lines: Iterable[bytes]) -> Sequence[EncodedEvent]:
    writer, hear = recorder(), SPEAKERS[agent]()
    for line in lines:
        for effect in hear(line):
            if isinstance(effect, DRAFTS):
                writer.draft(effect)
    return writer.take()


def size(events: Iterable[EncodedEvent]) -> int:
    return sum(len(event.full) for event in events)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_line_costs_little_more_than_it_is(attack: str):
    agent, lines, most = ATTACKS[attack]
    events = kept(agent, lines)
    assert events
    assert size(events) < most * sum(map(len, lines)) + 20_000


def test_the_raw_of_a_line_stands_with_each_of_its_events_while_that_is_little():
    line = claude({"type": "text", "text": "hi"}, {"type": "text", "text": "there"})
    assert {event.raw for event in kept("claude", [line])} == {line, None}


def test_a_long_raw_is_kept_once_and_its_other_events_name_the_one_that_has_it():
    line = claude(*[{"type": "text", "text": "x" * 5000}] * 30)
    raws = [event for event in kept("claude", [line]) if event.raw is not None]
    assert raws[0].raw == line
    for event in raws[1:]:
        assert json.loads(event.raw or b"") == {
            "truncated": True,
            "bytes": len(line),
            "same_as": f"evt_{raws[0].sequence}",
        }
    assert len(line) > RAW_COPIES


def test_what_is_left_out_of_a_message_is_told():
    events = kept("claude", [claude(*[WORDS] * (MOST_PARTS + 7))])
    assert [event.type for event in events].count("item.completed") == MOST_PARTS
    told = json.loads(events[-1].plain)
    assert told["type"] == "agent.unparsed"
    assert f"{MOST_PARTS + 7} parts, of which the first {MOST_PARTS} are told" in told["data"]["error"]


def test_a_long_id_is_told_as_its_beginning_and_a_digest_and_still_names_one_thing():
    ids = [LONG, LONG + "y", "z" + LONG, "x" * MAX_ITEM_ID]
    bounded = [bounded_id(native_id) for native_id in ids]
    assert len(set(bounded)) == len(ids)
    assert bounded[-1] == ids[-1]
    assert all(len(short) <= MAX_ITEM_ID for short in bounded)
    assert [bounded_id(short) for short in bounded] == bounded
    assert bounded_id("\ud800" * 1000)
    call = {"type": "tool_use", "id": LONG, "name": LONG, "input": {}}
    result = {"type": "tool_result", "tool_use_id": LONG, "content": "done"}
    events = kept("claude", [claude(call), said(type="user", message={"content": [result]})])
    items = [json.loads(event.plain)["data"]["item"] for event in events if event.type == "item.completed"]
    assert items[0]["content"][0]["call_id"] == items[1]["content"][0]["call_id"] == items[0]["native_item_id"]
    assert items[1]["parent_id"] == items[0]["item_id"]
    assert len(items[0]["content"][0]["name"]) <= MAX_NAME


def test_items_that_are_never_completed_are_closed_when_they_are_too_many():
    lines = [codex("item/agentMessage/delta", itemId=str(n), delta="x") for n in range(MOST_OPEN_ITEMS + 10)]
    completed = [json.loads(event.plain) for event in kept("codex", lines) if event.type == "item.completed"]
    assert [event["data"]["item"]["native_item_id"] for event in completed] == list(map(str, range(10)))
    assert {event["data"]["item"]["status"] for event in completed} == {"failed"}


HOARDS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "codex, messages that go on and on": (
        "codex",
        lambda n: codex("item/agentMessage/delta", itemId=str(n), delta=HALF),
    ),
    "codex, patches that are never done": (
        "codex",
        lambda n: codex(
            "item/started",
            item={"id": str(n), "type": "fileChange", "changes": [{"path": "p", "diff": HALF}]},
        ),
    ),
    "codex, tools that print and are never done": (
        "codex",
        lambda n: (
            codex("item/commandExecution/outputDelta", itemId=str(n // 2), delta=HALF)
            if n % 2
            else codex("item/started", item={"id": str(n // 2), "type": "commandExecution", "command": "ls"})
        ),
    ),
    "opencode, tools that are never done": (
        "opencode",
        lambda n: part("tool", str(n), callID=str(n), state={"status": "running", "input": {"a": LONG}}),
    ),
    "opencode, what tools print": (
        "opencode",
        lambda n: part("tool", str(n), callID=str(n), state={"status": "running", "metadata": {"output": LONG}}),
    ),
    "opencode, messages": ("opencode", lambda n: opencode("message.updated", info=message("assistant", LONG + str(n)))),
    "amp, calls without results": (
        "amp",
        lambda n: amp({"type": "tool_use", "id": str(n), "name": "Bash", "input": {"cmd": LONG}}),
    ),
    "claude, files without results": (
        "claude",
        lambda n: claude({"type": "tool_use", "id": str(n), "name": "Read", "input": {"file_path": LONG}}),
    ),
    "claude, speakers": ("claude", lambda n: claude(WORDS, message_id=LONG, parent_tool_use_id=LONG + str(n))),
}


@pytest.mark.parametrize("hoard", HOARDS)
def test_what_is_remembered_of_an_agent_is_bounded(hoard: str):
    """All of it was kept in memory, as long as the turn did not end."""
    agent, make = HOARDS[hoard]
    ledger, hear = Ledger(), SPEAKERS[agent]()
    tracemalloc.start()
    try:
        for n in range(60):
            for effect in hear(make(n)):
                if isinstance(effect, DRAFTS):
                    for _ in ledger.apply(effect):
                        pass
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 25_000_000, f"{held} bytes"


@pytest.mark.parametrize(
    "work",
    [
        lambda: bare_command("/bin/bash -lc '" + "x " * 200_000 + "'"),
        lambda: bare_command("/bin/bash -lc " + "\\x" * (LONGEST_UNWRAPPED // 2 - 20)),
        lambda: bare_command("'" * 400_001),
        lambda: plain_diff("x\n" * 400_000),
        lambda: called_files("apply_patch", {"patchText": "*** Add File: a" + " " * 100_000 + "b"}),
        lambda: called_files("apply_patch", {"patchText": "*** Add File: " + " " * 100_000}),
    ],
    ids=["a long command", "many escapes", "many quotes", "a diff without names", "a path of blanks", "blanks"],
)
def test_a_long_text_takes_time_by_its_length_alone(work: Callable[[], object]):
    """A command of 1 MB held the loop for 110 s, a diff and a path of blanks for minutes."""
    begun = time.thread_time()
    work()
    assert time.thread_time() - begun < 1
