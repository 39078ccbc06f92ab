"""OpenCode's dialect: the REST calls and the event stream of `opencode serve` (captured from 1.18.33).

One server serves one session of ours. What we say is a call, what happens is told by the stream, so the two are never
in step: an event may still tell of the turn before, and an answer may come after what it caused.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ...api.sessions import PermissionReply
from ...bounds import bounded_id
from ...events import ErrorData
from ..dialect import AgentSpec, Effects, ExitStatus, HttpResponse, Launch, Prompt
from ..effects import (
    CallHttp,
    Effect,
    Errored,
    TurnEnded,
    Unparsed,
)
from ..json_lines import BAD_JSON, MOST_PARTS, decode, elements, members, plain, untold
from ..names import Names
from ..outline import outline
from ..prompts import opened
from ..remembered import Remembered
from . import commands as opencode_commands
from . import launch as opencode_launch
from .approvals import REPLY, Approvals
from .handshake import Handshake
from .http import call, is_busy, refused, session_path
from .news import MCP, News
from .status import ABORTED, error, is_ignored, retry, status, todos
from .turn import Turn
from .wire import (
    Delta,
    Event,
    MessageUpdate,
    Part,
    PartUpdate,
    PermissionAsked,
    QuestionAsked,
    Recorded,
    Replied,
    SessionEvent,
    SessionUpdate,
)

RECOVERED_MESSAGES = 100
"""How many of the latest messages are read again when the stream was broken."""

MOST_CHECKS = 10
"""How often an idle session is asked for the end of an answer before the turn ends without it."""


class OpenCode:
    """The state machine of one opencode server."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        names = Names(spec.taken)
        self._approvals = Approvals(names, accept_edits=spec.permission_mode == "acceptEdits")
        self._news = News(names)
        self._handshake = Handshake(spec, self._news)
        self._turn: Turn | None = None
        self._last_prompt_id: str | None = None
        self._prompts = 0
        # The item that called each sub-agent, by the sub-agent's session.
        self._callers = Remembered[str | None]()

    def __repr__(self) -> str:
        state = "starting" if not self._handshake.ready else "idle" if self._turn is None else repr(self._turn)
        return f"<OpenCode {self._native_id} {state} {self._approvals!r}>"

    @property
    def _native_id(self) -> str | None:
        return self._handshake.session_id

    # What the session wants.

    def launch(self) -> Launch:
        return opencode_launch.launch(self._spec)

    def begin(self) -> Effects:
        """The server speaks first: it says where it listens."""
        return ()

    def prompt(self, prompt: Prompt) -> Effects:
        self._prompts += 1
        effects = opened(prompt)
        if self._native_id is None:
            data = ErrorData(f"opencode has no session: {self._handshake.reason}", "no_session")
            return [*effects, Errored(data, synthetic=True), TurnEnded("failed")]
        self._turn = Turn(self._prompts, self._native_id, self._approvals, self._callers)
        if opencode_commands.looks_like_command(prompt):
            self._turn.held = prompt
            return [*effects, opencode_commands.list_commands(self._turn.number)]
        return [*effects, opencode_commands.prompt_call(self._turn.number, self._native_id, prompt, self._asking)]

    @property
    def _asking(self) -> opencode_commands.Asking:
        return opencode_commands.Asking(self._handshake.agent, self._handshake.model, self._spec.variant)

    def receive(self, line: bytes) -> Effects:
        return self._handshake.heard(line)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        return list(self._approvals.permission_answered(permission_id, reply))

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        return list(self._approvals.question_answered(question_id, answers))

    def interrupt(self) -> Effects:
        if self._turn is None:
            return ()
        self._turn.interrupting = True
        if self._turn.held is not None:
            return list(self._end(self._turn))
        return [self._abort(self._turn), *self._approvals.stopped()]

    def exited(self, status: ExitStatus) -> Effects:
        self._turn = None
        return ()

    # What the server answers.

    def responded(self, call_id: str, response: HttpResponse) -> Effects:
        try:
            return list(self._answered(call_id, response))
        except BAD_JSON as problem:
            unparsed = Unparsed(str(problem), f"opencode answer to {call_id}", response.body)
            approvals = call_id.partition(" ")[0] in ("permission", "question")
            # An ask that nobody can see would hold the turn for ever.
            return (unparsed, self._abort(self._turn)) if approvals and self._turn is not None else (unparsed,)

    def _answered(self, call_id: str, response: HttpResponse) -> Iterator[Effect]:
        what, _, about = call_id.partition(" ")
        turn = self._turn if self._turn is not None and about == str(self._turn.number) else None
        match what:
            case opencode_commands.COMMANDS if turn is not None and (held := turn.held) is not None:
                turn.held = None
                about_it = (turn.number, self._native_id, held, self._asking)
                yield opencode_commands.command_call(*about_it, response) or opencode_commands.prompt_call(*about_it)
            case "prompt" if turn is not None and not response.ok:
                turn.failed = True
                yield Errored(refused(response, "prompt_failed"), synthetic=response.status == 0)
                yield self._abort(turn)  # it may have been taken all the same
                yield from self._end(turn)
            case "abort" if turn is not None:
                yield self._ask_status(turn)
            case "status" if turn is not None and response.ok:
                if turn.under_way and not is_busy(plain(response.body), self._native_id):
                    yield from self._idle(turn)
            case _ if what == MCP and response.ok:
                yield from self._news.servers(plain(response.body), response.body)
            case "messages" if turn is not None and response.ok:
                yield from self._recover(turn, response.body)
            case "permission" | "question" if response.ok:
                for asked in elements(plain(response.body))[:MOST_PARTS]:
                    yield from self._asked_again(what, msgspec.json.encode(asked))
            case _ if call_id.startswith(REPLY) and not response.ok and response.status != 404:
                # 404: it waits no longer; that is what was wanted, or is told by the stream.
                yield Errored(refused(response, "reply_failed"), retryable=True)
            case _:
                yield from self._handshake.answered(what, response)

    # What the stream tells.

    def stream_opened(self) -> Effects:
        """Not yet: `server.connected` is what says that events come from now on."""
        return ()

    def streamed(self, data: bytes) -> Effects:
        try:
            return list(self._read(decode(data, Event), data))
        except RecursionError as problem:
            refused = self._approvals.unreadable(outline(data), data)
            return list(refused) or (Unparsed(str(problem), "opencode event", data),)
        except BAD_JSON as problem:
            return (Unparsed(str(problem), "opencode event", data),)

    def _read(self, event: Event, raw: bytes) -> Iterator[Effect]:
        match event.type:
            case "message.part.delta":
                if self._turn is not None:
                    yield from self._turn.messages.delta(decode(event.properties, Delta), raw)
            case "message.part.updated":
                if self._turn is not None:
                    yield from self._part(self._turn, decode(event.properties, PartUpdate).part, raw)
            case "message.updated":
                yield from self._message(decode(event.properties, MessageUpdate))
            case "permission.asked" | "question.asked":
                yield from self._asked(event.type.partition(".")[0], bytes(event.properties), raw)
            case "permission.replied" | "question.replied" | "question.rejected":
                yield from self._approvals.withdrawn(decode(event.properties, Replied).request_id)
            case "session.updated":
                session = decode(event.properties, SessionUpdate).info
                if session.id == self._native_id:
                    yield from self._news.titled(session.title, event.id, raw)
            case "mcp.browser.open.failed":
                yield self._news.browser(plain(event.properties), event.id, raw)
            case "mcp.tools.changed":
                yield self._news.ask()
            case "session.created":
                session = decode(event.properties, SessionUpdate).info
                if session.parent_id is not None and (child := bounded_id(session.id)) not in self._callers:
                    self._callers.put(child, None)
            case "session.status" | "session.idle" | "session.error" | "session.compacted" | "todo.updated":
                yield from self._session(event, decode(event.properties, SessionEvent), raw)
            case "server.connected":
                yield from self._subscribed()
            case kind:
                if not is_ignored(kind):
                    yield Unparsed(f"unknown event {kind!r}", "opencode event", raw)

    def _subscribed(self) -> Iterator[Effect]:
        yield from self._handshake.connected()
        if (turn := self._turn) is not None:
            # The stream was broken. In this order: what was said, what is asked, whether it is over.
            yield self._ask_history(turn)
            yield call(f"permission {turn.number}", "GET", "/permission")
            yield call(f"question {turn.number}", "GET", "/question")
            yield self._ask_status(turn)

    def _part(self, turn: Turn, part: Part, raw: bytes) -> Iterator[Effect]:
        if part.type == "step-start":
            yield from self._news.model_asked(turn.number)
        yield from turn.messages.part(part, raw)

    def _message(self, update: MessageUpdate) -> Iterator[Effect]:
        turn, message = self._turn, update.info
        if turn is None:
            return
        was_taken_up = turn.messages.prompt_id is not None
        turn.messages.message(message)
        if not was_taken_up and turn.messages.prompt_id is not None and turn.interrupting:
            # The interrupt may have come before opencode had taken up the prompt, and stopped nothing. That it was
            # answered may be heard only after this: calls and the stream are two connections.
            yield self._abort(turn)

    def _session(self, event: Event, facts: SessionEvent, raw: bytes) -> Iterator[Effect]:
        turn, own = self._turn, facts.session_id == self._native_id
        child = bounded_id(facts.session_id)
        parent = self._callers.get(child)
        if turn is None or not (own or child in self._callers):
            return
        match event.type:
            case "session.status" if facts.status.type == "retry":
                yield retry(facts.status, event.id, parent, raw)
                yield from self._news.model_asked(turn.number)
            case "session.compacted":
                yield status("compacted", None, event.id, parent, raw)
            case "todo.updated":
                yield todos(facts.todos, event.id, parent, raw)
            case "session.error" if own:
                yield from self._failed(turn, facts.error, raw)
            case "session.error" if members(facts.error).get("name") != ABORTED:
                # A sub-agent's: the tool that called it tells the agent, which goes on.
                yield Errored(error(facts.error, retryable=True), retryable=True, raw=raw)
            case "session.idle" if own and turn.messages.prompt_id is not None:
                if turn.messages.last is not None and turn.messages.complete:
                    yield from self._end(turn, raw)
                else:
                    # Too early, or an idle that was meant for the turn before; the server knows.
                    yield self._ask_status(turn)
            case _:
                pass

    def _failed(self, turn: Turn, said: Any, raw: bytes) -> Iterator[Effect]:
        """An error is told twice, the second time with a trace; and it is not always followed by an idle."""
        if members(said).get("name") == ABORTED:
            turn.aborted = True
        elif not turn.failed:
            turn.failed = True
            yield Errored(error(said), raw=raw)
        yield self._ask_status(turn)

    def _asked(self, what: str, properties: bytes, raw: bytes) -> Iterator[Effect]:
        """Whoever asks, also a sub-agent that we have not heard of yet: the server is ours alone."""
        if what == "permission":
            yield from self._approvals.permission(decode(properties, PermissionAsked), raw)
        else:
            yield from self._approvals.question(decode(properties, QuestionAsked), raw)

    def _asked_again(self, what: str, asked: bytes) -> Iterator[Effect]:
        if self._turn is not None and not self._turn.interrupting:
            yield from self._asked(what, asked, asked)

    def _recover(self, turn: Turn, body: bytes) -> Iterator[Effect]:
        """The ledger drops what clients have seen already."""
        history = decode(body, list[Recorded])
        prompts = [index for index, recorded in enumerate(history) if recorded.info.role == "user"]
        begin = next(
            (i for i in prompts if history[i].info.id == turn.messages.prompt_id), prompts[-1] if prompts else 0
        )
        if prompts and history[begin].info.id == self._last_prompt_id:
            return  # the prompt has not been taken up yet
        for recorded in history[begin:]:
            turn.messages.message(recorded.info)
            for part in recorded.parts[:MOST_PARTS]:
                yield from turn.messages.part(part, msgspec.json.encode(part))
            yield from untold(recorded.parts, "opencode message", msgspec.json.encode(recorded.info))
            if recorded.info.error is not None:
                yield from self._failed(turn, recorded.info.error, msgspec.json.encode(recorded.info))

    # How a turn ends.

    def _idle(self, turn: Turn) -> Iterator[Effect]:
        """The server is at rest. An answer that was stopped is put down some milliseconds later."""
        if turn.messages.complete or turn.checks == MOST_CHECKS:
            yield from self._end(turn)
        else:
            turn.checks += 1
            yield self._ask_history(turn)
            yield self._ask_status(turn)

    def _end(self, turn: Turn, raw: bytes | None = None) -> Iterator[Effect]:
        self._turn = None
        self._last_prompt_id = turn.messages.prompt_id
        yield from self._approvals.turn_ended()
        yield TurnEnded(turn.outcome, turn.metadata, synthetic=raw is None, raw=raw)

    def _abort(self, turn: Turn) -> CallHttp:
        return call(f"abort {turn.number}", "POST", session_path(self._native_id, "abort"))

    def _ask_status(self, turn: Turn) -> CallHttp:
        return call(f"status {turn.number}", "GET", "/session/status")

    def _ask_history(self, turn: Turn) -> CallHttp:
        path = session_path(self._native_id, f"message?limit={RECOVERED_MESSAGES}")
        return call(f"messages {turn.number}", "GET", path)
