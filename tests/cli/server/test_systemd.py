"""The unit in docs/systemd: systemd accepts it, and what it starts is a daemon."""

import shlex
import subprocess
import sys
from pathlib import Path

from sandbox_agent.schema.settings import Settings

from ..commands import TIMEOUT, Commands
from ..running import anew
from .test_server import status

UNIT = Path(__file__).resolve().parents[3] / "docs" / "systemd" / "sandbox-agent.service"
PROGRAM = Path(sys.executable).with_name("sandbox-agent")
INSTALLED = "/usr/local/bin/sandbox-agent"


def setting(name: str) -> str:
    [value] = [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]
    return value


def verify(tmp_path: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """The program must exist where the unit says, so it is told where ours is."""
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(INSTALLED, str(PROGRAM)))
    argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy]
    return subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT)


def test_systemd_has_nothing_to_say_against_it(tmp_path: Path) -> None:
    done = verify(tmp_path, UNIT.read_text())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_have_said_it(tmp_path: Path) -> None:
    assert "kill mode" in verify(tmp_path, UNIT.read_text().replace("KillMode=mixed", "KillMode=gently")).stderr


def test_what_it_starts_is_a_daemon(commands: Commands, tmp_path: Path) -> None:
    """As systemd would: its specifiers filled in, the credential in a file that is ours alone."""
    (tmp_path / "credentials").mkdir()
    token = tmp_path / "credentials" / "token"
    token.write_text("a-token-of-the-test\n")
    token.chmod(0o400)
    line = setting("ExecStart").replace("%S", str(tmp_path / "state")).replace("%d", str(token.parent))
    program, *words = shlex.split(line)
    assert program == INSTALLED
    running = anew([PROGRAM, *words, "--port", "0"], commands.environment, commands.home)
    with running.living():
        assert status(f"{running.url}/v1/agents", "a-token-of-the-test") == 200
        assert status(f"{running.url}/v1/agents") == 401
        assert (tmp_path / "state" / "sandbox-agent" / "journal.db").exists()


def test_it_leaves_the_daemon_more_time_than_the_daemon_takes() -> None:
    assert float(setting("TimeoutStopSec")) > 2 * Settings().shutdown_timeout
