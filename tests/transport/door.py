"""A double of the daemon's face (`actors/facade.py`): the same methods over real logs, with nothing behind them.

Tests of the transport decide what a session says, and when. ``api/test_real_daemon.py`` uses the real one.
"""

import itertools

import trio

from sandbox_agent.actors.journal.interface import CommandKey, KeptAnswer
from sandbox_agent.actors.journal.kept_answers import keep_result
from sandbox_agent.actors.journal.outage import Outage
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.kernel.failpoints import Failpoints
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.actors.public import EventLog, Health, TokenKeeper
from sandbox_agent.schema.api.agent_info import (
    AgentListResponse,
    AgentModeInfo,
    AgentModelsResponse,
    AgentModesResponse,
)
from sandbox_agent.schema.api.commands import (
    Command,
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    QueueCancelCommand,
    Receipt,
    TerminateCommand,
)
from sandbox_agent.schema.api.sessions import (
    CreateSessionRequest,
    CreateSessionResponse,
    InterruptResponse,
    PermissionListResponse,
    QuestionListResponse,
    QueuedMessage,
    QueueResponse,
    SessionInfo,
    SessionListResponse,
)
from sandbox_agent.schema.approvals.decided_by import LOCAL, DecidedBy
from sandbox_agent.schema.approvals.rules import RuleListResponse
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EventEncoder
from sandbox_agent.schema.events import ItemDeltaData, PermissionEventData, SessionEndedData, TurnEventData
from sandbox_agent.schema.problems import (
    Problem,
    queue_full,
    session_already_exists,
    session_not_found,
    unsupported_agent,
)
from sandbox_agent.schema.settings import Settings
from sandbox_agent.schema.timeouts import Timeouts

TIME = "2026-01-01T00:00:00Z"


class Script:
    """Appends events to one session's log, as its actor would."""

    def __init__(self, session_id: str, log: EventLog, feed: EventLog, codec: Codec) -> None:
        self.log = log
        self.feed = feed
        self.encoder = EventEncoder(session_id, codec)
        self.sequence = 0

    def say(self, type_, data, *, ends_stream: bool = False, raw: bytes | None = None) -> None:
        self.sequence += 1
        event = self.encoder.encode(self.sequence, TIME, type_, data, synthetic=False, raw=raw, ends_stream=ends_stream)
        self.log.append([event], 0)
        self.feed.append([event], 0)

    def delta(self, text: str = "x", count: int = 1, raw: bytes | None = None) -> None:
        for _ in range(count):
            self.say("item.delta", ItemDeltaData("itm_1", None, text), raw=raw)

    def turn_started(self, turn_id: str) -> None:
        self.say("turn.started", TurnEventData("started", turn_id))

    def turn_ended(self, turn_id: str) -> None:
        self.say("turn.ended", TurnEventData("ended", turn_id), ends_stream=True)

    def permission_requested(self) -> None:
        self.say("permission.requested", PermissionEventData("perm_1", "Bash", "requested"))

    def session_ended(self) -> None:
        self.say("session.ended", SessionEndedData("terminated", "daemon"), ends_stream=True)


