"""What codex 0.171.0 really said, and what becomes of it. Recorded by `python -m tests.agents.codex.record`."""

from pathlib import Path

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex

from ..transcript import played
from .spec import SPEC

TRANSCRIPTS = sorted((Path(__file__).parent / "playbooks").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_recorded_conversation_plays_as_it_was_reviewed(path: Path):
    text = path.read_text()
    assert played(text, Codex(SPEC)) == text


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_recorded_conversation_leaves_nothing_unparsed_or_open(path: Path):
    lines = [line.split() for line in path.read_text().splitlines() if line.startswith("=")]
    events = [words[2:] if words[1] == "S" else words[1:] for words in lines]
    assert not [words for words in events if words[0] == "agent.unparsed"]
    for opened, closed in (("turn.started", "turn.ended"), ("item.started", "item.completed")):
        assert sorted(w[1] for w in events if w[0] == opened) == sorted(w[1] for w in events if w[0] == closed)
    assert [words for words in events if words[0] == "turn.ended"]


def test_there_are_transcripts():
    assert len(TRANSCRIPTS) >= 12
