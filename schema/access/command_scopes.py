"""The scopes of commands, which come over HTTP and over a WebSocket alike."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from ..api.commands import (
    Command,
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    QueueCancelCommand,
    TerminateCommand,
)
from .scopes import Scope

COMMAND_SCOPES: Mapping[type, Scope] = MappingProxyType(
    {
        MessageCommand: "prompt",
        QueueCancelCommand: "prompt",
        InterruptCommand: "prompt",
        TerminateCommand: "prompt",
        PermissionReplyCommand: "approve",
        QuestionReplyCommand: "approve",
        QuestionRejectCommand: "approve",
    }
)


def scope_of(command: Command | type) -> Scope:
    """The scope of a command; ``admin`` for one that is not in the table."""
    cls = command if isinstance(command, type) else cast("type", type(command))
    return COMMAND_SCOPES.get(cls, "admin")
