"""Claude Code's dialect: stream-json lines and the control protocol of `claude -p` (captured from 2.1.332).

One process serves a whole session. It says nothing before it is spoken to, and ``system/init`` and ``result``
enclose every turn, also one that it starts by itself when a background task ends. What a sub-agent does in the
background comes also outside of them: it is told in a turn that gives way to the next prompt.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ...api.sessions import PermissionReply
from ...events import ErrorData
from ..dialect import AgentSpec, Effects, ExitStatus, Launch, Prompt
from ..effects import (
    ConversationOpened,
    Effect,
    EndProcess,
    Errored,
    NativeSessionNamed,
    Ready,
    TurnEnded,
    TurnStarted,
    Unparsed,
    Write,
)
from ..json_lines import BAD_JSON, as_text, decode, elements, line, members, plain
from ..names import Names
from ..outline import outline
from ..prompts import content_blocks, opened
from . import launch as claude_launch
from .approvals import Approvals
from .background import STOP, Background
from .mcp import REQUEST as MCP_STATUS
from .mcp import ClaudeMcp
from .messages import Conversation
from .status import Statuses, is_ignored, rate_limit
from .usage import Usage
from .wire import (
    AssistantLine,
    ControlCancel,
    ControlElicitation,
    ControlRequest,
    ControlResponse,
    Head,
    ResultLine,
    StreamLine,
    UserLine,
)

INITIALIZE = "initialize"
"""The request id of the handshake."""


class Claude:
    """The state machine of one claude process."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._native_id = spec.resume or claude_launch.fresh_session_id(spec)
        self._resumable = self._resuming = spec.resume is not None
        self._ready = False
        self._turn = False
        self._prompted = False
        self._aside = False  # the turn that is open holds nothing but what comes from the background
        self._interrupts = 0
        self._interrupting = False
        names = Names(spec.taken)
        self._conversation = Conversation(names)
        self._mcp = ClaudeMcp(names)
        self._approvals = Approvals(claude_launch.mode_after_plan(spec))
        self._statuses = Statuses()
        self._background = Background()
        self._usage = Usage()

    def __repr__(self) -> str:
        state = "starting" if not self._ready else "in a turn" if self._turn else "idle"
        return f"<Claude {self._native_id} {state} {self._approvals!r} {self._background!r}>"

    def launch(self) -> Launch:
        return claude_launch.launch(self._spec)

    def begin(self) -> Effects:
        # What sub-agents say and think comes too, each block whole; without it only their calls do.
        request = {"subtype": "initialize", "forwardSubagentText": True}
        return (Write(line({"type": "control_request", "request_id": INITIALIZE, "request": request})),)

    def prompt(self, prompt: Prompt) -> Effects:
        self._turn = self._prompted = True
        if self._aside:
            self._aside = self._interrupting = False
        message = {"role": "user", "content": content_blocks(prompt)}
        said = {"type": "user", "session_id": "", "parent_tool_use_id": None, "message": message}
        return (*opened(prompt), Write(line(said)))

    def receive(self, line: bytes) -> Effects:
        try:
            head = decode(line, Head)
            return list(self._read(head, line))
        except RecursionError as error:
            refused = self._approvals.unreadable(outline(line), line)
            return list(refused) or (Unparsed(str(error), "claude stdout", line),)
        except BAD_JSON as error:
            return (Unparsed(str(error), "claude stdout", line),)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        return list(self._approvals.permission_answered(permission_id, reply))

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        return list(self._approvals.question_answered(question_id, answers))

    def interrupt(self) -> Effects:
        if not self._turn and not self._background:
            return ()
        self._interrupting = self._turn
        return (self._stop(), *self._background.stop())

    def exited(self, status: ExitStatus) -> Effects:
        self._turn = self._prompted = self._aside = False
        return ()

    def _stop(self) -> Write:
        self._interrupts += 1
        request_id = f"interrupt_{self._interrupts}"
        return Write(line({"type": "control_request", "request_id": request_id, "request": {"subtype": "interrupt"}}))

    def _read(self, head: Head, raw: bytes) -> Iterator[Effect]:
        match head.type:
            case "stream_event":
                yield from self._conversation.streamed(decode(raw, StreamLine), raw)
            case "assistant":
                said = decode(raw, AssistantLine)
                yield from self._of(said.parent_tool_use_id, self._assistant(said, raw))
            case "user":
                told = decode(raw, UserLine)
                yield from self._of(told.parent_tool_use_id, self._conversation.user(told, raw))
            case "system":
                if not is_ignored(head.subtype):
                    yield from self._system(head.subtype, plain(raw), raw)
            case "result":
                yield from self._result(decode(raw, ResultLine), raw)
            case "control_request":
                yield from self._asked(decode(raw, ControlRequest), raw)
            case "control_cancel_request":
                yield from self._approvals.withdrawn(decode(raw, ControlCancel).request_id)
            case "control_response":
                yield from self._answered(decode(raw, ControlResponse), raw)
            case "rate_limit_event":
                yield from rate_limit(plain(raw), raw)
            case other:
                yield from self._statuses.message(other, raw)

    def _of(self, sub_agent: Any, effects: Iterator[Effect]) -> Iterator[Effect]:
        """What a sub-agent says or asks, when there is one. Only that may come while no turn is open."""
        return effects if sub_agent is None else self._beside(effects)

    def _beside(self, effects: Iterator[Effect]) -> Iterator[Effect]:
        """In a turn of its own when none is open, until no work is left or another turn begins."""
        for effect in effects:
            if not self._turn:
                self._turn = self._aside = True
                yield TurnStarted(gives_way=True)
            yield effect
        yield from self._aside_over()

    def _aside_over(self) -> Iterator[Effect]:
        if self._aside and not self._background:
            outcome = "interrupted" if self._interrupting else "completed"
            self._turn = self._aside = self._interrupting = False
            yield TurnEnded(outcome)

    def _assistant(self, line: AssistantLine, raw: bytes) -> Iterator[Effect]:
        yield from self._conversation.assistant(line, raw)
        yield from self._name(self._native_id, resumable=True)

    def _system(self, subtype: Any, facts: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        if subtype == "background_tasks_changed":
            yield from self._background.listed(facts.get("tasks"))
            yield from self._aside_over()
            return
        if subtype != "init":
            yield from self._statuses.system(subtype, self._conversation.calls.told(facts), raw)
            return
        session_id = facts.get("session_id")
        if self._resuming:
            self._resuming = False
            yield ConversationOpened(resumed=session_id == self._spec.resume)
        if isinstance(session_id, str) and session_id:
            yield from self._name(session_id, resumable=self._resumable)
        if self._aside or not self._turn:
            self._turn, self._aside = True, False
            yield TurnStarted(synthetic=False, raw=raw)
        elif self._prompted and self._interrupting:
            # Claude drops an interrupt that it reads before the turn has begun, and says "success" to it. One that
            # met a turn of its own was meant for the prompt's too.
            yield self._stop()
        yield from self._mcp.turn_began(facts.get("mcp_servers"))

    def _name(self, native_id: str, *, resumable: bool) -> Iterator[Effect]:
        """`/clear` goes on under another id. The transcript is there some 100 ms after the first answer: a process that
        is killed within that time cannot be resumed, and the next one says so."""
        if native_id != self._native_id:
            resumable = False
        if (native_id, resumable) != (self._native_id, self._resumable):
            self._native_id, self._resumable = native_id, resumable
            yield NativeSessionNamed(native_id, resumable)

    def _result(self, result: ResultLine, raw: bytes) -> Iterator[Effect]:
        if not self._ready:
            yield from self._not_started(result, raw)
            return
        if self._prompted and _is_own(result.origin):
            # A turn of its own was under way when the prompt came; the prompt's is still to come.
            return
        aborted = isinstance(result.terminal_reason, str) and result.terminal_reason.startswith("aborted")
        failed = bool(result.is_error)
        interrupted = failed and (self._interrupting or aborted)
        self._turn = self._prompted = self._aside = self._interrupting = False
        self._conversation.turn_ended()
        yield from self._name(self._native_id, resumable=True)
        if failed and not interrupted:
            yield Errored(_error(result, "agent_error"), raw=raw)
        outcome = "interrupted" if interrupted else "failed" if failed else "completed"
        yield TurnEnded(outcome, self._usage.turn(result), synthetic=False, raw=raw)
        yield from self._mcp.turn_ended()

    def _not_started(self, result: ResultLine, raw: bytes) -> Iterator[Effect]:
        """The process exits right after. When the conversation that it should resume is not there, the prompt that it
        was started for gets another one."""
        lost = self._spec.resume is not None
        code = "resume_failed" if lost else "start_failed"
        yield Errored(_error(result, code, retryable=lost), retryable=lost, raw=raw)
        yield NativeSessionNamed(claude_launch.fresh_session_id(self._spec), resumable=False)
        if lost:
            yield ConversationOpened(resumed=False)
            yield EndProcess()

    def _asked(self, control: ControlRequest, raw: bytes) -> Iterator[Effect]:
        match control.request.subtype:
            case "can_use_tool":
                asked = self._approvals.asked(control, raw, self._conversation.calls)
                yield from self._of(control.request.agent_id, iter((asked,)))
                return
            case "elicitation":
                yield from self._approvals.elicited(decode(raw, ControlElicitation), raw)
                return
            case _:
                pass
        # Claude waits for an answer to every request: without one the turn would hang.
        what = f"unsupported control request {control.request.subtype!r}"
        answer = {"subtype": "error", "request_id": control.request_id, "error": what}
        yield Write(line({"type": "control_response", "response": answer}))
        yield Unparsed(what, "claude control_request", raw)

    def _answered(self, response: ControlResponse, raw: bytes) -> Iterator[Effect]:
        answer = response.response
        if answer.request_id.startswith(MCP_STATUS):
            yield from self._mcp.answered(answer)
        elif answer.subtype == "error" and not answer.request_id.startswith(STOP):
            yield Unparsed(f"{answer.request_id} failed: {answer.error}", "claude control_response", raw)
        if answer.request_id == INITIALIZE and not self._ready:
            self._ready = True  # also when it failed: claude takes prompts without the handshake
            yield NativeSessionNamed(self._native_id, self._resumable)
            yield Ready()


def _error(result: ResultLine, code: str, *, retryable: bool = False) -> ErrorData:
    """``code`` is for errors that are neither the API's nor a limit of claude's."""
    subtype = as_text(result.subtype)
    if result.api_error_status is not None:
        code = "api_error"
    elif subtype.startswith("error_max"):
        code = subtype
    said = as_text(result.result) if result.result else "; ".join(map(as_text, elements(result.errors)))
    details = {"status": result.api_error_status, "subtype": subtype, "retryable": retryable}
    return ErrorData(said or subtype or "claude reports an error without words", code, details)


def _is_own(origin: Any) -> bool:
    """Whether the turn was claude's own: it was woken by a background task, not by a prompt."""
    return members(origin).get("kind") not in (None, "human")
