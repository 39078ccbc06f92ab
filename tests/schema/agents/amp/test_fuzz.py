"""Whatever amp says, the dialect answers with effects: it never raises, and the ledger keeps its promises."""

from pathlib import Path
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.dialect import Prompt
from sandbox_agent.schema.agents.effects import AnswerHook, Draft, Effect, RequestPermission, Unparsed
from sandbox_agent.schema.agents.ledger import Ledger

from ..mangling import EXAMPLES, mangled, nothing, some_junk
from .spec import SPEC

LINES = [
    line[2:].encode()
    for path in sorted((Path(__file__).parent / "playbooks").glob("*.txt"))
    for line in path.read_text().splitlines()
    if line.startswith("< ")
]
MESSAGES = [msgspec.json.decode(line) for line in LINES]


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


@settings(max_examples=EXAMPLES)
@given(st.lists(mangled(MESSAGES, kept=("type",)), min_size=1, max_size=12))
def test_real_lines_with_members_replaced_or_missing(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES)
@given(st.lists(nothing, max_size=5))
def test_lines_that_are_nothing_at_all(lines: list[bytes]):
    hear(lines)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(LINES), st.data())
def test_lines_that_are_cut_off(line: bytes, data: st.DataObject):
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    effects = Amp(SPEC).receive(cut)
    assert [type(effect) for effect in effects] == ([Unparsed] if cut else [])


@settings(max_examples=EXAMPLES)
@given(st.dictionaries(st.sampled_from(["tool", "input", "thread", "toolUseId", "x"]), some_junk))
def test_whatever_a_hook_asks_it_is_answered_or_a_human_is_asked(request: dict[str, Any]):
    (effect,) = Amp(SPEC).hooked("hook_1", request)
    assert isinstance(effect, RequestPermission | AnswerHook)
