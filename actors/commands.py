"""Commands with a key: each is done once, and its first answer is what every repeat of it gets.

There is one memory for HTTP and WebSocket. What had an effect is found in the journal, where the answer was written in
the same entry as the effect; what is still under way is waited for. So there is no instruction at which the daemon may
die and leave a command that was done and is done again.
"""

import traceback

import structlog
import trio
from attrs import define, evolve, field, frozen

from ..schema.api.commands import (
    Command,
    QuestionReplyCommand,
    TerminateCommand,
    fingerprint,
    fingerprint_without_answers,
)
from ..schema.approvals.decided_by import LOCAL, DecidedBy
from ..schema.problems import Problem, internal_error, key_reused, shutting_down, too_many_commands
from .facade import DaemonFacade
from .journal.event_log import EventLog
from .journal.interface import CommandKey
from .journal.kept_answers import Answer, keep_refusal, keep_result, read_answer
from .machine.shortage import Shortage

_log = structlog.get_logger("sandbox_agent.commands")


@frozen
class _Named:
    """``key`` is what is kept of the command. ``other`` is what may have been kept of the same one at another time."""

    key: CommandKey
    other: CommandKey | None = None

    def is_alike(self, kept: CommandKey) -> bool:
        return kept in (self.key, self.other)


@define(eq=False)
class _Running:
    """``answer`` is there once ``done`` is set, save when the daemon stopped in the middle."""

    named: _Named
    done: trio.Event = field(factory=trio.Event)
    answer: Answer | None = None


class Commands:
    """A command with a key runs in ``nursery``, not in its client's task: a client that leaves in the middle leaves no
    command half done, and its repeat finds the answer."""

    def __init__(self, daemon: DaemonFacade, nursery: trio.Nursery) -> None:
        self._daemon = daemon
        self._nursery = nursery
        # By log, not by session id: another life of the same id has another log and its own keys.
        self._running: dict[tuple[str, str], _Running] = {}

    def __repr__(self) -> str:
        return f"<Commands {len(self._running)} with a key under way>"

    async def execute(self, session_id: str, command: Command, key: str | None, by: DecidedBy = LOCAL) -> Answer:
        """Never raises a :class:`Problem`: a refusal is an answer. ``by`` is who gives the command; it is no part of
        it: a repeat by another client gets the first answer too."""
        try:
            answer = await self._once(session_id, command, key, by)
        except Problem as problem:
            answer = Answer(problem=problem)
        self._daemon.failpoints.reach("command.answered")
        return answer

    async def _once(self, session_id: str, command: Command, key: str | None, by: DecidedBy) -> Answer:
        if key is None:
            self._check_writable(command)
            with self._daemon.outage.bounded():
                return Answer(await self._daemon.execute(session_id, command, None, by))
        named = await self._named(session_id, command, key)
        log = await self._daemon.log(session_id)
        running = self._running.get((log.log_id, key))
        first = running is None
        if running is None:
            running = self._start(session_id, log, command, named, by)
        elif not named.is_alike(running.named.key):
            raise key_reused(key, running.named.key.fingerprint)
        # The command itself goes on: a repeat joins it here, and finds its answer later.
        with self._daemon.outage.bounded():
            await running.done.wait()
        if running.answer is None:
            raise shutting_down()
        return running.answer if first else running.answer.again()

    async def _named(self, session_id: str, command: Command, key: str) -> _Named:
        """Of what answers a question a digest of the answers is kept only where it is known that none is a secret."""
        plain = self._daemon.codec.plain(command)
        named = CommandKey(key, fingerprint(plain))
        if not isinstance(command, QuestionReplyCommand):
            return _Named(named)
        blind = CommandKey(key, fingerprint_without_answers(plain))
        asked = await self._daemon.pending_questions()
        open_ = (it.question for it in asked.questions if it.session_id == session_id)
        parts = next((ask.questions or () for ask in open_ if ask.question_id == command.question_id), None)
        secret = parts is None or any(part.secret for part in parts)
        return _Named(blind, named) if secret else _Named(named, blind)

    def _start(self, session_id: str, log: EventLog, command: Command, named: _Named, by: DecidedBy) -> _Running:
        if len(self._running) >= (limit := self._daemon.settings.max_commands):
            raise too_many_commands(limit)
        running = self._running[log.log_id, named.key.name] = _Running(named)
        self._nursery.start_soon(self._run, session_id, log, command, running, by)
        return running

    async def _run(self, session_id: str, log: EventLog, command: Command, running: _Running, by: DecidedBy) -> None:
        try:
            running.answer = await self._first_answer(session_id, log, command, running.named, by)
        except Problem as problem:
            running.answer = Answer(problem=problem)
        except Exception as error:  # noqa: BLE001 - ours; the other commands go on
            _log.error("command.failed", command=command.type, traceback="".join(traceback.format_exception(error)))
            short = Shortage.of(error)
            failed = internal_error("the command failed; see the daemon's log") if short is None else short.problem()
            running.answer = Answer(problem=failed)
        finally:
            del self._running[log.log_id, running.named.key.name]
            running.done.set()

    async def _first_answer(
        self, session_id: str, log: EventLog, command: Command, named: _Named, by: DecidedBy
    ) -> Answer:
        daemon, key = self._daemon, named.key
        if (kept := await daemon.kept_answer(session_id, key.name)) is not None:
            if not named.is_alike(kept.key):
                raise key_reused(key.name, kept.key.fingerprint)
            return read_answer(daemon.codec, kept, command.result)
        self._check_writable(command)  # what is refused here did nothing: no need to wait for a trace of it
        try:
            answer = Answer(await daemon.execute(session_id, command, key, by))
        except Problem as problem:
            if _final(problem):
                await daemon.keep_answer(session_id, log, keep_refusal(daemon.codec, key, problem))
            elif (answer := await self._effect_of(session_id, log, command, key)) is not None:
                return answer
            raise
        # Of what had ended there is no actor that would have kept it.
        if isinstance(command, TerminateCommand) and await daemon.kept_answer(session_id, key.name) is None:
            await daemon.keep_answer(session_id, log, keep_result(daemon.codec, key, answer.result))
        return answer

    async def _effect_of(self, session_id: str, log: EventLog, command: Command, key: CommandKey) -> Answer | None:
        """Of a command that failed in the middle, what a session that has crashed since may have done of it. Its last
        words may still be on their way to the journal: until they are there no repeat may look for them."""
        await self._daemon.written(session_id, log)
        kept = await self._daemon.kept_answer(session_id, key.name)
        return evolve(read_answer(self._daemon.codec, kept, command.result), replayed=False) if kept else None

    def _check_writable(self, command: Command) -> None:
        if not isinstance(command, TerminateCommand):  # that must also help when the disk is full of what an agent does
            self._daemon.check_writable()


def _final(problem: Problem) -> bool:
    """Not when it was a bad moment or our failure: the repeat of such a command is tried anew, unless it had effect."""
    return problem.status not in (429, 503) and problem.kind != "internal_error"
