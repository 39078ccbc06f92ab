"""Whatever codex says, the dialect answers with effects: it never raises, and the ledger keeps its promises."""

from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.agents.effects import Draft, Effect, ItemDelta, Unparsed
from sandbox_agent.schema.agents.ledger import Ledger

from ..cost import cost
from ..mangling import EXAMPLES, mangled, nothing
from .spec import SPEC

TRANSCRIPTS = [
    [line for line in path.read_text().splitlines() if line[0] in "<>"]
    for path in sorted((Path(__file__).parent / "playbooks").glob("*.txt"))
]
LINES = [line[2:].encode() for transcript in TRANSCRIPTS for line in transcript if line.startswith("< ")]
MESSAGES = [msgspec.json.decode(line) for line in LINES]
KEPT = ("method", "id")


class Listener:
    """What a session does with a dialect: it carries out every effect, and answers every ask."""

    def __init__(self) -> None:
        self.dialect, self.ledger = Codex(SPEC), Ledger()
        self.prompts = 0

    def perform(self, effects: Any) -> None:
        for effect in effects:
            assert isinstance(effect, get_args(Effect))
            if isinstance(effect, get_args(Draft)):
                list(self.ledger.apply(effect))  # type: ignore[arg-type]

    def hear(self, line: bytes) -> None:
        self.perform(self.dialect.receive(line))
        for approval_id in list(self.dialect._approvals._open):
            self.perform(self.dialect.answer_permission(approval_id, "always"))
            self.perform(self.dialect.answer_question(approval_id, [["a"], [], ["b"]]))
        assert isinstance(repr(self.dialect), str)

    def prompt(self) -> None:
        if self.ledger.turn is None:
            self.prompts += 1
            self.perform(self.dialect.prompt(Prompt(self.prompts, "hi")))


def hear(lines: list[bytes]) -> None:
    listener = Listener()
    listener.perform(listener.dialect.begin())
    for number, line in enumerate(lines, 1):
        listener.hear(line)
        if number % 3 == 0:
            listener.prompt()
        elif number % 5 == 0:
            listener.perform(listener.dialect.interrupt())


@settings(max_examples=EXAMPLES // 3)
@given(st.sampled_from(TRANSCRIPTS), st.data())
def test_real_conversations_with_some_lines_mangled(transcript: list[str], data: st.DataObject):
    """In the right order, so that the dialect is in the state in which such a line comes."""
    listener = Listener()
    spoilt = data.draw(st.sets(st.integers(0, len(transcript) - 1), max_size=4))
    for number, line in enumerate(transcript):
        match line.split(" ", 2):
            case ["<", *_]:
                said = line[2:].encode()
                if number in spoilt:
                    said = data.draw(mangled([msgspec.json.decode(said)], KEPT))
                listener.hear(said)
            case [">", "begin"]:
                listener.perform(listener.dialect.begin())
            case [">", "prompt", *_]:
                listener.prompt()
            case [">", "interrupt"]:
                listener.perform(listener.dialect.interrupt())
            case _:
                pass


@settings(max_examples=EXAMPLES)
@given(st.lists(mangled(MESSAGES, KEPT), min_size=1, max_size=12))
def test_real_lines_with_members_replaced_or_missing(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=30))
def test_real_lines_in_any_order(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES)
@given(st.lists(nothing, max_size=5))
def test_lines_that_are_nothing_at_all(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(LINES), st.data())
def test_lines_that_are_cut_off(line: bytes, data: st.DataObject):
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    (effect,) = Codex(SPEC).receive(cut)
    assert isinstance(effect, Unparsed)


def test_a_delta_costs_little_more_than_its_json():
    dialect = Codex(SPEC)
    delta = next(line for line in LINES if b'"item/agentMessage/delta"' in line)
    assert isinstance(dialect.receive(delta)[0], ItemDelta)
    assert cost(dialect.receive, delta) < 4
