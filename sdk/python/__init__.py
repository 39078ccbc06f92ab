"""sandbox-agent: one API over the coding agents in a sandbox.

Importing this package loads nothing else: names are resolved on first use (PEP 562), so that
``sandbox-agent --help`` does not pay for a server that it will not start.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing typing costs each agent process of ours 3 ms
if TYPE_CHECKING:  # absolute: a type checker that reads the checkout finds no schema/ beside this file
    from typing import Any

    from sandbox_agent.schema.events import UniversalEvent
    from sandbox_agent.schema.items import UniversalItem
    from sandbox_agent.schema.problems import Problem
    from sandbox_agent.schema.settings import Settings

    __version__: str

_HOMES = {
    "Problem": "schema.problems",
    "Settings": "schema.settings",
    "UniversalEvent": "schema.events",
    "UniversalItem": "schema.items",
}

__all__ = ["Problem", "Settings", "UniversalEvent", "UniversalItem", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # 30 ms, which every agent process of ours would pay

        return version("sandbox-agent")
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
