"""Millions of lines that no agent would say: no dialect raises, and what is kept of each is valid UTF-8 and valid JSON.

A seeded share of it runs with every test; ``SANDBOX_AGENT_FUZZ_LINES=3000000`` runs as many lines as that.
"""

import json
import os
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.interface import SessionRow
from sandbox_agent.actors.journal.row_codec import Segment
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.sessions.event_recorder import EventRecorder
from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import HttpResponse, Prompt
from sandbox_agent.schema.agents.effects import CallHttp, NativeSessionNamed, RequestPermission, RequestQuestion, Write
from sandbox_agent.schema.agents.opencode.dialect import OpenCode
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.redaction.redactor import Redactor

from ...schema.agents.amp import spec as amp_spec
from ...schema.agents.claude import spec as claude_spec
from ...schema.agents.codex import spec as codex_spec
from ...schema.agents.mock.test_dialect import mock
from ...schema.agents.opencode import spec as opencode_spec
from ...schema.playbook import DRAFTS

LINES = int(os.environ.get("SANDBOX_AGENT_FUZZ_LINES", "10000"))
"""Over all dialects."""

LIFE = 200
"""Lines that one dialect hears."""

PLAYBOOKS = Path(__file__).parents[2] / "schema" / "agents"

NASTY = (
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00",
    b"\\u0000", b"\xe2\x80\xa8", b"\r", b"\x1b[2J", b'"', b"\\", b"{", b"}", b"[", b"]", b"null", b"-1", b"1e999",
    b"NaN", b"18446744073709551616", b"true", b'""', b"{}", b"[]", b"[" * 200, b'{"a":' * 130,
)  # fmt: skip


@frozen
class Dialect:
    """``make`` makes one that is in a turn; ``hear`` gives it a line."""

    lines: Sequence[bytes]
    make: Callable[[], Any]
    hear: Callable[[Any, bytes], Iterable[Any]]


def said(agent: str, marks: tuple[str, ...]) -> list[bytes]:
    texts = [path.read_text() for path in sorted((PLAYBOOKS / agent / "playbooks").glob("*.txt"))]
    return [line[2:].encode() for text in texts for line in text.splitlines() if line.startswith(marks)]


def in_a_turn(dialect: Any) -> Any:
    list(dialect.begin())
    list(dialect.prompt(Prompt(1, "go on")))
    return dialect


def receive(dialect: Any, line: bytes) -> Iterable[Any]:
    return dialect.receive(line)


def opencode_hears(dialect: Any, line: bytes) -> Iterable[Any]:
    yield from dialect.streamed(line)
    yield from dialect.responded("session", HttpResponse(200, line))
    yield from dialect.receive(line)


def mock_lines() -> list[bytes]:
    return (PLAYBOOKS / "mock" / "playbook.jsonl").read_bytes().splitlines()


DIALECTS = {
    "amp": Dialect(said("amp", ("< ",)), lambda: in_a_turn(Amp(amp_spec.SPEC)), receive),
    "claude": Dialect(said("claude", ("< ",)), lambda: in_a_turn(Claude(claude_spec.SPEC)), receive),
    "codex": Dialect(said("codex", ("< ",)), lambda: in_a_turn(Codex(codex_spec.SPEC)), receive),
    "mock": Dialect(mock_lines(), lambda: in_a_turn(mock()), receive),
    "opencode": Dialect(
        said("opencode", ("~ ", "< ")), lambda: in_a_turn(OpenCode(opencode_spec.SPEC)), opencode_hears
    ),
}


def mutated(line: bytes, others: Sequence[bytes], dice: random.Random) -> bytes:
    text = bytearray(line)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(text) + 1)
        match dice.randrange(9):
            case 0:
                text[at:at] = dice.choice(NASTY)
            case 1:
                text[at : at + dice.randint(1, 20)] = dice.choice(NASTY)
            case 2:
                del text[at : at + dice.randint(1, 40)]
            case 3:
                text[at : at + 1] = bytes([dice.randrange(256)])
            case 4:
                other = dice.choice(others)
                start = dice.randrange(len(other) + 1)
                text[at:at] = other[start : start + dice.randint(1, 200)]
            case 5:  # within a string: what stands there may be skipped
                if (quote := text.find(b'":"', at)) >= 0:
                    text[quote + 3 : quote + 3] = dice.choice(NASTY)
            case 6:  # a value
                if (colon := text.find(b":", at)) >= 0:
                    end = min((e for e in (text.find(b",", colon), text.find(b"}", colon)) if e > 0), default=colon)
                    text[colon + 1 : end] = dice.choice(NASTY)
            case 7:
                with suppress(ValueError):
                    text = bytearray(shuffled(json.loads(bytes(text)), dice))
            case _:
                text = text[:at]
        text = text[: 1 << 16]
    return bytes(text.replace(b"\n", b" "))


def shuffled(value: Any, dice: random.Random) -> bytes:
    """A member more, of a name that nobody reads, with text that nobody decodes."""
    if isinstance(value, dict):
        value = {**value, f"x{dice.randrange(3)}": "@"}
    return (
        json.dumps(value).encode().replace(b'"@"', b'"' + dice.choice((b"\xff", b"\xc3(", b"\xe2\x82", b"ok")) + b'"')
    )


def new_scribe(agent: str) -> EventRecorder:
    row = SessionRow("s", "log", CreateSessionRequest(agent=agent), "/", 0)
    return EventRecorder(row, EventLog("log", 0), Codec(), Clock(), Redactor())


def keep(recorder: EventRecorder, dialect: Any, effects: Iterable[Any]) -> None:
    """As the session does it."""
    for effect in effects:
        match effect:
            case RequestPermission():
                recorder.note("permission.requested", effect.data(), synthetic=False, raw=effect.raw)
                keep(recorder, dialect, dialect.answer_permission(effect.data().permission_id, "once"))
            case RequestQuestion(data, raw):
                recorder.note("question.requested", data, synthetic=False, raw=raw)
                keep(recorder, dialect, dialect.answer_question(data.question_id, None))
            case NativeSessionNamed(native_session_id):
                recorder.name(native_session_id)
            case Write(data=told):
                told.decode()
            case CallHttp(body=body):
                json.loads(body or b"null")
            case _ if isinstance(effect, DRAFTS):
                recorder.draft(effect)
            case _:
                pass


def check(recorder: EventRecorder) -> int:
    """How many events there were."""
    events = recorder.take()
    if events:
        for event in Segment.pack(events).unpack(events[0].sequence):
            frame = event.full
            assert b"\n" not in frame
            json.loads(frame.decode())
    return len(events)


@pytest.mark.parametrize("agent", DIALECTS)
def test_what_is_kept_of_mutated_lines_is_valid_text(agent: str):
    dialect, dice = DIALECTS[agent], random.Random(f"{agent} {LINES}")
    assert dialect.lines
    events = 0
    for _ in range(0, LINES // len(DIALECTS), LIFE):
        speaker, recorder = dialect.make(), new_scribe(agent)
        start = dice.randrange(len(dialect.lines))
        for number in range(LIFE):
            line = dialect.lines[(start + number) % len(dialect.lines)]
            if dice.random() < 0.7:
                line = mutated(line, dialect.lines, dice)
            try:
                keep(recorder, speaker, dialect.hear(speaker, line))
            except Exception as error:
                raise AssertionError(f"{agent} raised {error!r} for {line!r}") from error
            events += check(recorder)
        assert isinstance(repr(speaker), str)
    assert events > LINES // len(DIALECTS) // 20
