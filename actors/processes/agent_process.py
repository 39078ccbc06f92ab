"""The agent process: pexpect owns it; its JSON protocol runs over sockets, its terminal is a PTY.

The PTY is the controlling terminal and stderr. The sockets stand on fds 0 and 1, because claude refuses a terminal on
stdin and a cooked PTY hangs at lines of 4 KB. Not pipes: any program of the same user could open the other side of one
by /proc/PID/fd, and speak for the agent or to it. A socket cannot be opened there. Closing the PTY's master ends most
agents: a safety net for the day that the daemon dies. Spawning and closing take 10 to 100 ms each, so they run in
worker threads.
"""

import os
import pty
import select
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from traceback import walk_tb
from typing import Any, TypeVar, cast

import pexpect
import structlog
import trio
from attrs import frozen
from ptyprocess import PtyProcess  # pyright: ignore[reportMissingTypeStubs]

from ...schema.agents.dialect import ExitStatus
from ...schema.problems import Problem, agent_process_exited
from ...schema.redaction.redactor import Redactor
from ...schema.settings import Settings
from ..machine.agent_user import AgentUser
from ..machine.child_exit import wait_exited
from ..machine.descriptor_reserve import Exhausted
from ..machine.descriptors import BIRTH, SESSION, Descriptors
from ..machine.peers import descends_from
from ..machine.process_rows import MARKER
from ..machine.shortage import Shortage
from ..machine.working_directory import placed
from .cgroup import Cgroup
from .fork_loops import new_tag
from .line_splitter import LineSplitter, OversizedLine
from .pre_exec import PreExec, easier_to_kill, make_easier_to_kill
from .table import ProcessTable
from .terminal_tail import TerminalTail
from .tree import ProcessTree

CHUNK = 1 << 16

_READS = 6
"""So many take what is being delivered, and then all that a socket can hold: 208 KiB unless the system says
otherwise."""

OUTPUT_LINGER = 0.5
"""Seconds that stdout and the terminal are still read after the agent has exited: a child of its may hold them open for
ever."""

_log = structlog.get_logger("agent")


class SpawnFailed(Exception):
    """The program could not be started: it is missing, not executable, or the directory is gone. With a ``shortage``
    none of that is wrong: the machine had too little of something."""

    def __init__(self, reason: str, shortage: Shortage | None = None) -> None:
        super().__init__(reason)
        self.shortage = shortage

    def problem(self, agent: str) -> Problem:
        return agent_process_exited(agent, None, str(self)) if self.shortage is None else self.shortage.problem()


class OutboxFull(Exception):
    """The agent does not read its stdin and too much waits for it already."""


class _Spawn(pexpect.spawn):  # pyright: ignore[reportMissingTypeArgument, reportUntypedBaseClass]
    """pexpect's spawn with sockets on fds 0 and 1 and without the sleeps of its destructor."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], sockets: tuple[int, int], prepare: Callable[[], None]
    ) -> None:
        self._sockets = sockets
        options: dict[str, Any] = {"env": dict(env), "preexec_fn": prepare, "dimensions": (50, 200)}
        super().__init__(argv[0], list(argv[1:]), echo=False, timeout=None, **options)
        self.delaybeforesend = None
        self.delayafterclose = 0
        self.delayafterterminate = 0
        # The destructor of the object inside sleeps 100 ms on whatever thread drops the last reference.
        inner = cast("Any", self).ptyproc
        inner.delayafterclose = 0
        inner.delayafterterminate = 0

    def _spawnpty(self, args: Any, **kwargs: Any) -> Any:
        parent = os.getpid()
        try:
            return cast("Any", PtyProcess).spawn(args, pass_fds=self._sockets, **kwargs)
        except BaseException as error:
            if os.getpid() != parent:
                # Between fork and exec ptyprocess catches only OSError. Anything else would unwind into a second
                # daemon that runs on in the child.
                os._exit(os.EX_SOFTWARE)
            if isinstance(error, OSError):
                _close_unborn(error)
            raise


def _close_unborn(error: OSError) -> None:
    """Close what ptyprocess, and pty below it, have opened and leave open when the fork fails: up to four descriptors
    each time, for as long as the daemon lives. Nothing but their frames knows which."""
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_code not in (cast("Any", PtyProcess).spawn.__func__.__code__, pty.fork.__code__):
            continue
        if "pid" not in frame.f_locals:
            for name in ("exec_err_pipe_read", "exec_err_pipe_write", "master_fd", "slave_fd"):
                if name in frame.f_locals:
                    os.close(frame.f_locals[name])


def _check(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """What exec cannot pass on must be refused before the fork."""
    for text in (*argv, *env.values()):
        if b"\0" in os.fsencode(text):
            raise SpawnFailed("an argument or environment variable holds a NUL character")


@frozen
class _Spawned:
    """``terminal`` is a descriptor of our own beside pexpect's: each is closed by its owner."""

    spawn: Any
    stdin: int
    stdout: int
    terminal: int


