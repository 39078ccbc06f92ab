"""A log that nobody reads stops nobody: neither the daemon that writes it, nor its end."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

import httpx
import pytest

from ..commands import COMMAND, TIMEOUT, Commands
from ..running import READY

REQUESTS = 150
PATH = "/" + 1000 * "x"
"""The lines of so many requests fill any pipe or terminal, and the queue that is given here."""
QUEUE = ("--log-queue-bytes", "16384")
DROPPED = re.compile(r"log lines dropped .*lines=(\d+)")

FOREGROUND = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
print(os.getpid(), flush=True)
os.execv(sys.argv[1], sys.argv[1:])
"""
BACKGROUND = """
import fcntl, os, signal, sys, termios
os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
if os.fork():
    os.close(1)
    os.wait()
    sys.exit()
os.setpgid(0, 0)
print(os.getpid(), flush=True)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def started(commands: Commands, stderr: int | IO[bytes], *options: str, via: str = "") -> Generator[str]:
    """Its URL. ``via`` is a program that becomes it and tells its pid. In the end it is stopped, in time."""
    argv = [*COMMAND, "server", "--port", "0", "--no-token", *QUEUE, *options]
    process = subprocess.Popen(
        [sys.executable, "-c", via, *argv] if via else argv,
        env=commands.environment,
        cwd=commands.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    stdout = cast("IO[str]", process.stdout)
    pid = process.pid
    limit = threading.Timer(TIMEOUT, lambda: os.kill(pid, signal.SIGKILL))
    limit.start()
    try:
        pid = int(stdout.readline()) if via else pid
        ready = READY.fullmatch(stdout.readline())
        assert ready, process.poll()
        limit.cancel()
        yield ready[1]
        os.kill(pid, signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
    finally:
        limit.cancel()
        if process.poll() is None:
            os.kill(pid, signal.SIGKILL)
            process.wait()
        stdout.close()


def ask_often(url: str) -> int:
    """How many log lines were dropped so far; more may follow, until somebody reads. Every request is answered."""
    with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as client:
        for _ in range(REQUESTS):
            assert client.get(PATH).status_code == 404
        metrics = client.get("/metrics").text
    (count,) = re.findall(r"^sandbox_agent_log_lines_dropped_total (\S+)$", metrics, re.MULTILINE)
    return int(float(count))


class Reader:
    """Reads until there is nobody who writes, from when it is made."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._data = b""
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while chunk := self._file.read(1 << 16):
            with self._more:
                self._data += chunk
                self._more.notify_all()

    def wait_for(self, text: bytes) -> None:
        with self._more:
            assert self._more.wait_for(lambda: text in self._data, TIMEOUT)

    def text(self) -> str:
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()
        return self._data.decode()


def assert_told(log: str, dropped: int) -> None:
    """Of lines that are all whole, but for those that were dropped in one go. Each request has its line, or is counted,
    with that which asked for the count. Another line may be among those that were dropped."""
    assert dropped > 0
    (told,) = DROPPED.findall(log)
    requests = [line for line in log.splitlines() if PATH in line or "path=/metrics" in line]
    assert dropped <= int(told) <= dropped + 3
    assert REQUESTS + 1 <= len(requests) + int(told) <= REQUESTS + 2
    assert all(
        re.fullmatch(r"\S+ \[info +\] request +\[sandbox_agent.transport\] .* status=(404|200)", r) for r in requests
    )
    # A request has its line once it is answered: that of the last one may come after the stop has begun.
    assert any("stopping" in line for line in log.splitlines()[-2:])


@contextmanager
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "wb", buffering=0) as writer:
        yield reader, writer


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_pipe_that_nobody_reads_stops_nothing_and_is_told_what_it_missed(commands: Commands) -> None:
    with pipe() as (read, write):
        with started(commands, write) as url:
            dropped = ask_often(url)
            reader = Reader(read)
            reader.wait_for(b"log lines dropped")  # until there is room again, the line of the stop may be dropped too
        write.close()
        assert_told(reader.text(), dropped)


