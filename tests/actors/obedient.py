"""A daemon whose mock agent is a program that does what its prompts say, in Python."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.actors.agents import catalog

from .house import House, house

AGENT = """\
import json, sys
def say(**members): print(json.dumps(members), flush=True)
for line in sys.stdin:
    told = json.loads(line)
    match told.get("type"):
        case "hello":
            say(type="hello", session="mock-s")
        case "prompt":
            exec(told["text"])
            sys.stdout.flush()
            say(type="turn_ended", outcome="completed")
"""
"""Does what its prompt says, in Python."""


@asynccontextmanager
async def obedient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AsyncIterator[House]:
    program = tmp_path / "agent.py"
    program.write_text(AGENT)
    monkeypatch.setattr(catalog, "python_module", lambda _: (sys.executable, "-IS", str(program)))
    async with house(**settings) as h:
        yield h
