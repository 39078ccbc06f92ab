"""Scopes: what the bearer of a token may do. The route table says which scopes an operation needs, and the class of a
command which one it needs."""

from collections.abc import Collection
from typing import Literal, get_args

Scope = Literal["read", "prompt", "approve", "files", "admin"]
"""``read``: lists, events and streams. ``prompt``: prompts, the queue, interrupt, terminate. ``approve``: permissions
and questions. ``files``: the file system of the sandbox. ``admin``: all of these, and also to create and delete
sessions, to install agents, and to create tokens."""

SCOPES: tuple[Scope, ...] = get_args(Scope)


def allows(held: Collection[Scope], needed: Scope) -> bool:
    return needed in held or "admin" in held
