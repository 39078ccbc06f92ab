"""The agent process: pexpect owns it; its JSON protocol runs over sockets, its terminal is a PTY.

The PTY is the controlling terminal and stderr. The sockets are on fds 0 and 1, because claude refuses a terminal on
stdin and a cooked PTY hangs at lines of 4 KB. They are not pipes: any program of the same user could open the other end
of a pipe by /proc/PID/fd, and write in the agent's name or to it. A socket cannot be opened there. Closing the PTY's
master ends most agents, which helps when the daemon is killed. Spawning and closing take 10 to 100 ms each, so they run
in worker threads.
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
"""How many reads deliver the current lines and then everything that a socket can hold: 208 KiB unless the system has
another limit."""

OUTPUT_LINGER = 0.5
"""Seconds for which stdout and the terminal are still read after the agent has exited: one of its children may hold
them open for ever."""

_log = structlog.get_logger("agent")


class SpawnFailed(Exception):
    """The program could not be started: it is missing, not executable, or the directory is gone. With a ``shortage``
    the cause is another: the machine had too little of a resource."""

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
                # Between fork and exec ptyprocess catches only OSError. Any other exception would unwind in the
                # child, which would continue as a second daemon.
                os._exit(os.EX_SOFTWARE)
            if isinstance(error, OSError):
                _close_unborn(error)
            raise


def _close_unborn(error: OSError) -> None:
    """Close the descriptors that ptyprocess, and pty below it, leave open when the fork fails: up to four each time,
    for as long as the daemon runs. Only their frames have the numbers."""
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_code not in (cast("Any", PtyProcess).spawn.__func__.__code__, pty.fork.__code__):
            continue
        if "pid" not in frame.f_locals:
            for name in ("exec_err_pipe_read", "exec_err_pipe_write", "master_fd", "slave_fd"):
                if name in frame.f_locals:
                    os.close(frame.f_locals[name])


def _check(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Refuse before the fork what exec cannot pass on."""
    for text in (*argv, *env.values()):
        if b"\0" in os.fsencode(text):
            raise SpawnFailed("an argument or environment variable holds a NUL character")


@frozen
class _Spawned:
    """``terminal`` is our own descriptor beside pexpect's; each is closed by its owner."""

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
        # Reserved before the fork: when it is missing, no agent may be left that is not known. Later it becomes the
        # terminal's.
        terminal = os.dup(stdin_read)
        failed.callback(os.close, terminal)
        # Here the kernel gives the reason; pty.fork() would try the alternatives and lose it.
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
    """What is written to the second can be read from the first, as with a pipe; the other direction is shut down.
    Raises OSError."""
    read, write = socket.socketpair()
    with read, write:
        read.shutdown(socket.SHUT_WR)
        return read.detach(), write.detach()


def _readable(fd: int) -> bool:
    """Whether a read would return at once, also at the end. (``select`` has a limit of 1023 for descriptors.)"""
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
        """Start a program, in its own cgroup if it has one. ``redactor`` masks its terminal's output; its stdout is
        delivered unchanged. ``start`` is the directory in which it starts, when it changes to ``directory`` by itself.
        ``user`` is the user that it becomes, when it is another. Raises :class:`SpawnFailed` with the reason."""
        # Shielded, so that a cancelled caller never leaves a child that is not known.
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
        """Write what was sent to the agent's stdin, until the agent closes it."""
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
        """Wait until all that the agent has written on stdout by now is delivered; :meth:`read` must be running."""
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
            # It has exited, so this returns at once. Done in the loop, so that no signal can be sent between the
            # reaping and the moment when it is no longer counted as ours.
            self._spawn.wait()
            self._gone()
        return await self.wait()

    def _gone(self) -> None:
        self._table.disown(self.tree.root)
        self.status = ExitStatus(self._spawn.exitstatus, self._spawn.signalstatus)
        self._exited.set()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the agent itself, while it runs. A child that was not reaped keeps its pid."""
        if self._table.owns(self.tree.root):
            with suppress(OSError):
                os.kill(self.pid, number)

    def started(self, pid: int) -> bool:
        """Whether the process with this pid is the agent or a descendant."""
        return self._table.owns(self.tree.root) and descends_from(pid, self.pid)

    def leave_unverified(self) -> None:
        """It is not known whether a descendant is left: try again until a look at /proc succeeds."""
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
        """Close the sockets and the terminal, and reap the agent if needed; it must have been ended. Raises nothing:
        failures are in the log."""
        for stream in (self._stdin, self._stdout, self._pty):
            await stream.aclose()
        if self.status is None:  # the watching task has failed
            self.signal(signal.SIGKILL)
            with trio.move_on_after(self._settings.end_kill):
                await wait_exited(self.pid, self._settings.exit_poll_interval)
        try:
            # It closes the PTY first. When the agent still runs, it raises after another SIGKILL.
            await self._table.reserve.run(self._spawn.close)
            if self.status is None:
                self._gone()
        except (OSError, Exhausted, pexpect.ExceptionPexpect) as error:
            _log.error("an agent's process cannot be put away", pid=self.pid, error=str(error))
            # The reaper reaps it when it has exited.
            self._table.disown(self.tree.root)
        if self.tree.group is not None:
            await _remove(self.tree.group, self._table)


async def _remove(group: Cgroup, table: ProcessTable) -> None:
    """A group that cannot be removed now is removed with the daemon's own group, or by its next start."""
    with suppress(Exhausted):
        await table.reserve.run(group.remove)
