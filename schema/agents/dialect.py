"""The dialect interface: how an agent's protocol is spoken, without I/O.

One dialect object speaks with one agent process: a new process, also one that resumes a conversation, gets a new
object. The session actor owns the process; it feeds what the agent says to the dialect and carries out the effects
in order. A dialect has no clock, no files and no randomness, so that a transcript always plays the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from ..api.sessions import PermissionReply
from ..workspace.project import Project
from .effects import Effect


@frozen
class UserFile:
    """A file of the user's own set-up, as it was when the agent was started."""

    path: str
    content: bytes = field(repr=False)


@frozen
class Hook:
    """``directory`` is private to one agent process. ``command`` asks the daemon whether a tool may run; it wants no
    further arguments."""

    directory: str
    command: tuple[str, ...]


def _nothing(_: str) -> bool:
    return False


@frozen
class AgentSpec:
    """What an agent process is started for. ``resume`` is the native id of a conversation to go on with; ``seed`` is
    unique to the process and unguessable, for dialects that must name things themselves. ``environment`` is what the
    agent inherits: for a variable whose value must be added to and not replaced. ``login_variable`` is the one
    whose key the agent must be told, because it does not read it by itself; None when it is let in. ``hook`` is there
    for an agent that has hooks (``AgentDefinition.hooked``), ``user_file`` where one of ``AgentDefinition.user_files``
    exists. ``trusted`` is false when the configuration in ``directory`` must not be read; ``private`` is then a
    directory for ``Launch.files``, and ``project`` what was found there, for an agent that tells what it reads
    (``AgentDefinition.project``); in a trusted session it has nothing but its levels. ``taken`` is whether an item of
    the session has that native id from before."""

    session_id: str
    executable: tuple[str, ...]
    directory: str
    agent_mode: str
    permission_mode: str
    seed: str
    model: str | None = None
    variant: str | None = None
    resume: str | None = None
    as_root: bool = False
    title: str | None = None
    settings: Mapping[str, str] = field(factory=dict[str, str])
    environment: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    login_variable: str | None = None
    hook: Hook | None = None
    user_file: UserFile | None = None
    trusted: bool = True
    project: Project | None = None
    private: str | None = None
    taken: Callable[[str], bool] = field(default=_nothing, eq=False, repr=False)


@frozen
class PrivateFile:
    """For its owner alone: mode 0600, or 0700 for a program."""

    content: bytes = field(repr=False)
    program: bool = False


@frozen
class Launch:
    """``env`` is added to the daemon's environment; a ``None`` removes the variable. ``defaults`` are set only where
    the daemon's environment has no such variable: the user's word counts. ``files`` are written by name into
    ``AgentSpec.private`` before the agent starts, and go with it; a name with slashes lies in folders below it.
    ``directory`` is where the process starts, when it goes to ``AgentSpec.directory`` by itself."""

    argv: tuple[str, ...]
    env: Mapping[str, str | None] = field(factory=dict[str, str | None])
    defaults: Mapping[str, str] = field(factory=dict[str, str])
    files: Mapping[str, PrivateFile] = field(factory=dict[str, PrivateFile])
    directory: str | None = None


@frozen
class Attachment:
    """A file that goes with a prompt. ``data`` is its content when the agent takes it inline
    (``AgentDefinition.inline_mimes``)."""

    path: str
    mime: str | None
    filename: str | None
    data: bytes | None = None


@frozen
class Prompt:
    """``number`` counts the session's prompts from 1 and never repeats, also across processes."""

    number: int
    text: str
    attachments: tuple[Attachment, ...] = ()


@frozen
class ExitStatus:
    """How a process ended: an exit code, or the signal that ended it."""

    code: int | None
    signal: int | None = None

    def __str__(self) -> str:
        return f"exit code {self.code}" if self.signal is None else f"signal {self.signal}"


Effects = Sequence[Effect]


class Dialect(Protocol):
    """Every method returns what must be done now; none of them raises on what an agent says."""

    def launch(self) -> Launch:
        """The command line and environment of the agent process. Raises :class:`Problem` when the agent cannot be
        started as the session wants it."""
        ...

    def begin(self) -> Effects:
        """The process runs: the handshake's first words. ``Ready`` must follow, here or from ``receive``."""
        ...

    def prompt(self, prompt: Prompt) -> Effects:
        """A human's message. Called only between turns and after ``Ready``; ``TurnEnded`` must follow. A turn that
        gives way has been ended before."""
        ...

    def receive(self, line: bytes) -> Effects:
        """One line that the agent wrote on stdout, without its line break."""
        ...

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        """The human's decision; called at most once per ask, never after ``WithdrawApproval``."""
        ...

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        """One list of labels per question, or ``None`` when the human rejects to answer."""
        ...

    def interrupt(self) -> Effects:
        """Stop the running turn, and what goes on in the background, as far as the agent lets us; ``TurnEnded`` follows
        when a turn was running and the agent has stopped."""
        ...

    def exited(self, status: ExitStatus) -> Effects:
        """The process is gone: what is left to say. The ledger closes the turn and its items by itself."""
        ...


@frozen
class HttpResponse:
    """``status`` is 0 when there was no answer, or none that could be taken in; ``reason`` then says why."""

    status: int
    body: bytes = b""
    reason: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@runtime_checkable
class HttpDialect(Dialect, Protocol):
    """A dialect of an agent that is spoken to over HTTP, once ``Reach`` has told where."""

    def responded(self, call_id: str, response: HttpResponse) -> Effects:
        """What came of a ``CallHttp``; called exactly once for each, while the process lives."""
        ...

    def stream_opened(self) -> Effects:
        """The stream is open: for the first time, or again after it broke."""
        ...

    def streamed(self, data: bytes) -> Effects:
        """The payload of one event of the stream."""
        ...


@runtime_checkable
class HookedDialect(Dialect, Protocol):
    """A dialect whose agent asks through a program that it runs beside itself, not on stdout."""

    def hooked(self, hook_id: str, request: Mapping[str, Any]) -> Effects:
        """A hook asks; its program waits until ``AnswerHook``."""
        ...

    def hook_gone(self, hook_id: str) -> Effects:
        """The program went away without an answer: nobody waits any more."""
        ...


MakeDialect = Callable[[AgentSpec], Dialect]