def _spawn_blocking(
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: str,
    settings: Settings,
    group: Cgroup | None,
    descriptors: Descriptors,
    start: str,
    tag: int | None,
    user: AgentUser | None,
) -> _Spawned:
    env = placed(env, directory)
    _check(argv, env)
    descriptors.require(SESSION + BIRTH + settings.reserved_descriptors)
    with ExitStack() as always, ExitStack() as failed:
        stdin_read, stdin_write = _one_way()
        always.callback(os.close, stdin_read)
        failed.callback(os.close, stdin_write)
        stdout_read, stdout_write = _one_way()
        always.callback(os.close, stdout_write)
        failed.callback(os.close, stdout_read)
        # Before the fork, for want of it must not leave an agent that nobody knows; then it is made the terminal's.
        terminal = os.dup(stdin_read)
        failed.callback(os.close, terminal)
        # Here the kernel says what is wrong; pty.fork() tries what is left and forgets it.
        for probe in os.openpty():
            os.close(probe)
        door = None if group is None else group.door
        oom_score = easier_to_kill(settings.agent_oom_adjust)
        birth = PreExec(stdin_read, stdout_write, start, tag, door, descriptors.inherited, user)
        spawn = _Spawn(argv, env, (stdin_read, stdout_write), birth.prepare)
        make_easier_to_kill(cast("int", spawn.pid), oom_score)
        os.dup2(spawn.child_fd, terminal, inheritable=False)
        failed.pop_all()
    return _Spawned(spawn, stdin_write, stdout_read, terminal)


def _one_way() -> tuple[int, int]:
    """What is written into the second comes out of the first, as with a pipe; the other way says nothing. Raises
    OSError."""
    read, write = socket.socketpair()
    with read, write:
        read.shutdown(socket.SHUT_WR)
        return read.detach(), write.detach()


def _readable(fd: int) -> bool:
    """Whether a read would bring something; the end counts. (``select`` knows no descriptor above 1023.)"""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


R = TypeVar("R")


async def _translated(forking: Awaitable[R]) -> R:
    try:
        return await forking
    except (OSError, UnicodeError, pexpect.ExceptionPexpect) as error:
        shortage = Shortage.of(error, forking=True)
        raise SpawnFailed(str(shortage or error), shortage) from error
    except (MemoryError, RuntimeError) as error:
        if (shortage := Shortage.of(error, forking=True)) is None:
            raise
        raise SpawnFailed(str(shortage), shortage) from error


