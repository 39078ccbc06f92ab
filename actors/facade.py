"""What can be asked of the daemon, as methods: transport knows it by this class, and none of its actors."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

import trio
from attrs import frozen

from ..schema.api.agent_info import AgentInstallRequest, AgentListResponse, AgentModelsResponse, AgentModesResponse
from ..schema.api.commands import (
    Command,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    QueueCancelCommand,
    TerminateCommand,
)
from ..schema.api.sessions import (
    CreateSessionRequest,
    CreateSessionResponse,
    PermissionListResponse,
    QuestionListResponse,
    QueuedMessage,
    QueueResponse,
    SessionInfo,
    SessionListResponse,
)
from ..schema.approvals.decided_by import LOCAL, DecidedBy
from ..schema.approvals.rules import RuleListResponse
from ..schema.problems import (
    Problem,
    internal_error,
    journal_unavailable,
    prompt_not_queued,
    shutting_down,
)
from ..schema.redaction.redactor import Redactor
from .agents.catalog import check_version
from .approvals.broker import (
    ExecuteApproval,
    ListPermissions,
    ListQuestions,
    ListRules,
    RevokeRule,
)
from .files.client_path import working_directory
from .installs.installer import Install, Installs
from .installs.job import InstallRequest
from .isolation.isolation import Isolation
from .journal.event_log import EventLog
from .journal.interface import CommandKey, Entry, JournalHealth, JournalUnavailable, KeptAnswer, QueuedPrompt
from .journal.outage import Outage
from .kernel.mailbox import ActorCrashed, ActorGone, ActorStopped, Mailbox, Request
from .kernel.supervisor import Chain, Child
from .machine.shortage import shortage_told
from .sessions.attachments import attached
from .sessions.context import SessionContext
from .sessions.messages import Execute, Open, RuleRevoked
from .sessions.registry import Census, Count, Create, Drop, Find, Found, List
from .sessions.snapshot import ended_problem

R = TypeVar("R")


@frozen
class Health:
    """``problems`` is empty when all is well. Unless ``accepting``, whatever would have to be kept is refused.
    ``isolation`` is what keeps agents from us and from each other."""

    problems: tuple[str, ...] = ()
    accepting: bool = True
    isolation: Isolation | None = None


class DaemonFacade:
    """Every method raises :class:`Problem` for what the caller did wrong, and for what went wrong with the agent.

    ``settings`` are those that hold, ``codec`` reads and writes every body, ``table`` knows the processes, and
    ``tokens`` are those that were given out."""

    def __init__(self, context: SessionContext, installer: Mailbox, chain: Chain) -> None:
        """``chain`` is that of the actors; ``installer`` the mailbox of one of them."""
        self.settings = context.settings
        self.codec = context.codec
        self.table = context.table
        self.counters = context.counters
        self.failpoints = context.failpoints
        self.tokens = context.tokens
        self._context = context
        self._journal = context.journal
        self._broker = context.broker
        self._registry = context.registry
        self._catalog = context.catalog
        self._credentials = context.credentials
        self._files = context.files
        self._cells = context.cells
        self._installer = installer
        self._chain = chain

    @property
    def redactor(self) -> Redactor:
        """Of the daemon's own secrets, for what is told beside events."""
        return self._context.redactor

    def health(self) -> Health:
        troubles = self._journal.health().troubles
        if not self._journal.writable and not troubles:
            troubles = ("the journal cannot be written",)
        troubles = (*troubles, *self.table.troubles, *self.tokens.troubles)
        return Health(troubles, self._journal.writable, self._cells.isolation)

    @property
    def outage(self) -> Outage:
        """Whether the journal cannot be written just now."""
        return self._journal.outage

    async def census(self) -> Census:
        return await self._ask(self._registry, Count())

    def journal_health(self) -> JournalHealth:
        return self._journal.health()

    def actor_restarts(self) -> Mapping[str, int]:
        """By the kind of actor; one that ended because another crashed was restarted too."""
        return {**self._chain.restarts(), "session": self.counters.session_restarts}

    @property
    def feed(self) -> EventLog:
        """The events of all sessions, in the order in which they became visible."""
        return self._journal.feed

    async def create_session(self, session_id: str, request: CreateSessionRequest) -> CreateSessionResponse:
        """An agent that is not there is installed first; the session is there meanwhile, and tells of the progress."""
        self.check_writable()
        resolved = self._catalog.resolve(request)
        with shortage_told():
            missing = await self._missing(request)
            directory = await working_directory(request.directory, self._files, self.table.user)
            # Before an install: its minutes would be in vain.
            await self._credentials.require(request.agent, directory)
        # Shielded: a client that hangs up now must not leave a session that was registered and never opened.
        with trio.CancelScope(shield=True) as shield:
            return await self._create(Create(session_id, resolved, directory), missing, shield)
        raise AssertionError("a shielded scope is never cancelled")

    async def _missing(self, request: CreateSessionRequest) -> InstallRequest | None:
        """What must be installed before the session can start. Raises the ``agent_not_installed`` problem when
        installing is switched off."""
        definition, version = self._catalog.definition(request.agent), request.agent_version
        if await self._catalog.find(definition, version) is not None:
            return None
        if not self.settings.auto_install:
            await self._catalog.executable(definition, version)
        return InstallRequest.make(definition.id, version, current=False)

    async def _create(
        self, create: Create, missing: InstallRequest | None, shield: trio.CancelScope
    ) -> CreateSessionResponse:
        found = await self._ask(self._registry, create)
        try:
            if missing is not None and found.child is not None:
                # An install takes minutes: here a client may hang up, and its session goes. The install goes on.
                shield.shield = False
                await self._ask(self._installer, Install(missing, found.child.mailbox))
                shield.shield = True
            with self.outage.bounded():
                return await self._ask_session(create.session_id, found, Open())
            raise AssertionError("what is cancelled in there is a problem out here")
        except BaseException:
            shield.shield = True
            with suppress(Problem), self.outage.bounded():
                if missing is not None:  # its log has begun, so it also ends
                    await self._ask_session(create.session_id, found, Execute(TerminateCommand()))
            with suppress(Problem), self.outage.bounded():
                await self._ask(self._registry, Drop(create.session_id))
            raise

    async def session_info(self, session_id: str) -> SessionInfo:
        return (await self._find(session_id)).info(self.settings)

    async def list_sessions(self) -> SessionListResponse:
        """Newest first."""
        return await self._ask(self._registry, List())

    async def delete_session(self, session_id: str) -> None:
        """End the session if it has not ended, and forget it and its events; its id is free again."""
        self.check_writable()
        with self.outage.bounded():
            await self.execute(session_id, TerminateCommand())
            await self._ask(self._registry, Drop(session_id))

    async def log(self, session_id: str) -> EventLog:
        return (await self._find(session_id)).log

    async def queue(self, session_id: str) -> QueueResponse:
        """The prompts that wait."""
        chars = self.settings.queue_text_chars
        waiting = (await self._find(session_id)).snapshot.row.waiting
        return QueueResponse(tuple(_queued(prompt, place, chars) for place, prompt in enumerate(waiting, 1)))

    # Commands. With a key the answer is kept in the same entry of the journal as what the command did; `Commands` looks
    # for it there before it asks us for anything.

    async def execute(
        self, session_id: str, command: Command, key: CommandKey | None = None, by: DecidedBy = LOCAL
    ) -> object:
        """Hand the command to the actor that executes it; the result is of its class ``result``. What is said of a
        command here is what must be done before the session gets it, or in its place."""
        found = await self._find(session_id)
        match command:
            case PermissionReplyCommand() | QuestionReplyCommand() | QuestionRejectCommand():
                return await self._ask(self._broker, ExecuteApproval(session_id, command, key, by))
            case TerminateCommand():
                return await self._terminate(found, Execute(command, key))
            case QueueCancelCommand(turn_id=turn_id) if found.snapshot.row.ended:
                raise prompt_not_queued(turn_id, "the session has ended")
            case MessageCommand():
                row = found.snapshot.row
                definition = self._catalog.definition(row.request.agent)
                files = await attached(command, definition, row.directory, self.settings, self._files)
                return await self._ask_session(session_id, found, Execute(command, key, files))
            case _:
                return await self._ask_session(session_id, found, Execute(command, key))

    async def _terminate(self, found: Found, execute: Execute) -> None:
        """Returns when no process of the session is left and that is written. Nothing happens when it has ended. During
        an outage its processes are ended at once, and what waits for the journal waits on."""
        if found.child is None:
            return
        with self.outage.limit(0) as scope:
            await self._end(found.child, execute)
        if scope.cancelled_caught:
            found.child.renew()
            await self._end(found.child, execute)

    async def _end(self, child: Child, execute: Execute) -> None:
        with suppress(ActorGone):  # it has ended
            try:
                await child.mailbox.ask(execute)
            except ActorCrashed as error:
                raise internal_error(str(error)) from error
        await child.ended.wait()

    async def rules(self, session_id: str) -> RuleListResponse:
        """What humans have allowed for the rest of the session."""
        await self._find(session_id)
        return await self._ask(self._broker, ListRules(session_id))

    async def revoke_rule(self, session_id: str, rule_id: str, by: DecidedBy = LOCAL) -> None:
        """From now on the rule grants nothing. Raises the ``rule_not_found`` problem."""
        self.check_writable()
        found = await self._find(session_id)
        rule = await self._ask(self._broker, RevokeRule(session_id, rule_id))
        with self.outage.bounded():
            await self._ask_session(session_id, found, RuleRevoked(rule, by))

    async def kept_answer(self, session_id: str, name: str) -> KeptAnswer | None:
        """What the session's command of that key was answered first."""
        return await self._journal.answer(session_id, name)

    def check_writable(self) -> None:
        """Raises a 503 problem while nothing can be kept: what we accepted would wait, and its client with it."""
        self.outage.check()
        if not self._journal.writable:
            raise journal_unavailable("it is being opened")

    async def written(self, session_id: str, log: EventLog) -> None:
        """Returns when all that the session has given to the journal so far is kept, or never will be."""
        if not log.closed:
            with suppress(JournalUnavailable):
                await self._journal.write(Entry(session_id))

    async def keep_answer(self, session_id: str, log: EventLog, answer: KeptAnswer) -> None:
        """Of a command that did nothing. Not kept when the session whose log that was has gone meanwhile."""
        if not log.closed:
            with suppress(JournalUnavailable):
                await self._journal.write(Entry(session_id, answers=(answer,)))

    async def pending_permissions(self) -> PermissionListResponse:
        return await self._ask(self._broker, ListPermissions())

    async def pending_questions(self) -> QuestionListResponse:
        return await self._ask(self._broker, ListQuestions())

    async def list_agents(self) -> AgentListResponse:
        return await self._catalog.list(await self._ask(self._installer, Installs()))

    async def install_agent(self, agent: str, request: AgentInstallRequest) -> None:
        """Install an agent and make that version the current one. Nothing happens when it is there already, unless
        it shall be installed anew; a program on PATH is enough when no version is named."""
        definition = self._catalog.definition(agent)
        check_version(request.agent_version)
        named, reinstall = request.agent_version, bool(request.reinstall)
        there = named is None and await self._catalog.find(definition) is not None
        if definition.executable is None or (there and not reinstall):
            return
        await self._ask(self._installer, Install(InstallRequest.make(agent, named, reinstall=reinstall)))

    async def agent_modes(self, agent: str) -> AgentModesResponse:
        return self._catalog.modes(agent)

    async def agent_models(self, agent: str) -> AgentModelsResponse:
        return await self._catalog.models(agent)

    async def _find(self, session_id: str) -> Found:
        return await self._ask(self._registry, Find(session_id))

    async def _ask(self, mailbox: Mailbox, request: Request[R]) -> R:
        try:
            return await mailbox.ask(request)
        except (ActorGone, ActorStopped) as error:
            raise shutting_down() from error
        except ActorCrashed as error:
            raise internal_error(str(error)) from error

    async def _ask_session(self, session_id: str, found: Found, request: Request[R]) -> R:
        if found.mailbox is None:
            raise ended_problem(found.snapshot.row)
        try:
            return await found.mailbox.ask(request)
        except ActorGone as error:
            # It ended while we asked: the registry knows by now how.
            found = await self._find(session_id)
            raise ended_problem(found.snapshot.row) from error
        except ActorCrashed as error:
            raise internal_error(str(error)) from error


def _queued(queued: QueuedPrompt, position: int, chars: int) -> QueuedMessage:
    prompt = queued.prompt
    text, truncated = prompt.text[:chars], len(prompt.text) > chars
    return QueuedMessage(queued.turn_id, position, queued.at_ms, text, truncated, len(prompt.attachments))
