"""Amp's dialect: stream-json lines of `amp --execute` (captured from 0.0.1790142911).

One process takes prompt after prompt, a line each. It says nothing when a turn ends: the message that ends it is one
without a tool call. A process whose turn fails, or is interrupted, says a ``result`` and exits; the next prompt
continues the thread, which Amp's server keeps, in another process.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...api.sessions import PermissionReply
from ...events import ErrorData
from ...workspace.bun_view import PROOF, UNSEEN
from ..dialect import AgentSpec, Effects, ExitStatus, Launch, Prompt
from ..effects import (
    ConversationOpened,
    Effect,
    EndProcess,
    Errored,
    ItemCompleted,
    NativeSessionNamed,
    Ready,
    SignalAgent,
    TurnEnded,
    TurnOutcome,
    Unparsed,
    Write,
)
from ..json_lines import BAD_JSON, as_text, decode, line
from ..names import Names
from ..prompts import content_blocks, opened
from . import launch as amp_launch
from .approvals import Approvals
from .messages import Conversation
from .usage import Usage
from .wire import AssistantLine, Head, InitLine, ResultLine, UserLine

_GOING_ON = (None, "tool_use", "pause_turn")
"""Stop reasons of a message that is not the turn's last."""

_NO_KEY = b"No API key found"
"""How a login begins that waits for a human at a browser. It is no JSON, and it would wait for minutes."""


class Amp:
    """The state machine of one amp process."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._thread = spec.resume
        self._resuming = spec.resume is not None
        self._turn = False
        self._interrupting = False
        self._over = False
        self._may_go_on = spec.trusted
        self._conversation = Conversation(spec.seed, Names(spec.taken))
        self._approvals = Approvals(spec.seed, accept_edits=spec.permission_mode == "acceptEdits")
        self._usage = Usage()

    def __repr__(self) -> str:
        state = "over" if self._over else "in a turn" if self._turn else "idle"
        return f"<Amp {self._thread} {state} {self._approvals!r}>"

    def launch(self) -> Launch:
        return amp_launch.launch(self._spec)

    def begin(self) -> Effects:
        """Amp reads what is written to it early, and says nothing before it has a prompt."""
        return (Ready(),)

    def prompt(self, prompt: Prompt) -> Effects:
        self._turn = True
        message = {"role": "user", "content": content_blocks(prompt)}
        return (*opened(prompt), Write(line({"type": "user", "message": message})))

    def receive(self, line: bytes) -> Effects:
        if self._over or not line.strip():
            return ()
        if not self._may_go_on:
            self._may_go_on = line.strip() == PROOF
            return () if self._may_go_on else list(self._sees_the_project(line))
        if line.startswith(_NO_KEY):
            return list(self._logged_out(line))
        try:
            head = decode(line, Head)
            return list(self._read(head, line))
        except BAD_JSON as error:
            return (Unparsed(str(error), "amp stdout", line),)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        return list(self._approvals.answered(permission_id, reply))

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        return ()

    def interrupt(self) -> Effects:
        """Amp ends on the first signal, and a second one in the meantime would keep it from saying so."""
        if not self._turn or self._interrupting:
            return ()
        self._interrupting = True
        return (SignalAgent(),)

    def exited(self, status: ExitStatus) -> Effects:
        return list(self._exited())

    def hooked(self, hook_id: str, request: Mapping[str, Any]) -> Effects:
        return list(self._approvals.hooked(hook_id, request, self._conversation.call_of))

    def hook_gone(self, hook_id: str) -> Effects:
        return list(self._approvals.gone(hook_id))

    def _read(self, head: Head, raw: bytes) -> Iterator[Effect]:
        match head.type:
            case "assistant":
                yield from self._assistant(decode(raw, AssistantLine), raw)
            case "user":
                yield from self._conversation.user(decode(raw, UserLine), raw)
            case "system" if head.subtype == "init":
                yield from self._name(decode(raw, InitLine).session_id)
            case "result":
                yield from self._result(decode(raw, ResultLine), raw)
            case other:
                yield Unparsed(f"unknown message type {other!r}", "amp stdout", raw)

    def _name(self, thread: str) -> Iterator[Effect]:
        """Amp's server keeps the thread from its first message on."""
        if self._resuming:
            self._resuming = False
            yield ConversationOpened(resumed=thread == self._spec.resume)
        self._thread = thread
        yield NativeSessionNamed(thread)

    def _assistant(self, line: AssistantLine, raw: bytes) -> Iterator[Effect]:
        self._usage.add(line.message.usage)
        said = list(self._conversation.assistant(line, raw))
        yield from said
        calls = any(isinstance(effect, ItemCompleted) and effect.kind == "tool_call" for effect in said)
        if self._turn and not calls and line.message.stop_reason not in _GOING_ON:
            yield from self._end_turn("completed", raw)
            if self._interrupting:  # the signal came too late for the turn, but not for the process
                yield from self._end()

    def _result(self, result: ResultLine, raw: bytes) -> Iterator[Effect]:
        failed = bool(result.is_error)
        if failed and not self._interrupting:
            said = as_text(result.error or result.result or "amp reports an error without words")
            details = {"subtype": result.subtype, "retryable": False}
            yield Errored(ErrorData(said, "agent_error", details), raw=raw)
        if self._turn:
            outcome: TurnOutcome = "completed"
            if failed:
                outcome = "interrupted" if self._interrupting else "failed"
            yield from self._end_turn(outcome, raw)
        yield from self._end()

    def _logged_out(self, raw: bytes) -> Iterator[Effect]:
        message = "amp has no credentials: set AMP_API_KEY for the daemon, or log in with `amp login`"
        yield Errored(ErrorData(message, "login_required", {"retryable": False}), raw=raw)
        yield from self._end_turn("failed", raw)
        yield from self._end()

    def _sees_the_project(self, raw: bytes) -> Iterator[Effect]:
        """It does not: it is still where it was started. But it would work in the wrong directory."""
        data = ErrorData(UNSEEN.format("amp"), "workspace_not_hidden", {"retryable": False})
        yield Errored(data, synthetic=True, raw=raw)
        yield from self._end_turn("failed", raw)
        yield from self._end()

    def _exited(self) -> Iterator[Effect]:
        yield from self._approvals.withdraw_all()
        if self._interrupting:
            # Signalled before it had begun, it says nothing at all.
            if self._turn:
                yield from self._end_turn("interrupted", None)
            yield from self._end()
        self._turn = False

    def _end_turn(self, outcome: TurnOutcome, raw: bytes | None) -> Iterator[Effect]:
        if outcome != "completed":
            yield from self._approvals.withdraw_all()
        self._turn = False
        self._conversation.turn_ended()
        yield TurnEnded(outcome, self._usage.turn(), synthetic=raw is None, raw=raw)

    def _end(self) -> Iterator[Effect]:
        self._over = True
        yield EndProcess()