class AgentProcess:
    """One running agent. Made by :meth:`spawn`; :meth:`end` must be called, also after it has exited by itself."""

    def __init__(
        self,
        spawned: _Spawned,
        tree: ProcessTree,
        table: ProcessTable,
        settings: Settings,
        redactor: Redactor,
    ) -> None:
        self.pid: int = spawned.spawn.pid
        self.tree = tree
        self.terminal = TerminalTail(settings.terminal_tail_bytes, redactor)
        self.status: ExitStatus | None = None
        self._spawn = spawned.spawn
        self._table = table
        self._settings = settings
        self._stdout_ended = False
        self._listening = False
        self._reads = trio.lowlevel.ParkingLot()
        self._stdin = trio.lowlevel.FdStream(spawned.stdin)
        self._stdout = trio.lowlevel.FdStream(spawned.stdout)
        self._pty = trio.lowlevel.FdStream(spawned.terminal)
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._outbox_filled = trio.Event()
        self._exited = trio.Event()
        self.terminal_ended = trio.Event()

    def __repr__(self) -> str:
        state = "running" if self.status is None else f"exited ({self.status})"
        return f"<AgentProcess {self.pid} {state} outbox={self._outbox_bytes} {self.terminal!r}>"

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str],
        directory: str,
        marker: str,
        table: ProcessTable,
        settings: Settings,
        group: Cgroup | None = None,
        redactor: Redactor | None = None,
        start: str | None = None,
        user: AgentUser | None = None,
    ) -> "AgentProcess":
        """Start a program, in its own cgroup if it has one. ``redactor`` masks what its terminal tells; what it says
        on stdout is delivered as it is. ``start`` is where it starts, if it goes to ``directory`` by itself, ``user``
        whom it becomes, if that is another. Raises :class:`SpawnFailed` with the reason."""
        # Shielded, so that a cancelled caller never leaves a child that nobody knows.
        with trio.CancelScope(shield=True), table.birth():
            environment, tag = {**env, MARKER: marker}, new_tag()
            start = start or directory
            fork = partial(
                _spawn_blocking, argv, environment, directory, settings, group, table.descriptors, start, tag, user
            )
            try:
                spawned = await _translated(trio.to_thread.run_sync(fork, limiter=table.forks))
            except BaseException:
                if group is not None:
                    await _remove(group, table)
                raise
            root = table.identify(spawned.spawn.pid)
            table.own(root)
            tree = ProcessTree(root, marker, table, () if group is None else (group,), tag=tag)
            return cls(spawned, tree, table, settings, redactor or Redactor())
        raise AssertionError("a shielded scope is never cancelled")

    def send(self, data: bytes) -> None:
        """Write to stdin, in order, without waiting. Raises :class:`OutboxFull`."""
        if self._outbox_bytes + len(data) > self._settings.max_outbox_bytes:
            raise OutboxFull(f"{self._outbox_bytes} bytes wait for agent process {self.pid}")
        self._outbox.append(data)
        self._outbox_bytes += len(data)
        self._outbox_filled.set()

    async def write_outbox(self) -> None:
        """Carry what was sent to the agent, until it stops reading for good."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                await self._outbox_filled.wait()
                self._outbox_filled = trio.Event()
                data = b"".join(self._outbox)
                self._outbox.clear()
                await self._stdin.send_all(data)
                self._outbox_bytes -= len(data)

    async def read(self, deliver: Callable[[list[bytes | OversizedLine]], Awaitable[None]]) -> None:
        """Deliver what the agent writes on stdout, as many lines at a time as one read brings, until it ends."""
        splitter = LineSplitter(self._settings.max_line_bytes)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while chunk := await self._receive():
                if lines := list(splitter.feed(chunk)):
                    await deliver(lines)
        if (last := splitter.finish()) is not None:
            await deliver([last])
        self._stdout_ended = True
        self._reads.unpark_all()

    async def _receive(self) -> bytes:
        self._listening = True
        self._reads.unpark_all()
        chunk = bytes(await self._stdout.receive_some(CHUNK))
        self._listening = False
        return chunk

    async def hear_out(self) -> None:
        """Until all that the agent had written on stdout by now is delivered; :meth:`read` must be running."""
        for _ in range(_READS):
            if self._stdout_ended or (self._listening and not _readable(self._stdout.fileno())):
                return
            await self._reads.park()

    async def drain_terminal(self) -> None:
        """Read the terminal, so that the agent never blocks on it. A closed PTY reads as an I/O error."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while chunk := await self._pty.receive_some(CHUNK):
                self.terminal.feed(bytes(chunk))
        self.terminal_ended.set()

    async def watch(self) -> ExitStatus:
        """Wait until the agent has exited, and reap it."""
        if self.status is None:
            await wait_exited(self.pid, self._settings.exit_poll_interval)
            # Exited, so this returns at once. In the loop: until it is disowned its pid is nobody else's, and there is
            # no moment in which it has been reaped and is still signalled.
            self._spawn.wait()
            self._gone()
        return await self.wait()

    def _gone(self) -> None:
        self._table.disown(self.tree.root)
        self.status = ExitStatus(self._spawn.exitstatus, self._spawn.signalstatus)
        self._exited.set()

    def signal(self, number: signal.Signals) -> None:
        """To the agent itself, while it lives. A child that nobody has waited for keeps its pid."""
        if self._table.owns(self.tree.root):
            with suppress(OSError):
                os.kill(self.pid, number)

    def started(self, pid: int) -> bool:
        """Whether the process with this pid is the agent, or comes from it."""
        return self._table.owns(self.tree.root) and descends_from(pid, self.pid)

    def leave_unverified(self) -> None:
        """Nobody could tell whether any descendant is left: that is found out when it can be."""
        self._table.unverified.add(self.tree)

    async def wait(self) -> ExitStatus:
        """The exit status; :meth:`watch` must be running."""
        await self._exited.wait()
        return cast("ExitStatus", self.status)

    async def exited_within(self, seconds: float) -> bool:
        with trio.move_on_after(seconds):
            await self._exited.wait()
        return self._exited.is_set()

    async def close_stdin(self) -> None:
        await self._stdin.aclose()

    async def aclose(self) -> None:
        """Close the sockets and the terminal, and reap the agent if nobody has; it must have been ended. Raises
        nothing: what it could not put away is in the log."""
        for stream in (self._stdin, self._stdout, self._pty):
            await stream.aclose()
        if self.status is None:  # whoever watched it has failed
            self.signal(signal.SIGKILL)
            with trio.move_on_after(self._settings.end_kill):
                await wait_exited(self.pid, self._settings.exit_poll_interval)
        try:
            # It closes the PTY first of all. Of an agent that is there still it says so, after another SIGKILL.
            await self._table.reserve.run(self._spawn.close)
            if self.status is None:
                self._gone()
        except (OSError, Exhausted, pexpect.ExceptionPexpect) as error:
            _log.error("an agent's process cannot be put away", pid=self.pid, error=str(error))
            # The reaper's, when it is dead at last.
            self._table.disown(self.tree.root)
        if self.tree.group is not None:
            await _remove(self.tree.group, self._table)


async def _remove(group: Cgroup, table: ProcessTable) -> None:
    """What stays is removed with the daemon's own group, or by its next start."""
    with suppress(Exhausted):
        await table.reserve.run(group.remove)
