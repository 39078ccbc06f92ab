"""A user without a home, as containers have them: HOME is not set, and no passwd knows the uid."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..api.test_working_directory import environment_of
from ..commands import TIMEOUT
from ..processes import descendants
from ..running import RunningDaemon, anew
from ..users import given_to_stranger, stranger


class Stranger:
    """Runs the command as `env -i` would: its environment says where programs and temporary files are, and no more."""

    def __init__(self, tmp_path: Path) -> None:
        self.here = self._folder(tmp_path, "here")
        self.temporary = self._folder(tmp_path, "tmp")
        self.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary)}
        self.command, self.prepare = stranger()

    def _folder(self, parent: Path, name: str) -> Path:
        path = parent / name
        path.mkdir()
        return given_to_stranger(path)

    @property
    def home(self) -> Path:
        (home,) = self.temporary.glob("sandbox-agent-home-*")
        return home

    @contextmanager
    def server(self, env: Mapping[str, str]) -> Generator[RunningDaemon]:
        command = [*self.command, "server", "--port", "0"]
        running = anew(command, self.environment | dict(env), self.here, self.prepare)
        with running.living():
            yield running
        assert list(self.here.iterdir()) == []

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [*self.command, *arguments],
            env=self.environment | dict(env or {}),
            cwd=self.here,
            preexec_fn=self.prepare,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT * 2,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout
        assert list(self.here.iterdir()) == [], "nothing is made where it was called"
        return done


@pytest.fixture
def nobody(tmp_path: Path) -> Stranger:
    return Stranger(tmp_path)


@pytest.fixture
def programs() -> Generator[Path]:
    """Where anybody may start a program. This stand-in for Amp is only there, and says nothing."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "amp").write_text("#!/bin/sh\nexec sleep 600\n")
        (directory / "amp").chmod(0o755)
        yield directory


@pytest.mark.parametrize("home", [None, "", "relative"])
def test_the_daemon_its_agents_and_commands_agree_on_a_home_of_their_own(
    nobody: Stranger, programs: Path, home: str | None
) -> None:
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "AMP_API_KEY": "sgamp_of_the_test"}
    env |= {} if home is None else {"HOME": home, "XDG_STATE_HOME": home, "XDG_DATA_HOME": home}
    with nobody.server(env) as running:
        created = nobody.run("api", "sessions", "create", "s", "-a", "amp", "-e", running.url, env=env)
        assert created.returncode == 0, created.stderr  # by the token that the server has stored
        assert stat.S_IMODE(nobody.home.stat().st_mode) == 0o700
        # In a namespace it has parents of its own, where it is ours to look at them.
        *_, agent = [pid for pid in descendants(running.process.pid) if "SANDBOX_AGENT_PROCESS" in environment_of(pid)]
        environment = environment_of(agent)
        assert environment["HOME"] == str(nobody.home)
        assert "XDG_STATE_HOME" not in environment
        assert (nobody.home / ".local/share/sandbox-agent/journal.db").exists()
        assert (nobody.home / ".local/state/sandbox-agent/token").exists()
    assert "no home directory: HOME is not set" in running.stderr
    assert str(nobody.home) in running.stderr
    assert "Traceback" not in running.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("api", "sessions", "list", "-e", "http://127.0.0.1:9"),
        ("credentials", "extract"),
        ("daemon", "status"),
        ("daemon", "stop"),
        ("install-agent", "claude", "--npm", "", "--claude-download-url", "http://127.0.0.1:9"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_no_command_needs_a_home(nobody: Stranger, arguments: tuple[str, ...]) -> None:
    done = nobody.run(*arguments)
    assert done.returncode in (0, 1, 3)
    if done.returncode == 1:
        assert "Error: " in done.stderr


@pytest.mark.parametrize("command", [("server", "--port", "0"), ("daemon", "start", "--port", "0")])
def test_a_home_that_cannot_be_written_is_refused_in_a_sentence(nobody: Stranger, command: tuple[str, ...]) -> None:
    """OpenShift sets HOME=/."""
    (nobody.temporary / "file").write_text("")
    for home in ("/", str(nobody.temporary / "file")):
        done = nobody.run(*command, env={"HOME": home})
        assert done.returncode == 1
        assert done.stderr.startswith("Error: cannot ")
        assert "set HOME" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_without_any_place_for_a_home_it_is_told_what_to_set(nobody: Stranger) -> None:
    env = {"TMPDIR": str(nobody.temporary / "none")}
    refused = nobody.run("server", "--port", "0", "--token", "long-enough", env=env)
    assert refused.returncode == 1
    for part in ("no home directory", "HOME is not set", "set HOME", "--data-dir"):
        assert part in refused.stderr
    refused = nobody.run("server", "--port", "0", env=env)
    assert refused.returncode == 1
    assert "set HOME" in refused.stderr


def test_a_folder_that_is_not_ours_alone_is_no_home(nobody: Stranger) -> None:
    assert nobody.run("daemon", "status").returncode == 3
    nobody.home.chmod(0o755)
    refused = nobody.run("server", "--port", "0")
    assert refused.returncode == 1
    assert "alone; set HOME" in refused.stderr
