"""What we know that we lack: the ranked table of docs/agents.md."""

import re

from attrs import frozen

from ...house.checkout import ROOT
from .kinds import Kind

HEAD = "\n| Rank | Agent | It says | What clients miss |\n"

IN_PART = "in part"
"""Marks what is told, but not all that it says."""


@frozen
class Lack:
    rank: int
    kind: Kind
    in_part: bool


def lacks() -> list[Lack]:
    table = (ROOT / "docs" / "agents.md").read_text().partition(HEAD)[2].partition("\n\n")[0]
    return [lack for row in table.splitlines()[1:] for lack in _row(row)]


def _row(row: str) -> list[Lack]:
    """A row may be about several kinds."""
    rank, agent, said, _ = row.strip("| ").split(" | ")
    names = re.findall(r"`([^`]+)`", said)
    assert names, row
    return [Lack(int(rank), Kind(agent, name), IN_PART in said) for name in names]
