"""Whatever claude says, the dialect answers with effects: it never raises, and the ledger keeps its promises."""

from pathlib import Path
from typing import get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.effects import Draft, Effect, ItemDelta, Unparsed
from sandbox_agent.schema.agents.ledger import Ledger

from ..cost import cost
from ..mangling import EXAMPLES, mangled, nothing
from .spec import SPEC

LINES = [
    line[2:].encode()
    for path in sorted((Path(__file__).parent / "playbooks").glob("*.txt"))
    for line in path.read_text().splitlines()
    if line.startswith("< ")
]
MESSAGES = [msgspec.json.decode(line) for line in LINES]


def hear(lines: list[bytes]) -> None:
    dialect, ledger = Claude(SPEC), Ledger()
    for line in lines:
        for effect in dialect.receive(line):
            assert isinstance(effect, get_args(Effect))
            if isinstance(effect, get_args(Draft)):
                list(ledger.apply(effect))  # type: ignore[arg-type]
        for approval_id in list(dialect._approvals._open):
            list(dialect.answer_permission(approval_id, "always"))
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
    (effect,) = Claude(SPEC).receive(cut)
    assert isinstance(effect, Unparsed)


def test_a_delta_costs_little_more_than_its_json():
    dialect = Claude(SPEC)
    start = b'{"type":"stream_event","event":{"type":"message_start","message":{"id":"m"}}}'
    block = b'{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text"}}}'
    delta = next(line for line in LINES if b'"text_delta"' in line)
    dialect.receive(start)
    dialect.receive(block)
    assert isinstance(dialect.receive(delta)[0], ItemDelta)
    assert cost(dialect.receive, delta) < 4
