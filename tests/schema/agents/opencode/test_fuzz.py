"""Whatever opencode says, the dialect answers with effects: it never raises, and the ledger keeps its promises."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_agent.schema.agents.dialect import HttpResponse, Prompt
from sandbox_agent.schema.agents.effects import CallHttp, Draft, Effect, ItemDelta, Unparsed
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.agents.opencode.dialect import OpenCode

from ..cost import cost
from ..mangling import EXAMPLES, mangled, nothing
from .spec import SPEC

PLAYBOOKS = Path(__file__).parent / "playbooks"
LINES = [line for path in sorted(PLAYBOOKS.glob("*.txt")) for line in path.read_text().splitlines()]
EVENTS = [json.loads(line[2:]) for line in LINES if line.startswith("~ ")]
ANSWERS = [json.loads(line[2:]) for line in LINES if line.startswith("@ ")]


def in_a_turn() -> OpenCode:
    """The session is the one of an event that comes, so that much of what comes is about it."""
    dialect = OpenCode(SPEC)
    dialect.receive(b"opencode server listening on http://127.0.0.1:4096")
    dialect.responded("session", HttpResponse(200, b'{"id":"%b"}' % EVENTS[1]["properties"]["sessionID"].encode()))
    dialect.prompt(Prompt(1, "go on"))
    return dialect


def take(dialect: OpenCode, effects: Any, ledger: Ledger) -> None:
    for effect in effects:
        assert isinstance(effect, get_args(Effect))
        if isinstance(effect, get_args(Draft)):
            list(ledger.apply(effect))
        elif isinstance(effect, CallHttp):
            json.loads(effect.body or b"null")
    assert isinstance(repr(dialect), str)


@settings(max_examples=EXAMPLES)
@given(st.lists(mangled(EVENTS), min_size=1, max_size=12))
def test_real_events_with_members_replaced_or_missing(events: list[bytes]):
    dialect, ledger = in_a_turn(), Ledger()
    for event in events:
        take(dialect, dialect.streamed(event), ledger)
    take(dialect, dialect.interrupt(), ledger)


@settings(max_examples=EXAMPLES)
@given(st.lists(mangled(ANSWERS), min_size=1, max_size=6))
def test_real_answers_with_members_replaced_or_missing(answers: list[bytes]):
    dialect, ledger = in_a_turn(), Ledger()
    for answer in map(msgspec.json.decode, answers):
        if len(answer) == 3 and isinstance(answer[0], str) and isinstance(answer[1], int):
            body = msgspec.json.encode(answer[2])
            take(dialect, dialect.responded(answer[0], HttpResponse(answer[1], body)), ledger)


@settings(max_examples=EXAMPLES)
@given(
    st.sampled_from(["config", "providers", "session", "prompt 1", "abort 1", "status 1", "messages 1", "permission 1",
                     "question 1", "reply per_1"]),
    nothing,
    st.sampled_from([0, 200, 204, 400, 404, 500]),
)  # fmt: skip
def test_answers_that_are_nothing_at_all(call_id: str, body: bytes, status: int):
    take(dialect := in_a_turn(), dialect.responded(call_id, HttpResponse(status, body)), Ledger())


@settings(max_examples=EXAMPLES)
@given(st.lists(nothing, max_size=5))
def test_events_that_are_nothing_at_all(lines: list[bytes]):
    dialect, ledger = in_a_turn(), Ledger()
    for line in lines:
        take(dialect, dialect.streamed(line), ledger)
        take(dialect, dialect.receive(line), ledger)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(EVENTS), st.data())
def test_events_that_are_cut_off(event: Any, data: st.DataObject):
    line = msgspec.json.encode(event)
    (effect,) = in_a_turn().streamed(line[: data.draw(st.integers(0, len(line) - 1))])
    assert isinstance(effect, Unparsed)


def test_a_delta_costs_little_more_than_its_json():
    """Among the first words of a turn that is still going on: after a reasoning part has begun."""
    dialect, text = in_a_turn(), (PLAYBOOKS / "text.txt").read_text()
    events = [line[2:].encode() for line in text.splitlines() if line.startswith("~ ")]
    session_id = json.loads(events[1])["properties"]["sessionID"].encode()
    dialect.responded("session", HttpResponse(200, b'{"id":"%b"}' % session_id))
    dialect.prompt(Prompt(1, "go on"))
    delta = next(event for event in events if b'"message.part.delta"' in event)
    for event in events[: events.index(delta) + 1]:
        dialect.streamed(event)
    assert isinstance(dialect.streamed(delta)[-1], ItemDelta)
    assert cost(dialect.streamed, delta) < 4
