"""What a session is asked: the messages that the daemon's door sends to it."""

from attrs import frozen

from ...schema.agents.dialect import Prompt
from ...schema.api.sessions import CreateSessionResponse, InterruptResponse
from ...schema.approvals.decided_by import DecidedBy
from ...schema.approvals.rules import PermissionRule
from ..journal.interface import CommandKey
from ..kernel.mailbox import Request


@frozen
class Receipt:
    """A prompt was accepted. Its turn's events come after position ``after``; ``turn_id`` names the turn."""

    turn_id: str
    after: int


@frozen
class Open(Request[CreateSessionResponse]):
    """Start the agent of a new session. The reply has the agent's own id of the conversation, if there is one yet, and
    comes when the agent is ready, or has shown that it cannot start, or has had ``create_wait`` seconds for either."""


@frozen
class Send(Request[Receipt]):
    """A human's message. Its number is the session's to give."""

    prompt: Prompt
    key: CommandKey | None = None


@frozen
class Interrupt(Request[InterruptResponse]):
    """Stop the running turn. The reply says what it found; ``turn.ended`` follows when the turn has stopped.

    A prompt that was sent before it, and waits for its agent to start, is what it stops."""

    key: CommandKey | None = None


@frozen
class RuleRevoked(Request[None]):
    """A rule grants nothing any more; the reply comes when that is in the log."""

    rule: PermissionRule
    by: DecidedBy


@frozen
class Cancel(Request[None]):
    """Take a prompt out of the queue. Its turn comes into the log, as interrupted, when no other is open."""

    turn_id: str
    key: CommandKey | None = None


@frozen
class Terminate(Request[None]):
    """End the agent and the session. The reply comes when no process of it is left."""

    key: CommandKey | None = None
