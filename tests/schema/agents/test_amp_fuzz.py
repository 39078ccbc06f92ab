"""Whatever amp says, the dialect answers with effects: it never raises, and the ledger keeps its promises."""

from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_agent.schema.agents.amp import Amp
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.agents.effects import AnswerHook, AskPermission, Draft, Effect, Unparsed
from sandbox_agent.schema.agents.ledger import Ledger

from .amp_spec import SPEC

LINES = [
    line[2:].encode()
    for path in sorted((Path(__file__).parent / "playbooks" / "amp").glob("*.txt"))
    for line in path.read_text().splitlines()
    if line.startswith("< ")
]
MESSAGES = [msgspec.json.decode(line) for line in LINES]

EXAMPLES = 300

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

quoted = st.binary(max_size=8).map(lambda inner: b'{"type":"%b"}' % inner)
"""JSON but for its characters: msgspec reports bad UTF-8 in a string by another class than bad JSON."""


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
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

    message = draw(st.sampled_from(MESSAGES))
    return msgspec.json.encode({name: walk(inner, 1) if name != "type" else inner for name, inner in message.items()})


def hear(lines: list[bytes]) -> None:
    dialect, ledger = Amp(SPEC), Ledger()
    dialect.prompt(Prompt(1, "hi"))
    for line in lines:
        for effect in dialect.receive(line):
            assert isinstance(effect, get_args(Effect))
            if isinstance(effect, get_args(Draft)):
                list(ledger.apply(effect))  # type: ignore[arg-type]
        dialect._over = False  # it hears on, so that every line counts
    assert isinstance(repr(dialect), str)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(mangled(), min_size=1, max_size=12))
def test_real_lines_with_members_replaced_or_missing(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.binary(max_size=64) | quoted | junk.map(msgspec.json.encode), max_size=5))
def test_lines_that_are_nothing_at_all(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(LINES), st.data())
def test_lines_that_are_cut_off(line: bytes, data: st.DataObject):
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    effects = Amp(SPEC).receive(cut)
    assert [type(effect) for effect in effects] == ([Unparsed] if cut else [])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(["tool", "input", "thread", "toolUseId", "x"]), junk))
def test_whatever_a_hook_asks_it_is_answered_or_a_human_is_asked(request: dict[str, Any]):
    (effect,) = Amp(SPEC).hooked("hook_1", request)
    assert isinstance(effect, AskPermission | AnswerHook)