def test_an_end_does_not_wait_for_whoever_reads_no_log(commands: Commands) -> None:
    with pipe() as (_, write), started(commands, write) as url:
        assert ask_often(url) > 0  # started() sees that it ends


@pytest.mark.parametrize("via", [FOREGROUND, BACKGROUND], ids=["foreground", "background job with tostop"])
def test_a_stopped_terminal_stops_nothing(commands: Commands, via: str) -> None:
    with terminal() as (ours, theirs):
        modes = termios.tcgetattr(theirs)
        modes[3] |= termios.TOSTOP
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        with started(commands, theirs, via=via) as url:
            os.write(ours, b"\x13")  # Ctrl-S
            assert ask_often(url) > 0
            os.write(ours, b"\x11")  # Ctrl-Q
            seen = b""
            while b"log lines dropped" not in seen:
                seen += os.read(ours, 1 << 16)
            assert ask_often(url) > 0  # a terminal that is merely not read


def test_a_fifo_that_nobody_reads_is_no_hindrance_and_its_reader_gets_what_waited(commands: Commands) -> None:
    fifo = commands.home / "log"
    os.mkfifo(fifo)
    with pipe() as (_, stderr), started(commands, stderr, "--log-file", str(fifo)) as url:
        dropped = ask_often(url)  # without a reader
        with os.fdopen(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:
            os.set_blocking(file.fileno(), True)
            seen = until_told(file, b"", dropped)
            more = ask_often(url)  # with one that does not read
            assert more > dropped
            until_told(file, seen, more)


def until_told(file: IO[bytes], seen: bytes, dropped: int) -> bytes:
    def told() -> int:
        return sum(int(count) for count in DROPPED.findall(seen.decode()))

    while told() < dropped:
        seen += file.read(1 << 16)
    # The line of the request that asked, that of the one before it and another may come after the count.
    assert told() <= dropped + 3
    return seen


def test_a_log_without_room_is_gone_on_with_when_there_is_some(commands: Commands) -> None:
    """The folder is not there: as with a full disk, opening and writing fail, and then they do not."""
    folder, aside = commands.home / "folder", commands.home / "aside"
    folder.mkdir()
    with pipe() as (_, write), started(commands, write, "--log-file", str(folder / "log")) as url:
        folder.rename(aside)
        dropped = ask_often(url)
        assert dropped > 0
        aside.rename(folder)
        log = folder / "log"
        with_drops(log)


def with_drops(log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not DROPPED.search(log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_line_that_says_ready_waits_for_no_reader(commands: Commands) -> None:
    """stdout and stderr are one pipe, which is full."""
    with pipe() as (_, write):
        os.set_blocking(write.fileno(), False)
        while write.write(b"x" * 4096):
            pass
        os.set_blocking(write.fileno(), True)
        port = free_port()
        process = subprocess.Popen(
            [*COMMAND, "server", "--port", str(port), "--no-token"],
            env=commands.environment,
            cwd=commands.home,
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=write,
        )
        try:
            wait_until_answers(port)
            process.terminate()
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until_answers(port: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        with suppress(httpx.TransportError):
            assert httpx.get(f"http://127.0.0.1:{port}/v1/health", trust_env=False, timeout=TIMEOUT).status_code == 200
            return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_last_words_reach_whoever_reads(commands: Commands) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = commands.run("server", "--port", str(port), "--no-token")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_the_traceback_of_a_crash_reaches_whoever_reads(commands: Commands) -> None:
    """Of the interpreter's own making: whatever it prints, it prints to the log's stream."""
    crash = (
        "from pathlib import Path\n"
        "from sandbox_agent.cli.logs.configure import configure_logs\n"
        "from sandbox_agent.schema.settings import Settings\n"
        "configure_logs('info', 'text', None, Settings())\n"
        "class Loud:\n"
        "    def __del__(self): raise ValueError('unraisable')\n"
        "Loud()\n"
        "raise RuntimeError('the last words')\n"
    )
    done = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 1
    assert "ValueError: unraisable" in done.stderr
    assert done.stderr.splitlines()[-1] == "RuntimeError: the last words"
    assert done.stderr.count("Traceback") == 2
