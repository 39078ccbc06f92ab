"""The daemon in the background: started, found again and stopped, and never mistaken for somebody else."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ..commands import COMMAND, TIMEOUT, Commands
from ..processes import alive
from ..running import daemon
from ..server.test_server import status

TOKEN = "a-token-of-the-test"
STARTED = re.compile(r"started: (http://\S+)\npid: (\d+)\nlog: (\S+)\n")


class Background:
    """The commands, with whatever they start ended at the end."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.pids: list[int] = []
        self.started: tuple[str, int, Path] = ("", 0, Path())
        """The last one: its URL, pid and log."""

    def __call__(self, *words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return self.commands.run("daemon", *words, **options)

    def start(self, *options: str, **more: Any) -> tuple[str, int, Path]:
        done = self("start", "--port", "0", *options, **more)
        assert done.returncode == 0, done.stderr
        started = STARTED.fullmatch(done.stdout)
        assert started is not None, done.stdout
        self.pids.append(int(started[2]))
        self.started = started[1], int(started[2]), Path(started[3])
        return self.started

    def state_file(self) -> Path:
        [file] = (self.commands.token_file.parent / "daemons").glob("*/state.json")
        return file

    def end(self) -> None:
        for pid in alive(self.pids):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def background(commands: Commands) -> Generator[Background]:
    found = Background(commands)
    yield found
    found.end()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Generator[Background]:
    """With one that runs, for tests that leave it as it is."""
    found = Background(Commands(tmp_path_factory.mktemp("home")))
    found.start()
    yield found
    found.end()


def test_it_outlives_its_starter_answers_and_is_stopped(background: Background) -> None:
    assert background("status").returncode == 3
    url, pid, log = background.start()
    assert os.getsid(pid) == pid
    assert background("status").stdout == f"running\npid: {pid}\nurl: {url}\nlog: {log}\n"
    done = background.commands.run("api", "sessions", "create", "s", "-a", "mock", "-e", url)
    assert done.returncode == 0, done.stderr
    assert "session created" in log.read_text()
    stopped = background("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"stopped: pid {pid}\n")
    assert alive([pid]) == []
    assert (background("status").returncode, background("stop").stdout) == (3, "not running\n")


def test_a_start_of_one_that_runs_changes_nothing_and_is_no_failure(known: Background) -> None:
    url, pid, log = known.started
    for options in (("--port", "0"), (), ("--port", url.rpartition(":")[2]), ("--host", "localhost")):
        done = known("start", *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"already running: {url}\npid: {pid}\nlog: {log}\n"
    assert known("status").returncode == 0


def test_a_start_that_asks_for_another_address_than_the_running_one_has_fails_and_says_what_to_do(
    known: Background,
) -> None:
    url, pid, _ = known.started
    for options, asked in ((("--port", "1"), "port 1"), (("-H", "0.0.0.0"), "host 0.0.0.0")):
        done = known("start", *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"and not on {asked}: pid {pid}, {url}" in done.stderr
        assert "--data-dir" in done.stderr
        assert "daemon stop" in done.stderr
    assert alive([pid]) == [pid]


def test_a_start_with_other_options_than_the_running_one_has_says_that_they_count_for_nothing(
    known: Background,
) -> None:
    done = known("start", "--max-sessions", "5")
    assert done.returncode == 0
    assert "keeps the options that it was started with" in done.stderr


def test_two_starts_at_once_are_one_daemon(background: Background) -> None:
    command = [*COMMAND, "daemon", "start", "--port", "0"]
    environment = background.commands.environment
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate(timeout=2 * TIMEOUT)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    url, pid, log = running(said[1], background)
    assert said[0] == f"already running: {url}\npid: {pid}\nlog: {log}\n"


def test_one_that_does_not_answer_is_not_taken_for_running(known: Background) -> None:
    _, pid, _ = known.started
    os.kill(pid, signal.SIGSTOP)
    try:
        done = known("start", "--wait", "0.1")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 1
    assert f"did not answer in 0.1 s: pid {pid}" in done.stderr


def test_each_data_directory_has_its_own_and_it_is_found_by_its_address_too(
    background: Background, tmp_path: Path
) -> None:
    here, first, _ = background.start()
    other = ("--data-dir", str(tmp_path / "other"))
    there, second, _ = background.start(*other)
    ports = [url.rpartition(":")[2] for url in (here, there)]
    assert f"pid: {second}" in background("status", "-p", ports[1]).stdout
    assert f"pid: {first}" in background("status", "-p", ports[0], "-H", "127.0.0.1").stdout
    nobody = background("status", "-p", "1")
    assert (nobody.returncode, "not running on port 1" in nobody.stdout) == (3, True)
    assert background("status", "-p", ports[0], "-H", "::1").returncode == 3
    done = background("stop", "-p", "1")
    assert (done.returncode, "not running on port 1" in done.stdout) == (0, True)
    assert alive([first, second]) == [first, second]
    assert background("stop", "-p", ports[1]).stdout == f"stopped: pid {second}\n"
    assert alive([first, second]) == [first]
    third = background.start(*other)[1]
    assert background("stop", *other).stdout == f"stopped: pid {third}\n"
    assert background("status").returncode == 0
    assert alive([first, third]) == [first]


def test_one_that_runs_in_the_foreground_is_found_and_stopped_too(background: Background) -> None:
    with daemon(background.commands, "--no-token") as running:
        known = f"pid: {running.process.pid}\nurl: {running.url}\nlog: the stderr of pid {running.process.pid}\n"
        done = background("status")
        assert (done.returncode, done.stdout) == (0, f"running\n{known}")
        done = background("start", "--port", "0")
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"already running: {running.url}")
        assert background("start", "--port", "1").returncode == 1
        assert status(f"{running.url}/v1/health") == 200
        done = background("stop")
        assert (done.returncode, done.stdout) == (0, f"stopped: pid {running.process.pid}\n")
        assert running.wait_ended() == 0
        assert background("status").returncode == 3


def test_one_that_cannot_start_says_why_and_leaves_nothing(background: Background) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = background("start", "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert background("status").returncode == 3


def test_one_that_is_not_ready_in_time_is_ended(background: Background) -> None:
    done = background("start", "--port", "0", "--wait", "0.001")
    assert done.returncode == 1
    assert "was not ready after 0.001 s and was ended" in done.stderr
    assert background("status").returncode == 3
    background.start()


def test_the_last_words_are_of_this_run_and_not_of_the_one_before_it(background: Background, tmp_path: Path) -> None:
    log = tmp_path / "kept.log"
    log.write_text("said by the daemon before\n")
    done = background("start", "--port", "0", "--wait", "0.001", "--log-file", str(log))
    assert done.returncode == 1
    assert "was not ready" in done.stderr
    assert "said by the daemon before" not in done.stderr


@pytest.mark.parametrize("how", ["option", "environment", "file", "outer"])
def test_the_token_is_no_argument_however_it_was_given(background: Background, tmp_path: Path, how: str) -> None:
    (tmp_path / "token file").write_text(TOKEN)
    options: tuple[str, ...] = ()
    env: dict[str, str] = {}
    match how:
        case "option":
            options = ("--token", TOKEN)
        case "environment":
            env = {"SANDBOX_AGENT_TOKEN": TOKEN}
        case "file":
            options = ("--token-file", "token file")
        case _:
            done = background.commands.run("--token", TOKEN, "daemon", "start", "--port", "0")
            assert done.returncode == 0, done.stderr
    url, pid, log = background.start(*options, env=env) if how != "outer" else running(done.stdout, background)
    assert status(f"{url}/v1/agents", TOKEN) == 200
    assert status(f"{url}/v1/agents") == 401
    assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for file in (log, background.state_file(), log.parent / "output"):
        assert TOKEN not in file.read_text()


def running(said: str, background: Background) -> tuple[str, int, Path]:
    started = STARTED.fullmatch(said)
    assert started is not None, said
    background.pids.append(int(started[2]))
    return started[1], int(started[2]), Path(started[3])


def test_options_reach_it_as_they_were_said(background: Background, tmp_path: Path) -> None:
    log = tmp_path / "my.log"
    url, pid, said = background.start(
        *("-n", "--no-auto-install", "--max-sessions=0", "--log-file", "my.log"),
        *("-O", "https://a.example", "-O", "https://b.example"),
    )
    assert said == log
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    assert {"--no-token", "--no-auto-install", "--max-sessions=0", f"--log-file={log}"} <= set(words)
    assert [word for word in words if "example" in word] == [
        "--cors-allow-origin=https://a.example",
        "--cors-allow-origin=https://b.example",
    ]
    assert status(f"{url}/v1/agents") == 200
    assert "request" in log.read_text()


def test_what_is_kept_of_it_is_for_its_owner_only(known: Background) -> None:
    file = known.state_file()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_one_that_was_killed_is_stale_and_can_be_started_again(background: Background) -> None:
    _, pid, _ = background.start()
    os.kill(pid, signal.SIGKILL)
    while alive([pid]):
        pass
    done = background("status")
    assert done.returncode == 1
    assert f"pid {pid} ended without" in done.stdout
    assert background("stop").returncode == 0
    assert background("status").returncode == 3
    background.start()


def test_a_pid_that_is_another_process_now_is_never_signalled(background: Background) -> None:
    background.start()
    file = background.state_file()
    assert background("stop", "--force").returncode == 0
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as foreign:
        # As after a reboot, or when the pids have gone round: the pid is right and all else is the daemon's.
        state = {"started": 1, "boot": boot(), "data_dir": "/", "log": "/log", "shutdown_timeout": 0.1, "url": None}
        file.write_text(json.dumps(state | {"pid": foreign.pid}))
        assert background("status").returncode == 1
        assert background("stop", "--force").stdout.startswith("not running")
        assert foreign.poll() is None
        assert not file.exists()
        # And in another life of the machine, where even the start may be the same.
        fields = Path(f"/proc/{foreign.pid}/stat").read_text().rpartition(")")[2].split()
        file.write_text(json.dumps(state | {"pid": foreign.pid, "started": int(fields[19]), "boot": "another"}))
        assert background("stop", "--force").stdout.startswith("not running")
        assert foreign.poll() is None
        foreign.communicate(b"\n")
        assert foreign.returncode == 0


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_state_that_nobody_wrote_is_named(known: Background) -> None:
    file = known.state_file()
    kept = file.read_text()
    file.write_text("{}")
    try:
        done = known("status")
    finally:
        file.write_text(kept)
    assert done.returncode == 1
    assert str(file) in done.stderr


def test_one_that_hangs_is_told_apart_and_killed_only_when_that_is_said(background: Background) -> None:
    _, pid, _ = background.start("--shutdown-timeout", "0.1")
    os.kill(pid, signal.SIGSTOP)
    assert background("status").returncode == 4
    done = background("stop")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert alive([pid]) == [pid]
    assert background("stop", "--force").stdout.startswith(f"killed: pid {pid}")
    assert background("status").returncode == 3


def test_one_that_is_not_well_says_what_is_wrong(background: Background, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "journal.db").write_bytes(b"this is no database" * 1000)
    background.start("--data-dir", str(data))
    done = background("status", "--data-dir", str(data))
    assert done.returncode == 150
    assert "degraded\nproblem: a damaged journal was set aside as " in done.stdout


def test_its_log_is_rotated_and_bounded(background: Background) -> None:
    url, _, log = background.start("--log-file-bytes", "2000", "--log-files-kept", "2")
    for _ in range(100):
        assert status(f"{url}/v1/health") == 200
    assert background("stop").returncode == 0
    files = sorted(log.parent.glob("daemon.log*"))
    assert [file.name for file in files] == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(file.stat().st_size <= 2000 for file in files)
