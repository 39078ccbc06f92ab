"""Codex's dialect: the JSON-RPC of `codex app-server` (captured from 0.171.0).

One process serves one session, and in it one thread; the threads beside it are sub-agents. What these do, and commands
that outlive their turn, is work in the background.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ...api.sessions import PermissionReply
from ..dialect import AgentSpec, Effects, ExitStatus, Launch, Prompt
from ..effects import (
    ConversationOpened,
    Effect,
    Errored,
    NativeSessionNamed,
    Ready,
    TurnEnded,
    TurnOutcome,
    TurnStarted,
    Unparsed,
    Write,
)
from ..json_lines import BAD_JSON, as_text, decode, line, members, plain
from ..names import Names
from ..outline import outline
from ..prompts import opened
from . import launch as codex_launch
from .approvals import Approvals
from .background import Background
from .errors import error_data, rpc_error
from .items import Items
from .open_items import Begun, Place
from .requests import Requests, is_compaction
from .status import Statuses
from .turn import Completed, Turn
from .usage import Usage
from .wire import (
    DeltaParams,
    ErrorParams,
    Frame,
    ItemParams,
    ResolvedParams,
    ThreadResult,
    TurnParams,
    TurnResult,
    UsageParams,
)

_NO_THREAD = "no rollout found"
"""How codex says that it has not written the thread down; it does so when the first turn starts."""

_OUTCOMES: Mapping[str, TurnOutcome] = MappingProxyType({"completed": "completed", "interrupted": "interrupted"})


class Codex:
    """The state machine of one codex process."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._resume = spec.resume
        self._thread: str | None = None
        self._model: str | None = None
        self._ready = False
        self._resumable = False
        self._requests = Requests(spec)
        # It came when there was no thread, because the attempt to open one had failed: it makes the next attempt.
        self._held: Prompt | None = None
        self._turn = Turn()
        self._items = Items(Names(spec.taken))
        self._background = Background(self._items)
        self._approvals = Approvals(spec.seed, spec.directory, accept_edits=spec.permission_mode == "acceptEdits")
        self._statuses = Statuses(spec.seed)
        self._usage = Usage()

    def __repr__(self) -> str:
        state = "starting" if not self._ready else "in a turn" if self._turn.open else "idle"
        return f"<Codex {self._thread} {state} {self._approvals!r} {self._items!r} {self._background!r}>"

    def launch(self) -> Launch:
        return codex_launch.launch(self._spec)

    def begin(self) -> Effects:
        return (self._requests.initialize(),)

    def prompt(self, prompt: Prompt) -> Effects:
        self._turn.open = True
        if self._thread is None:
            self._held = prompt
        if self._background.turn:
            self._background.turn_ended()
            for _ in self._items.turn_ended(failed=False, goes_on=self._background.goes_on):
                pass  # the turn that gave way is over, and told so
        return (
            *opened(prompt),
            self._requests.open_thread(self._resume)
            if self._thread is None
            else self._start_turn(self._thread, prompt),
        )

    def receive(self, line: bytes) -> Effects:
        try:
            return list(self._read(decode(line, Frame), line))
        except RecursionError as error:
            refused = self._approvals.unreadable(outline(line), line)
            return list(refused) or (Unparsed(str(error), "codex stdout", line),)
        except BAD_JSON as error:
            return (Unparsed(str(error), "codex stdout", line),)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        return list(self._approvals.permission_answered(permission_id, reply))

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        return list(self._approvals.question_answered(question_id, answers))

    def interrupt(self) -> Effects:
        if not self._turn.open:
            return tuple(self._background.stop(self._requests))
        if self._turn.interrupting:
            return ()
        if self._held is not None:
            self._held = None
            self._turn.over()
            return (TurnEnded("interrupted"),)
        self._turn.interrupting = True
        return list(self._stop())

    def exited(self, status: ExitStatus) -> Effects:
        self._turn.over()
        return ()

    def _start_turn(self, thread: str, prompt: Prompt) -> Write:
        if is_compaction(prompt):
            self._turn.compacts()
            return self._requests.compact(thread)
        self._turn.prompted()
        return self._requests.start_turn(thread, self._model, prompt)

    def _stop(self) -> Iterator[Effect]:
        """Now, or as soon as codex takes it."""
        if self._turn.interrupting and self._turn.can_be_stopped and self._thread is not None:
            yield self._requests.interrupt(self._thread, self._turn.id or "")
            yield from self._background.stop(self._requests, but=self._thread)

    # What codex says.

    def _read(self, frame: Frame, raw: bytes) -> Iterator[Effect]:
        if frame.method and frame.id is not None:
            params = members(plain(frame.params))
            about = self._items.begun.asked_about(frame.method, params)
            yield from self._of_a_turn(self._approvals.asked(frame.method, frame.id, params, about, raw))
        elif frame.method:
            yield from self._notified(frame, raw)
        elif frame.id is not None:
            yield from self._answered(str(frame.id), frame, raw)
        else:
            yield Unparsed("neither a request nor an answer", "codex stdout", raw)

    def _notified(self, frame: Frame, raw: bytes) -> Iterator[Effect]:
        match frame.method:
            case "item/agentMessage/delta" | "item/plan/delta":
                yield from self._of_a_turn(self._items.said(decode(frame.params, DeltaParams), raw))
            case "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta":
                yield from self._of_a_turn(self._items.thought(decode(frame.params, DeltaParams), raw))
            case "item/commandExecution/outputDelta" | "item/fileChange/outputDelta":
                yield from self._of_a_turn(self._items.printed(decode(frame.params, DeltaParams), raw))
            case "item/started":
                params = decode(frame.params, ItemParams)
                place = Place.of(params.item["id"], params.thread_id)
                yield from self._of_a_turn(self._changing(place, self._items.started(params, raw)))
            case "item/completed":
                yield from self._of_a_turn(self._completed(decode(frame.params, ItemParams), raw))
            case "turn/started":
                yield from self._turn_started(decode(frame.params, TurnParams), raw)
            case "turn/completed":
                yield from self._turn_completed(decode(frame.params, TurnParams), raw)
            case "error":
                yield from self._failed(decode(frame.params, ErrorParams), raw)
            case "serverRequest/resolved":
                yield from self._approvals.resolved(decode(frame.params, ResolvedParams).request_id)
            case "item/fileChange/patchUpdated" | "item/reasoning/summaryPartAdded":
                facts = members(plain(frame.params))
                yield from self._of_a_turn(self._changing(Place.told_in(facts), self._items.grew(facts, raw)))
            case "thread/tokenUsage/updated":
                usage = decode(frame.params, UsageParams)
                # A resumed thread tells of its former life, perhaps after the first prompt has been written.
                counts = usage.turn_id in self._background.sub_turns.values() or (
                    self._turn.open and usage.turn_id == self._turn.started
                )
                self._usage.updated(usage.thread_id, usage.token_usage, counts=counts)
                if counts:
                    yield from self._statuses.told(frame, self._items, raw)
            case _:
                yield from self._statuses.told(frame, self._items, raw)

    def _of_a_turn(self, effects: Iterator[Effect]) -> Iterator[Effect]:
        """Of one that is open, or else of one of the agent's own when something goes on."""
        return effects if self._turn.open or not self._background else self._in_its_own(effects)

    def _in_its_own(self, effects: Iterator[Effect]) -> Iterator[Effect]:
        yield from self._background.beside(effects)
        yield from self._background_changed()

    def _background_changed(self) -> Iterator[Effect]:
        yield from self._background.changed(within=self._turn.open)
        if self._background.over():
            outcome = "interrupted" if self._background.stopping else "completed"
            self._background.turn_ended()
            yield from self._items.turn_ended(failed=False, goes_on=self._background.goes_on)
            yield TurnEnded(outcome, self._usage.turn_ended({}))

    def _changing(self, place: Place, effects: Iterator[Effect]) -> Iterator[Effect]:
        """Of an item that may be a patch which is being approved, or have its id."""
        before = self._items.begun.patches(place)
        yield from effects
        if self._items.begun.patches(place) != before:
            yield from self._approvals.changed(place)

    def _completed(self, params: ItemParams, raw: bytes) -> Iterator[Effect]:
        if params.thread_id == self._thread and not self._resumable:
            self._resumable = True
            yield NativeSessionNamed(params.thread_id, resumable=True)
        if params.item.get("clientId") is None:  # else it is our prompt, which the client has seen
            yield from self._items.completed(params, raw)
            yield from self._background_changed()

    def _turn_started(self, params: TurnParams, raw: bytes) -> Iterator[Effect]:
        if params.thread_id == self._thread:
            self._turn.began(as_text(params.turn.get("id")))
            self._background.turn_ended()  # it is codex's own now
            yield TurnStarted(synthetic=False, raw=raw)
            yield from self._stop()
        else:
            turn_id = as_text(params.turn.get("id"))
            self._background.sub_turns.put(params.thread_id, turn_id, len(turn_id))
            yield from self._background_changed()

    def _turn_completed(self, params: TurnParams, raw: bytes) -> Iterator[Effect]:
        completed = Completed(params.turn, raw)
        if params.thread_id != self._thread:
            self._background.sub_turns.pop(params.thread_id)
            yield from self._background_changed()
        elif self._turn.completed(completed):
            yield from self._end_turn(params.thread_id, completed)

    def _end_turn(self, thread: str, completed: Completed) -> Iterator[Effect]:
        turn, raw = completed.turn, completed.raw
        outcome = _OUTCOMES.get(as_text(turn.get("status")), "failed")
        yield from self._approvals.turn_ended(thread)
        if outcome == "failed" and not self._turn.told_error:
            yield Errored(error_data(members(turn.get("error")), retryable=False), raw=raw)
        self._turn.end = TurnEnded(outcome, self._usage.turn_ended(turn), synthetic=False, raw=raw)
        if self._turn.interrupting or outcome == "interrupted":
            yield self._requests.clean(thread)
        else:
            yield from self._turn_over()

    def _turn_over(self) -> Iterator[Effect]:
        end = self._turn.end
        self._turn.over()
        if end is not None:
            goes_on = _nothing if end.outcome == "interrupted" else self._background.goes_on
            yield from self._items.turn_ended(failed=end.outcome != "completed", goes_on=goes_on)
            yield from self._background_changed()
            yield end

    def _failed(self, params: ErrorParams, raw: bytes) -> Iterator[Effect]:
        if params.thread_id not in ("", self._thread):
            yield self._statuses.sub_agent_failed(params, self._items, raw)
            return
        self._turn.told_error = self._turn.told_error or not params.will_retry
        yield Errored(error_data(params.error, retryable=params.will_retry), params.will_retry, raw=raw)

    def _answered(self, request_id: str, frame: Frame, raw: bytes) -> Iterator[Effect]:
        match request_id.partition("_")[0]:
            case "initialize" if not self._ready:
                yield from self._initialized(frame, raw)
            case codex_launch.LOGIN:
                if frame.error is not None:
                    yield Errored(rpc_error(frame.error, "login_failed"), raw=raw)
            case "thread" if self._thread is None:
                yield from self._thread_answered(frame, raw)
            case "turn":
                yield from self._turn_answered(frame, raw)
            case "compact":
                if frame.error is not None:
                    yield from self._turn_refused(frame.error, raw)
            case "clean":
                yield from self._turn_over()  # also when codex could not
            case "interrupt":
                if frame.error is not None and self._turn.open:
                    yield Unparsed(f"the interrupt failed: {as_text(frame.error)}", "codex response", raw)
            case "stop":
                pass  # a sub-agent may have ended by itself
            case _:
                yield Unparsed(f"an answer to {request_id!r}, which was not asked", "codex response", raw)

    def _initialized(self, frame: Frame, raw: bytes) -> Iterator[Effect]:
        if frame.error is not None:
            yield Errored(rpc_error(frame.error, "start_failed"), raw=raw)
        yield Write(line({"method": "initialized"}))
        if login := codex_launch.login(self._spec):
            yield Write(line(login))
        yield self._requests.open_thread(self._resume)

    def _thread_answered(self, frame: Frame, raw: bytes) -> Iterator[Effect]:
        if frame.error is None:
            result = decode(frame.result, ThreadResult)
            self._thread = as_text(result.thread.get("id"))
            self._model = result.model if isinstance(result.model, str) else None
            self._resumable = self._resume is not None
            yield NativeSessionNamed(self._thread, self._resumable)
            if self._spec.resume is not None:
                yield ConversationOpened(resumed=self._resume is not None)
        elif self._resume is not None and _NO_THREAD in as_text(frame.error):
            yield Errored(rpc_error(frame.error, "resume_failed", retryable=True), retryable=True, raw=raw)
            self._resume = None
            yield self._requests.open_thread(self._resume)
            return
        else:
            yield Errored(rpc_error(frame.error, "resume_failed" if self._resume else "start_failed"), raw=raw)
        if not self._ready:
            self._ready = True  # also without a thread: the next prompt tries again
            yield Ready()
        if (held := self._held) is not None:
            self._held = None
            yield from self._take_up(held)

    def _take_up(self, prompt: Prompt) -> Iterator[Effect]:
        if self._thread is not None:
            yield self._start_turn(self._thread, prompt)
        else:
            self._turn.over()
            yield TurnEnded("failed")

    def _turn_answered(self, frame: Frame, raw: bytes) -> Iterator[Effect]:
        if frame.error is not None:
            yield from self._turn_refused(frame.error, raw)
            return
        completed = self._turn.named(as_text(decode(frame.result, TurnResult).turn.get("id")))
        if completed is not None and self._thread is not None:
            yield from self._end_turn(self._thread, completed)
        else:
            yield from self._stop()

    def _turn_refused(self, error: Any, raw: bytes) -> Iterator[Effect]:
        self._turn.over()
        yield Errored(rpc_error(error, "jsonrpc.error"), raw=raw)
        yield TurnEnded("failed", synthetic=False, raw=raw)


def _nothing(_: Begun) -> bool:
    """What goes on after an interrupt."""
    return False
