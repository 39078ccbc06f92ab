"""The names of all failpoints, read from the daemon's source."""

import re
from pathlib import Path

import sandbox_agent.actors

_REACHED = re.compile(r'failpoints\.reach\("([\w.]+)"\)')


def names() -> list[str]:
    sources = Path(sandbox_agent.actors.__file__).parent.rglob("*.py")
    return sorted({name for source in sources for name in _REACHED.findall(source.read_text())})
