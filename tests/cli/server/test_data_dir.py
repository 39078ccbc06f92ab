"""One daemon at a time has a data directory, and the second says so; a killed one leaves it free."""

import signal
import subprocess
from pathlib import Path

from ..commands import COMMAND, TIMEOUT, Commands
from ..running import daemon


def second(commands: Commands, directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "server", "--port", "0", "--no-token", "--data-dir", str(directory)],
        env=commands.environment,
        cwd=commands.home,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_a_second_daemon_is_refused_and_told_who_has_the_directory(commands: Commands, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with daemon(commands, "--no-token", "--data-dir", str(directory)) as first:
        refused = second(commands, directory)
        assert refused.returncode == 1
        assert f"in use by another daemon (pid {first.process.pid})" in refused.stderr
        assert "--data-dir" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert first.process.poll() is None


def test_of_two_that_start_at_once_one_serves(commands: Commands, tmp_path: Path) -> None:
    options = [*COMMAND, "server", "--port", "0", "--no-token", "--data-dir", str(tmp_path / "data")]
    both = [
        subprocess.Popen(
            options,
            env=commands.environment,
            cwd=commands.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        said = [process.stdout.readline() for process in both if process.stdout is not None]
        assert sorted(line.startswith("listening on") for line in said) == [False, True]
        loser = both[said.index("")]
        assert loser.wait(TIMEOUT) == 1
    finally:
        for process in both:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def test_after_kill_9_the_next_starts_at_once(commands: Commands, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with daemon(commands, "--no-token", "--data-dir", str(directory)) as first:
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(TIMEOUT)
        with daemon(commands, "--no-token", "--data-dir", str(directory)) as next_one:
            assert next_one.url
