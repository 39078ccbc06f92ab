"""The agent process: pexpect owns it; its JSON protocol runs over pipes, its terminal is a PTY.

The PTY is the controlling terminal and stderr. The pipes stand on fds 0 and 1, because claude refuses a terminal on
stdin and a cooked PTY hangs at lines of 4 KB. Closing the PTY's master ends most agents: a safety net for the day
that the daemon dies. Spawning and closing take 10 to 100 ms each, so they run in worker threads.
"""

import os
import select
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, cast

import pexpect
import trio
from ptyprocess import PtyProcess  # pyright: ignore[reportMissingTypeStubs]

from ..schema.agents.dialect import ExitStatus
from ..schema.settings import Settings
from .birth import Birth, easier_to_kill
from .cgroup import Cgroup
from .lines import LineSplitter, OversizedLine
from .placed import placed
from .processes import MARKER, ProcessId, ProcessTable, read_process
from .redaction import Redactor
from .terminal import Terminal
from .tree import ProcessTree

CHUNK = 1 << 16

STDOUT_LINGER = 0.5
"""Seconds that output is still read after the agent has exited: a child of its may hold the pipe open for ever."""


class SpawnFailed(Exception):
    """The program could not be started: it is missing, not executable, or the directory is gone."""


class OutboxFull(Exception):
    """The agent does not read its stdin and too much waits for it already."""


class _Spawn(pexpect.spawn):  # pyright: ignore[reportMissingTypeArgument, reportUntypedBaseClass]
    """pexpect's spawn with pipes on fds 0 and 1 and without the sleeps of its destructor."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], pipes: tuple[int, int], prepare: Callable[[], None]
    ) -> None:
        self._pipes = pipes
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
            return cast("Any", PtyProcess).spawn(args, pass_fds=self._pipes, **kwargs)
        except BaseException:
            if os.getpid() != parent:
                # Between fork and exec ptyprocess catches only OSError. Anything else would unwind into a second
                # daemon that runs on in the child.
                os._exit(os.EX_SOFTWARE)
            raise


def _check(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """What exec cannot pass on must be refused before the fork."""
    for text in (*argv, *env.values()):
        if b"\0" in os.fsencode(text):
            raise SpawnFailed("an argument or environment variable holds a NUL character")


def _spawn_blocking(
    argv: Sequence[str], env: Mapping[str, str], directory: str, oom_adjust: int, group: Cgroup | None
) -> tuple[Any, int, int]:
    env = placed(env, directory)
    _check(argv, env)
    stdin_read, stdin_write = os.pipe()
    stdout_read, stdout_write = os.pipe()
    try:
        door = None if group is None else group.door
        birth = Birth(stdin_read, stdout_write, directory, easier_to_kill(oom_adjust), door)
        spawn = _Spawn(argv, env, (stdin_read, stdout_write), birth.prepare)
    except BaseException:
        os.close(stdin_write)
        os.close(stdout_read)
        raise
    finally:
        os.close(stdin_read)
        os.close(stdout_write)
    return spawn, stdin_write, stdout_read


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
        raise SpawnFailed(str(error)) from error


class AgentProcess:
    """One running agent. Made by :meth:`spawn`; :meth:`end` must be called, also after it has exited by itself."""

    def __init__(
        self,
        spawn: Any,
        stdin: int,
        stdout: int,
        tree: ProcessTree,
        table: ProcessTable,
        settings: Settings,
        redact: Redactor,
    ) -> None:
        self.pid: int = spawn.pid
        self.tree = tree
        self.terminal = Terminal(settings.terminal_tail_bytes)
        self.status: ExitStatus | None = None
        self._spawn = spawn
        self._table = table
        self._settings = settings
        self.redact = redact
        self._stdin = trio.lowlevel.FdStream(stdin)
        self._stdout = trio.lowlevel.FdStream(stdout)
        self._stdout_ended = False
        self._listening = False
        self._reads = trio.lowlevel.ParkingLot()
        self._pty = trio.lowlevel.FdStream(os.dup(spawn.child_fd))
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._outbox_filled = trio.Event()
        self._exited = trio.Event()

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
    ) -> "AgentProcess":
        """Start a program, in its own cgroup if it has one. Raises :class:`SpawnFailed` with the reason."""
        # Shielded, so that a cancelled caller never leaves a child that nobody knows.
        with trio.CancelScope(shield=True), table.birth():
            environment = {**env, MARKER: marker}
            fork = partial(_spawn_blocking, argv, environment, directory, settings.agent_oom_adjust, group)
            try:
                spawn, stdin, stdout = await _translated(trio.to_thread.run_sync(fork, limiter=table.forks))
            except BaseException:
                if group is not None:
                    await trio.to_thread.run_sync(group.remove)
                raise
            row = read_process(spawn.pid)
            root = row.id if row else ProcessId(spawn.pid, 0)
            table.own(root)
            tree = ProcessTree(root, marker, table, () if group is None else (group,))
            return cls(spawn, stdin, stdout, tree, table, settings, Redactor(env))
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
                if lines := [self._clean(line) for line in splitter.feed(chunk)]:
                    await deliver(lines)
        if (last := splitter.finish()) is not None:
            await deliver([self._clean(last)])
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
        for _ in range(2):  # what is being delivered, and then what a pipe can hold, which one read takes
            if self._stdout_ended or (self._listening and not _readable(self._stdout.fileno())):
                return
            await self._reads.park()

    def _clean(self, line: bytes | OversizedLine) -> bytes | OversizedLine:
        if isinstance(line, OversizedLine):
            return OversizedLine(self.redact(line.head), line.length)
        return self.redact(line)

    async def drain_terminal(self) -> None:
        """Read the terminal, so that the agent never blocks on it. A closed PTY reads as an I/O error."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while chunk := await self._pty.receive_some(CHUNK):
                self.terminal.feed(self.redact(bytes(chunk)))

    async def watch(self) -> ExitStatus:
        """Wait until the agent has exited, and reap it."""
        handle = os.pidfd_open(self.pid)
        try:
            await trio.lowlevel.wait_readable(handle)
        finally:
            os.close(handle)
        # Exited, so this returns at once; it is pexpect's to reap, by pid.
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._spawn.wait)
        self._table.disown(self.tree.root)
        self.status = ExitStatus(self._spawn.exitstatus, self._spawn.signalstatus)
        self._exited.set()
        return self.status

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
        """Close the pipes and the terminal. The agent must have exited."""
        for stream in (self._stdin, self._stdout, self._pty):
            await stream.aclose()
        await trio.to_thread.run_sync(self._spawn.close)
        if self.tree.group is not None:
            await trio.to_thread.run_sync(self.tree.group.remove)
