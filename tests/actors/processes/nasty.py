"""What tests do with the nasty program: start it, and see who of its family is alive."""

import sys
from pathlib import Path

import trio

from sandbox_agent.actors.machine.process_rows import read_process

from .nasty_program import BROTHERS

PROGRAM = Path(__file__).with_name("nasty_program.py")
SETTLED = 1 + BROTHERS
"""How many there are when nobody has signalled them yet."""


def command(pids: Path) -> list[str]:
    return [sys.executable, "-IS", str(PROGRAM), str(pids)]


def family(pids: Path) -> list[int]:
    """Every pid that there ever was."""
    return [int(line) for line in pids.read_text().splitlines()] if pids.exists() else []


def survivors(pids: Path) -> list[int]:
    return [pid for pid in family(pids) if (row := read_process(pid)) is not None and not row.zombie]


async def until_there_are(count: int, pids: Path) -> None:
    while len(family(pids)) < count:
        await trio.sleep(0.01)
