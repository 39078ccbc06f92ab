"""What the daemon writes beside its journal is for its owner alone, whatever the umask and the files there."""

import os
import stat
from pathlib import Path

import pytest

from sandbox_agent.cli.logs.outputs import LogFile

from ..commands import Commands
from ..running import daemon


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_log_is_private_also_its_files_that_were_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, max_bytes=10, kept=2)
    for _ in range(3):
        log.write(memoryview(b"123456789\n"))
    assert [mode(tmp_path / name) for name in ("log", "log.1", "log.2")] == [0o600] * 3


def test_logs_that_are_open_to_others_are_closed_to_them(tmp_path: Path) -> None:
    for name in ("log", "log.1", "log.2"):
        (tmp_path / name).write_text("old\n")
        (tmp_path / name).chmod(0o644)
    log = LogFile(tmp_path / "log", max_bytes=10, kept=2)
    assert [mode(tmp_path / name) for name in ("log", "log.1", "log.2")] == [0o600] * 3
    assert log.open_to_others is None


def test_a_name_of_a_set_aside_file_that_leads_elsewhere_changes_nothing_there(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("")
    other.chmod(0o644)
    (tmp_path / "log.1").symlink_to(other)
    LogFile(tmp_path / "log", max_bytes=10, kept=2)
    assert mode(other) == 0o644


def test_what_is_no_regular_file_keeps_its_mode(tmp_path: Path) -> None:
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    fifo.chmod(0o622)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        LogFile(fifo, max_bytes=10, kept=2).write(memoryview(b"x\n"))
        assert mode(fifo) == 0o622
    finally:
        os.close(reader)


@pytest.mark.usefixtures("open_umask")
def test_all_that_a_background_daemon_writes_is_private(commands: Commands) -> None:
    try:
        assert commands.run("daemon", "start", "--port", "0").returncode == 0
        written = [path for path in commands.home.rglob("*") if path.is_file() and ".npm" not in path.parts]
        assert {"daemon.log", "output", "state.json", "token"} <= {path.name for path in written}
        assert [path for path in written if mode(path) & 0o077] == []
    finally:
        commands.run("daemon", "stop")


@pytest.mark.parametrize("origin", ["*", "null"])
@pytest.mark.parametrize("words", [("server", "--port", "0"), ("daemon", "start", "--port", "0")])
def test_no_token_and_an_origin_that_any_page_has_are_refused(
    commands: Commands, words: tuple[str, ...], origin: str
) -> None:
    done = commands.run(*words, "--no-token", "-O", origin, env={"SANDBOX_AGENT_ALLOW_NO_TOKEN": "1"})
    assert (done.returncode, done.stdout) == (1, "")
    assert "any web page" in done.stderr
    assert "name the origins" in done.stderr


def test_an_origin_that_was_named_needs_no_token(commands: Commands) -> None:
    with daemon(commands, "--no-token", "-O", "https://page.example") as running:
        running.close()
