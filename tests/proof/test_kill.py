"""kill -9 at random moments and at named places, and starts that are cut short by SIGTERM and SIGKILL: after hundreds
of them every promise still holds."""

import os
from pathlib import Path

import trio

from .failpoints import names
from .restores import cut_restores_short
from .rules.checker import violations
from .torment import torment

KILLS = int(os.environ.get("SANDBOX_AGENT_KILLS", "12"))
"""In all. `make kill-test` has 200."""

RESTORES = max(4, KILLS // 8)
"""Of these, those of daemons that have sessions to restore and are not left the time for it."""

WORLDS = 2
"""Data directories that are tested at the same time."""


async def test_no_restore_that_is_cut_short_breaks_a_promise(tmp_path: Path):
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # shown when it fails
    history, lives = await cut_restores_short(tmp_path, seed, RESTORES)
    broken = violations(history)
    assert not broken, f"{len(broken)} violations, seed {seed}:\n" + "\n".join(broken[:30])
    print(f"{lives!r}: {len(history.commands)} commands, {len(history.streams)} streams")


async def test_no_kill_breaks_a_promise(tmp_path: Path):
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")  # shown when it fails

    async def run(number: int) -> None:
        home = tmp_path / f"world-{number}"
        home.mkdir()
        history, lives = await torment(home, seed + number, (KILLS - RESTORES) // WORLDS, names())
        broken = violations(history)
        assert not broken, f"{len(broken)} violations, seed {seed}:\n" + "\n".join(broken[:30])
        print(f"{lives!r}: {len(history.commands)} commands, {len(history.streams)} streams")

    async with trio.open_nursery() as nursery:
        for number in range(WORLDS):
            nursery.start_soon(run, number)
