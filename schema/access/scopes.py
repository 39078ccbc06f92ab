"""Scopes: what a token lets its bearer do. The route table says which ones an operation needs, and
``command_scopes.py`` which one a command."""

from collections.abc import Collection
from typing import Literal, get_args

Scope = Literal["read", "prompt", "approve", "files", "admin"]
"""``read``: lists, events and streams. ``prompt``: prompts, the queue, interrupt, terminate. ``approve``: permissions
and questions. ``files``: the file system of the sandbox. ``admin``: all of that, and what nobody else may: to create
and delete sessions, to install agents, and to give out tokens."""

SCOPES: tuple[Scope, ...] = get_args(Scope)


def allows(held: Collection[Scope], needed: Scope) -> bool:
    return needed in held or "admin" in held
