"""README's five minutes, as a newcomer takes them: its own commands, out of its text, in a fresh checkout and home.

Only the port is another one, and pip finds the dependencies in this environment instead of a registry.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sysconfig
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import IO, cast

import pytest

from .checkout import ROOT, copy_to, files

PORT = "2468"
TIMEOUT = 300.0
END = "@@@"
"""Ends what one command printed; its status follows."""


def commands() -> list[list[str]]:
    """The code blocks of the five minutes, line by line, without what a command prints."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## Five minutes")[2].partition("\n## ")[0]
    blocks = [block.split("\n") for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", section, re.MULTILINE)]
    lines = [[line[4:] for line in block if line.strip()] for block in blocks]
    return [block for block in lines if not block[0].startswith("id: ")]


class Terminal:
    """One bash, as a user has it open."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            ["bash", "--norc"],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A background job ignores SIGINT, and so would all that this shell runs: no Ctrl-C would end it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        # Whatever does not come: nothing here may wait for ever.
        self.limit = threading.Timer(TIMEOUT, self.process.kill)
        self.limit.start()
        self.input = cast("IO[str]", self.process.stdin)
        self.output = cast("IO[str]", self.process.stdout)

    def start(self, line: str) -> None:
        print(f"{line}\nstatus=$?; echo; echo {END} $status", file=self.input, flush=True)

    def rest(self) -> tuple[int, str]:
        """The status of what was started, and what it printed from here on."""
        said = ""
        while not (line := self.output.readline()).startswith(END):
            assert line, said
            said += line
        return int(line.split()[1]), said

    def run(self, line: str) -> str:
        self.start(line)
        status, said = self.rest()
        assert status == 0, f"{line}\n{said}"
        return said

    def read_until(self, pattern: str) -> str:
        said = ""
        while not re.search(pattern, said):
            line = self.output.readline()
            assert line, said
            said += line
        return said

    def child(self, word: str) -> int:
        """The process that runs a command of this word."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            for task in Path("/proc").glob("[0-9]*"):
                try:
                    parent = int((task / "stat").read_text().rpartition(")")[2].split()[1])
                    if parent == self.process.pid and word in (task / "cmdline").read_text():
                        return int(task.name)
                except OSError:
                    continue
            time.sleep(0.05)
        raise AssertionError(f"nothing runs that is called {word}")

    def close(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(TIMEOUT)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.limit.cancel()
        self.process.wait(TIMEOUT)
        self.input.close()
        self.output.close()


@pytest.fixture
def newcomer(tmp_path: Path) -> Generator[tuple[Terminal, Terminal, int]]:
    """Two terminals in a fresh checkout, and the port that is used."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".curlrc").write_text("silent\n")  # as on a terminal, where it draws no meter into what it prints
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SANDBOX_AGENT_ENDPOINT": f"http://127.0.0.1:{port}",
        # What pip would fetch is here already; "0" is its way to say no.
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    folder = copy_to(tmp_path / "checkout")
    terminals = Terminal(environment, folder), Terminal(environment, folder)
    try:
        yield *terminals, port
    finally:
        for terminal in reversed(terminals):
            terminal.close()


def borrow_dependencies(home: Path) -> None:
    """By a .pth in the environment that README has just made. Python 3.11 puts a setuptools into it that is older than
    the one that pip would fetch to build with."""
    [site] = home.glob("*/lib/python3*/site-packages")
    for path in [path for path in site.iterdir() if path.name.startswith(("setuptools", "pkg_resources"))]:
        shutil.rmtree(path)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")


def events(said: str) -> list[str]:
    return re.findall(r'"type": ?"((?:turn|item|permission|session)\.[a-z]+)"', said)


def test_the_five_minutes_work_as_they_are_written(newcomer: tuple[Terminal, Terminal, int], tmp_path: Path) -> None:
    first, second, port = newcomer
    install, [serve], connect, drive, [tell], [follow] = commands()

    first.run(install[0])
    borrow_dependencies(tmp_path / "home")
    for line in install[1:]:
        first.run(line)
    assert serve == "sandbox-agent server"
    first.start(f"{serve} --port {port}")
    ready = first.read_until(r"curl -H .*\n")
    assert f"listening on http://127.0.0.1:{port}\n" in ready
    assert str(tmp_path / "home" / ".local" / "state" / "sandbox-agent" / "token") in ready

    *prepare, create, prompt = connect
    for line in prepare:
        second.run(line.replace(PORT, str(port)))
    assert '"healthy":true' in second.run(create)
    streamed = second.run(prompt)
    assert re.search(r"^id: [0-9a-f]+:2\ndata: \{\"event_id\":\"evt_2\",\"sequence\":2,", streamed, re.MULTILINE)
    assert (events(streamed)[0], events(streamed)[-1]) == ("turn.started", "turn.ended")

    said = [second.run(line) for line in drive[:-1]]
    assert '"healthy": true' in said[0]
    assert events(said[1])[-1] == "permission.requested"
    asked = re.findall(r'"permission_id": "(\w+)"', said[2])
    assert [shlex.split(line)[5] for line in drive[3:5]] == asked, "README answers what is asked"
    history = second.run(drive[-1])
    while "turn.ended" not in events(history):  # a reader takes longer to press Enter
        history = second.run(drive[-1])
    assert events(history).count("permission.resolved") == len(asked) == 2

    assert "asks for two permissions" in second.run(tell)

    kept = followed(second, follow)
    first_daemon = first.child("sandbox-agent")
    os.kill(first_daemon, signal.SIGKILL)
    first.rest()
    first.start(f"{serve} --port {port}")
    first.read_until("listening on")
    again = followed(second, follow)
    assert again[: len(kept)] == kept


def followed(terminal: Terminal, follow: str) -> list[str]:
    """The ids that `events-sse` prints up to the end of the second turn, after which it goes on until Ctrl-C."""
    assert "events-sse" in follow
    # A shell without job control leaves SIGINT to be ignored by what it runs in the background; this is no such.
    terminal.start(follow)
    said = terminal.read_until(r"(?s)turn\.ended.*turn\.ended")
    os.kill(terminal.child("events-sse"), signal.SIGINT)
    status, _ = terminal.rest()
    assert status == 130
    return re.findall(r"^id: (\S+)$", said, re.MULTILINE)


def test_nothing_says_that_we_are_in_a_package_registry() -> None:
    """The name is taken there, by others: who follows such a line runs their code."""
    installers = r"\b(?:pip3?|pipx|uvx?|npx|npm|pnpm|yarn|bunx?|cargo)\b"
    told = re.compile(rf"{installers}(?: +(?!sandbox-agent)[\w.@/=-]+)*? +@?sandbox-agent\b(?!-|/)")
    named = [
        f"{name}: {found[0]}"
        for name in files()
        if name.endswith((".py", ".md", ".toml", ".service", "Makefile", "run"))
        and name != "tests/house/test_readme.py"
        if (found := told.search((ROOT / name).read_text()))
    ]
    assert named == []
    assert told.search("pip install sandbox-agent")
    assert told.search("uv tool install --force sandbox-agent")
