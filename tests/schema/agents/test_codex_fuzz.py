"""Whatever codex says, the dialect answers with effects: it never raises, and the ledger keeps its promises."""

from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_agent.schema.agents.codex import Codex
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.agents.effects import Draft, Effect, ItemDelta, Unparsed
from sandbox_agent.schema.agents.ledger import Ledger

from .codex_spec import SPEC
from .cost import cost

TRANSCRIPTS = [
    [line for line in path.read_text().splitlines() if line[0] in "<>"]
    for path in sorted((Path(__file__).parent / "playbooks" / "codex").glob("*.txt"))
]
LINES = [line[2:].encode() for transcript in TRANSCRIPTS for line in transcript if line.startswith("< ")]
MESSAGES = [msgspec.json.decode(line) for line in LINES]

EXAMPLES = 300

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

quoted = st.binary(max_size=8).map(lambda inner: b'{"method":"%b"}' % inner)
"""JSON but for its characters: msgspec reports bad UTF-8 in a string by another class than bad JSON."""


@st.composite
def mangled(draw: st.DrawFn, messages: st.SearchStrategy[Any] | None = None) -> bytes:
    """A real line of which some members are replaced or gone."""

    def walk(value: Any, depth: int) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(junk)
        if isinstance(value, dict):
            left_out = draw(st.sets(st.sampled_from(sorted(value)), max_size=1)) if value and depth else ()
            return {name: walk(inner, depth + 1) for name, inner in value.items() if name not in left_out}
        if isinstance(value, list):
            return [walk(inner, depth + 1) for inner in value]
        return value

    message = draw(st.sampled_from(MESSAGES) if messages is None else messages)
    kept = ("method", "id")
    return msgspec.json.encode({n: inner if n in kept else walk(inner, 1) for n, inner in message.items()})


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
        for ask_id in list(self.dialect._asks._open):
            self.perform(self.dialect.answer_permission(ask_id, "always"))
            self.perform(self.dialect.answer_question(ask_id, [["a"], [], ["b"]]))
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


@settings(max_examples=EXAMPLES // 3, deadline=None)
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
                    said = data.draw(mangled(st.just(msgspec.json.decode(said))))
                listener.hear(said)
            case [">", "begin"]:
                listener.perform(listener.dialect.begin())
            case [">", "prompt", *_]:
                listener.prompt()
            case [">", "interrupt"]:
                listener.perform(listener.dialect.interrupt())
            case _:
                pass


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(mangled(), min_size=1, max_size=12))
def test_real_lines_with_members_replaced_or_missing(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=30))
def test_real_lines_in_any_order(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.binary(max_size=64) | quoted | junk.map(msgspec.json.encode), max_size=5))
def test_lines_that_are_nothing_at_all(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES, deadline=None)
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
