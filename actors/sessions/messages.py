"""What a session is asked: the messages that the daemon's facade sends to it."""

from attrs import frozen

from ...schema.agents.dialect import Attachment
from ...schema.api.commands import InterruptCommand, MessageCommand, QueueCancelCommand, TerminateCommand
from ...schema.api.sessions import CreateSessionResponse
from ...schema.approvals.decided_by import DecidedBy
from ...schema.approvals.rules import PermissionRule
from ..journal.interface import CommandKey
from ..kernel.mailbox import Request


@frozen
class Open(Request[CreateSessionResponse]):
    """Start the agent of a new session. The reply has the agent's own id of the conversation, if there is one yet, and
    comes when the agent is ready, or has shown that it cannot start, or has had ``create_wait`` seconds for either."""


@frozen
class Execute(Request[object]):
    """A client's command; the reply is of the class that it names as its ``result``. ``attachments`` are those of a
    message, read."""

    command: MessageCommand | QueueCancelCommand | InterruptCommand | TerminateCommand
    key: CommandKey | None = None
    attachments: tuple[Attachment, ...] = ()


@frozen
class RuleRevoked(Request[None]):
    """A rule grants nothing any more; the reply comes when that is in the log."""

    rule: PermissionRule
    by: DecidedBy