class Door:
    """``calls`` is what was asked, in order; ``refusal`` is raised by the next command instead of doing it.

    Answers to commands with a key are kept by life of a session, as the journal does."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.codec = Codec()
        self.failpoints = Failpoints()
        self.table = ProcessTable()
        self.outage = Outage(self.settings.journal_patience)
        self.answers: dict[tuple[str, str], KeptAnswer] = {}
        self.feed = EventLog("feed", self.settings.feed_bytes)
        self.sessions: dict[str, Script] = {}
        self.calls: list[tuple] = []
        self.decided_by: list[DecidedBy] = []
        self.refusal: Exception | None = None
        self.hold: trio.Event | None = None
        self.state = Health()
        self.clock = Clock()
        self.tokens = TokenKeeper(None, self.settings, self.clock)
        self._turns = itertools.count(1)
        self._lives = itertools.count(1)

    def session(self, session_id: str = "s") -> Script:
        log = EventLog(f"log{next(self._lives)}", self.settings.log_bytes)
        script = self.sessions[session_id] = Script(session_id, log, self.feed, self.codec)
        return script

    def close(self) -> None:
        self.feed.close()
        for script in self.sessions.values():
            script.log.close()

    def health(self) -> Health:
        return self.state

    def _find(self, session_id: str) -> Script:
        if session_id not in self.sessions:
            raise session_not_found(session_id)
        return self.sessions[session_id]

    async def kept_answer(self, session_id: str, name: str) -> KeptAnswer | None:
        await trio.lowlevel.checkpoint()
        return self.answers.get((self._find(session_id).log.log_id, name))

    def check_writable(self) -> None:
        pass

    async def written(self, session_id: str, log: EventLog) -> None:
        await trio.lowlevel.checkpoint()

    async def keep_answer(self, session_id: str, log: EventLog, answer: KeptAnswer) -> None:
        self.answers[log.log_id, answer.key.name] = answer

    def _answered(self, session_id: str, key: CommandKey | None, result: object = None) -> None:
        if key is not None:
            kept = keep_result(self.codec, key, result)
            self.answers[self.sessions[session_id].log.log_id, key.name] = kept

    async def _do(self, *call) -> None:
        self._find(call[1])
        self.calls.append(call)
        if self.hold is not None:
            await self.hold.wait()
        await trio.lowlevel.checkpoint()
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    async def create_session(self, session_id: str, request: CreateSessionRequest) -> CreateSessionResponse:
        if request.agent != "mock":
            raise unsupported_agent(request.agent, ("mock",))
        if session_id in self.sessions:
            raise session_already_exists(session_id)
        self.session(session_id)
        self.calls.append(("create", session_id, request))
        return CreateSessionResponse(healthy=True)

    async def session_info(self, session_id: str) -> SessionInfo:
        log = self._find(session_id).log
        return SessionInfo(
            session_id,
            "mock",
            "build",
            "default",
            None,
            None,
            None,
            False,
            log.last,
            1,
            1,
            None,
            None,
            "idle",
            0,
            log.log_id,
            Timeouts.of(None, Settings()),
            0,
            "untrusted",
        )

    async def list_sessions(self) -> SessionListResponse:
        cursor = f"{self.feed.log_id}:{self.feed.last}"
        return SessionListResponse(tuple([await self.session_info(name) for name in self.sessions]), cursor)

    async def delete_session(self, session_id: str) -> None:
        self._find(session_id)
        self.sessions.pop(session_id).log.close()

    async def log(self, session_id: str) -> EventLog:
        await trio.lowlevel.checkpoint()
        return self._find(session_id).log

    async def execute(
        self, session_id: str, command: Command, key: CommandKey | None = None, by: DecidedBy = LOCAL
    ) -> object:
        result: object = None
        match command:
            case MessageCommand(message=message):
                await self._do("send", session_id, message)
                result = Receipt(f"turn_{next(self._turns)}", self.sessions[session_id].log.last)
            case QueueCancelCommand(turn_id=turn_id):
                await self._do("cancel", session_id, turn_id)
            case InterruptCommand():
                await self._do("interrupt", session_id)
                result = INTERRUPTED
            case TerminateCommand():
                await self._do("terminate", session_id)
                return None
            case PermissionReplyCommand(permission_id=approval_id, reply=reply):
                self.decided_by.append(by)
                await self._do("permission", session_id, approval_id, reply)
            case QuestionReplyCommand(question_id=approval_id, answers=answers):
                self.decided_by.append(by)
                await self._do("question", session_id, approval_id, answers)
            case QuestionRejectCommand(question_id=approval_id):
                self.decided_by.append(by)
                await self._do("question", session_id, approval_id, None)
        self._answered(session_id, key, result)
        return result

    async def queue(self, session_id: str) -> QueueResponse:
        self._find(session_id)
        return QueueResponse((QueuedMessage("turn_1", 1, 1, "hi", False, 0),))

    async def pending_permissions(self) -> PermissionListResponse:
        return PermissionListResponse(())

    async def pending_questions(self) -> QuestionListResponse:
        return QuestionListResponse(())

    async def rules(self, session_id: str) -> RuleListResponse:
        self._find(session_id)
        return RuleListResponse(())

    async def revoke_rule(self, session_id: str, rule_id: str, by: DecidedBy = LOCAL) -> None:
        await self._do("revoke", session_id, rule_id, by)

    async def list_agents(self) -> AgentListResponse:
        return AgentListResponse(())

    async def agent_modes(self, agent: str) -> AgentModesResponse:
        return AgentModesResponse((AgentModeInfo("build", agent, ""),))

    async def agent_models(self, agent: str) -> AgentModelsResponse:
        return AgentModelsResponse(())


INTERRUPTED = InterruptResponse(interrupted=True, found="running", turn_id="turn_1", queued=0)
FULL: Problem = queue_full("s", 16)
