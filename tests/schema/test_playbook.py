"""The playbook helper itself: a test helper that cannot fail would prove nothing."""

import pytest

from sandbox_agent.schema.agents.effects import ItemDelta, Ready, TurnEnded, TurnStarted, Write
from sandbox_agent.schema.agents.ledger import Ledger

from .playbook import Playbook, any_of, begins, interrupts, says, writes


class Parrot:
    """Answers every line with the same effects."""

    def begin(self) -> list[object]:
        return [Ready()]

    def receive(self, line: bytes) -> list[object]:
        return [ItemDelta("a", line.decode(), raw=line)]

    def interrupt(self) -> list[object]:
        return [Write(b'{"type": "stop"}\n')]


def test_a_play_that_goes_as_written_passes():
    assert (
        Playbook(Parrot())
        >> begins()
        << Ready()
        >> says(b"x")
        << ItemDelta("a", "x")
        >> says(b"x")
        << ItemDelta("a", "x", raw=b"x")
        >> says(b"y")
        << any_of(ItemDelta)
        >> interrupts()
        << writes({"type": "stop"})
    )


def test_the_wrong_effect_fails_where_it_stands():
    with pytest.raises(AssertionError, match="expected\n   << Ready"):
        Playbook(Parrot()) >> says(b"x") << Ready()
    with pytest.raises(AssertionError, match="raw"):
        Playbook(Parrot()) >> says(b"x") << ItemDelta("a", "x", raw=b"other")


def test_an_effect_too_few_or_too_many_fails():
    with pytest.raises(AssertionError, match="nothing more was said"):
        Playbook(Parrot()) >> begins() << Ready() << Ready()
    with pytest.raises(AssertionError, match="not expected"):
        Playbook(Parrot()) >> begins() >> says(b"x")
    with pytest.raises(AssertionError, match="not expected"):
        bool(Playbook(Parrot()) >> begins())


def test_drafts_pass_through_a_ledger():
    assert (
        Playbook(Parrot(), Ledger())
        >> says(b"x")
        << "S item.started itm_1 a message assistant"
        << "item.delta itm_1 'x'"
    )
    assert (
        Playbook(Ledger())
        >> TurnStarted()
        << "S turn.started turn_1"
        >> TurnEnded("failed")
        << "S turn.ended turn_1 failed"
    )
