"""Prompts for the mock agent: together they bring a session into every state."""

import random
from pathlib import Path
from typing import ClassVar


class Prompts:
    """Nearly all are unique, so that each can be recognised in the log."""

    def __init__(self, dice: random.Random, effects: Path) -> None:
        self._dice = dice
        self._effects = effects
        self._count = 0

    def next(self) -> str:
        self._count += 1
        number = self._count
        (make,) = self._dice.choices(list(self._KINDS), list(self._KINDS.values()))
        return make(self, number)

    def _say(self, number: int) -> str:
        return f"say {number}"

    def _tool(self, number: int) -> str:
        return f"tool {number}"

    def _markdown(self, number: int) -> str:
        return f"markdown {number}"

    def _permission(self, number: int) -> str:
        return f"permission {number}"

    def _question(self, number: int) -> str:
        return f"question {number}"

    def _run(self, number: int) -> str:
        return f"run echo {number} >> {self._effects}"

    def _burst(self, number: int) -> str:
        return f"burst {100 + number % 100} {20 + number}"

    def _pace(self, number: int) -> str:
        return f"pace 100 {200 + number} 30"

    def _sleep(self, number: int) -> str:
        """A turn that only an interrupt or a kill ends."""
        return f"sleep {600 + number}"

    def _fail(self, number: int) -> str:
        return f"fail {number}"

    def _crash(self, number: int) -> str:
        return f"crash {number % 256}"

    def _deaf(self, number: int) -> str:
        return "hang hard"

    def _spawn(self, number: int) -> str:
        return f"spawn {number}"

    _KINDS: ClassVar = {
        _say: 8,
        _tool: 4,
        _markdown: 3,
        _permission: 6,
        _question: 6,
        _run: 4,
        _burst: 4,
        _pace: 4,
        _sleep: 3,
        _fail: 2,
        _crash: 2,
        _deaf: 1,
        _spawn: 1,
    }
