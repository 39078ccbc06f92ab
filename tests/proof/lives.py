"""One data directory, and the daemons that run on it one after the other: real processes, killed and started again."""

import os
import signal
import threading
import uuid
from pathlib import Path

import trio

from sandbox_agent.actors.kernel.failpoints import VARIABLE
from sandbox_agent.actors.machine.process_rows import read_all
from sandbox_agent.actors.machine.signals import send_signal

from ..cli.commands import READABLE
from ..cli.forked import Forked, forks
from ..patience import PATIENCE

SIGN = "SANDBOX_AGENT_TEST_LIFE"
"""The variable by which this test knows what a daemon started: all that descends from it inherits it."""

START_TIMEOUT = PATIENCE


class StartFailed(AssertionError):
    """The daemon ended before it listened, and no failpoint had killed it."""


class Lives:
    """``options`` are those of ``sandbox-agent server``. ``forked``: the daemons are forks of a process that has
    imported their modules; not for tests that measure memory, because a fork has that process's memory too."""

    def __init__(self, home: Path, *options: str, forked: bool = True) -> None:
        self.home = home
        self.data = home / "data"
        self.count = 0
        self.kills = 0
        self.url = ""
        self.process: trio.Process | Forked | None = None
        self.environment: dict[str, str] = {}
        self._options = options
        self._forked = forked
        self._sign = str(uuid.uuid4())
        self._up = trio.Event()
        self._errors = home / "stderr.txt"

    def __repr__(self) -> str:
        return f"<Lives {self.home.name} life {self.count}, {self.kills} kills, {self.url or 'down'}>"

    async def start(self, failpoint: str = "") -> bool:
        """True when it listens; False when the failpoint killed it before."""
        self.count += 1
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            SIGN: f"{self._sign}.{self.count}",
            VARIABLE: failpoint,
            **self.environment,
        }
        words = ["server", "--no-token", "--port", "0", "--data-dir", str(self.data), "--log-level", "warning"]
        # Through a pipe: a limit on the daemon's files must not affect its output.
        source, sink = os.pipe()
        threading.Thread(target=_copy, args=(source, self._errors), daemon=True).start()
        out, stdout = os.pipe()
        said = trio.lowlevel.FdStream(out)
        try:
            await self._start([*words, *self._options], environment, stdout, sink)
        finally:
            os.close(stdout)
            os.close(sink)
        line = b""
        with trio.fail_after(START_TIMEOUT):
            while not line.endswith(b"\n") and (more := await said.receive_some()):
                line += more
        await said.aclose()
        if not line.startswith(b"listening on "):
            status = await self._ended()
            if failpoint and status == -signal.SIGKILL:
                self.kills += 1
                return False
            raise StartFailed(f"status {status}: {line!r}\n{self.stderr()}")
        self.url = line.split()[-1].decode()
        self._up.set()
        return True

    async def _start(self, words: list[str], environment: dict[str, str], stdout: int, stderr: int) -> None:
        if self._forked:
            self.process = forks("daemons").start(words, environment, self.home, stdout, stderr)
            return
        command = [*READABLE, *words]
        self.process = await trio.lowlevel.open_process(
            command, env=environment, cwd=self.home, stdout=stdout, stderr=stderr
        )

    async def _ended(self) -> int:
        assert self.process is not None
        if not isinstance(self.process, Forked):
            return await self.process.wait()
        while (status := self.process.poll()) is None:
            answer = os.dup(self.process.answer.fileno())  # trio lets one task wait for a descriptor
            try:
                await trio.lowlevel.wait_readable(answer)
            finally:
                os.close(answer)
        return status

    async def where(self) -> str:
        """The URL of the daemon that runs now; waits for one."""
        await self._up.wait()
        return self.url

    async def kill_after(self, seconds: float) -> bool:
        """SIGKILL after so long; False when a failpoint killed it earlier."""
        with trio.move_on_after(seconds):
            await self._ended()
        own = self.process.poll() is None
        if own:
            self.process.kill()
        self._down()
        status = await self._ended()
        assert status == -signal.SIGKILL, f"ended with {status}\n{self.stderr()}"
        self.kills += 1
        return own

    async def cut_short(self, number: signal.Signals, failpoint: str = "", after: float = 30.0) -> None:
        """One run of a daemon that the signal ends: at the failpoint, which must send the same signal, or so long after
        the daemon listens."""
        if not await self.start(failpoint):
            return
        with trio.move_on_after(after):
            await self._ended()
        assert self.process.poll() is not None or not failpoint, f"{failpoint} was never reached\n{self.stderr()}"
        if number == signal.SIGKILL:
            await self.kill_after(0)
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
        self._down()
        with trio.fail_after(PATIENCE):
            status = await self._ended()
        assert status == 0, f"ended with {status}\n{self.stderr()}"

    async def stop(self, seconds: float = 20.0) -> None:
        """SIGTERM; the daemon must end with status 0, and in time."""
        self._down()
        self.process.send_signal(signal.SIGTERM)
        with trio.fail_after(seconds):
            status = await self._ended()
        assert status == 0, f"ended with {status}\n{self.stderr()}"

    def _down(self) -> None:
        self._up = trio.Event()
        self.url = ""

    def stderr(self) -> str:
        return self._errors.read_text(errors="replace")[-8000:]

    def descendants(self, before: int | None = None) -> list[str]:
        """Descriptions of all running processes that a daemon of ours started; with an argument, only of daemons before
        that one. Runs in any thread, so it does not use the process object."""
        found: list[str] = []
        for row in read_all():
            life = self._life_of(row.id.pid)
            mine = self.process is not None and row.id.pid == self.process.pid
            if life and not row.zombie and not mine and (before is None or life < before):
                found.append(f"process {row.id.pid} ({_command(row.id.pid)}) of life {life}")
        return found

    def _life_of(self, pid: int) -> int:
        sign = f"{SIGN}={self._sign}.".encode()
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return 0
        return next((int(part[len(sign) :]) for part in environment.split(b"\0") if part.startswith(sign)), 0)

    async def former_gone(self, seconds: float = 10.0) -> list[str]:
        """Waits until no process of former daemons runs; returns those that still run after so long."""
        deadline = trio.current_time() + seconds
        while (left := await trio.to_thread.run_sync(self.descendants, self.count)) and trio.current_time() < deadline:
            await trio.sleep(0.02)
        return left

    async def clean_up(self) -> None:
        """Ends everything after a test that failed."""
        with trio.CancelScope(shield=True):
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                await self._ended()
            for row in await trio.to_thread.run_sync(read_all):
                if self._life_of(row.id.pid):
                    send_signal(row.id, signal.SIGKILL)


def _copy(source: int, target: Path) -> None:
    with os.fdopen(source, "rb", buffering=0) as pipe, target.open("ab", buffering=0) as file:
        while data := pipe.read(1 << 16):
            file.write(data)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"
