"""Where sessions work: as it was named, in the session's card and in the agent's PWD; and what cannot be is a 400."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..commands import COMMAND, TIMEOUT, Commands
from ..machine.test_no_orphans import ENV, talk
from ..processes import descendants
from ..running import RunningDaemon, daemon
from ..users import obey_modes


def environment_of(pid: int) -> dict[str, str]:
    parts = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return dict(part.split("=", 1) for part in parts)


def agent_of(running: RunningDaemon) -> int:
    (agent,) = [pid for pid in descendants(running.process.pid) if "SANDBOX_AGENT_PROCESS" in environment_of(pid)]
    return agent


@pytest.mark.parametrize("named", ["link", "none"])
def test_an_agents_pwd_is_its_directory_by_the_name_it_was_given(
    commands: Commands, tmp_path: Path, named: str
) -> None:
    """The daemon's own PWD and OLDPWD are where somebody else stood."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to("real")
    env = ENV | {"PWD": "/somewhere", "OLDPWD": "/elsewhere"}
    with daemon(commands, "--ephemeral", env=env, directory=real) as running, talk(running) as client:
        body = {"agent": "mock"} | ({"directory": str(link)} if named == "link" else {})
        client.post("/v1/sessions/s", json=body).raise_for_status()
        told = str(link) if named == "link" else os.path.realpath(real)
        assert client.get("/v1/sessions/s").json()["directory"] == told
        agent = agent_of(running)
        environment = environment_of(agent)
        assert environment["PWD"] == told
        assert "OLDPWD" not in environment
        assert Path(f"/proc/{agent}/cwd").samefile(told)


def test_a_folder_that_the_daemon_may_not_enter_and_list_is_a_400_and_one_that_it_may_only_read_is_fine(
    commands: Commands, tmp_path: Path
) -> None:
    modes = {"nothing": 0o000, "not searchable": 0o600, "not readable": 0o300, "read only": 0o500}
    folders = {name: tmp_path / name for name in modes}
    for name, folder in folders.items():
        folder.mkdir()
        (folder / "below").mkdir()
        (folder / "file").write_text("")
        folder.chmod(modes[name])
    secret = tmp_path / "secret"
    secret.write_text("")
    secret.chmod(0)
    try:
        with daemon(commands, "--ephemeral", env=ENV, prepare=obey_modes) as running, talk(running) as client:
            refused = [folders["nothing"], folders["not searchable"], folders["not readable"]]
            refused += [folders["nothing"] / "below", folders["not searchable"] / "below"]
            for folder in refused:
                answer = client.post("/v1/sessions/s", json={"agent": "mock", "directory": str(folder)})
                assert answer.status_code == 400, folder
                assert f"{folder} cannot be used: Permission denied" in answer.json()["detail"]
            readable = {"agent": "mock", "directory": str(folders["read only"])}
            client.post("/v1/sessions/s", json=readable).raise_for_status()
            for file in (secret, folders["nothing"] / "file"):
                message = {"message": "look", "attachments": [{"path": str(file)}]}
                answer = client.post("/v1/sessions/s/messages", json=message)
                assert answer.status_code == 400, file
                assert f"{file} cannot be opened: Permission denied" in answer.json()["detail"]
            long = {"message": "look", "attachments": [{"path": "n" * 300}]}
            answer = client.post("/v1/sessions/s/messages", json=long)
            assert (answer.status_code, "File name too long" in answer.json()["detail"]) == (400, True)
        assert "Traceback" not in running.stderr
    finally:
        for folder in folders.values():
            folder.chmod(0o700)


def leave_it(directory: Path) -> Callable[[], None]:
    """In a child before exec: stand in a directory that is not there any more."""

    def leave() -> None:
        os.chdir(directory)
        directory.rmdir()

    return leave


@pytest.mark.parametrize("when", ["before the start", "after the start"])
def test_a_daemon_whose_own_directory_is_gone_works_where_it_is_told(
    commands: Commands, tmp_path: Path, when: str
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    prepare = leave_it(gone) if when == "before the start" else None
    with daemon(commands, env=ENV, directory=gone, prepare=prepare) as running, talk(running) as client:
        if prepare is None:
            gone.rmdir()
        answer = client.post("/v1/sessions/s", json={"agent": "mock"})
        assert answer.status_code == 400
        assert "working directory is gone; name one with `directory`" in answer.json()["detail"]
        client.post("/v1/sessions/s", json={"agent": "mock", "directory": str(tmp_path)}).raise_for_status()
        client.get("/v1/agents").raise_for_status()
        sent = client.post("/v1/sessions/s/messages/stream", json={"message": "echo still here"})
        assert "still here" in sent.text
    assert "Traceback" not in running.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("server", "--port", "0", "--data-dir", "relative", "--no-token"),
        ("server", "--port", "0", "--log-file", "relative", "--no-token"),
        ("server", "--port", "0", "--token-file", "relative"),
        ("daemon", "start", "--port", "0", "--log-file", "relative"),
        ("daemon", "start", "--port", "0", "--data-dir", "relative"),
        ("daemon", "status", "--data-dir", "relative"),
        ("daemon", "stop", "--data-dir", "relative"),
        ("install-agent", "claude", "--data-dir", "relative"),
        ("api", "sessions", "create", "s", "-a", "mock", "--skill", "relative"),
        ("api", "sessions", "create", "s", "-a", "mock", "--mcp-config", "relative"),
        ("api", "sessions", "send-message", "s", "-m", "hi", "--attach", "relative"),
        ("api", "sessions", "send-message", "s", "-m", "hi", "--attach", "n" * 300),
        ("credentials", "extract", "--home-dir", "relative"),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_a_command_that_is_called_in_a_directory_that_is_gone_says_so(
    commands: Commands, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=commands.environment | {"SANDBOX_AGENT_ENDPOINT": "http://127.0.0.1:9"},
        preexec_fn=leave_it(gone),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode in (1, 2)
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_runs_in_a_directory_that_is_gone(commands: Commands, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        [*COMMAND, "demo", "--prompt", "echo still here"],
        env=commands.environment,
        preexec_fn=leave_it(gone),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "still here" in done.stdout


@pytest.mark.parametrize("command", [("server",), ("daemon", "start"), ("daemon", "status"), ("daemon", "stop")])
@pytest.mark.parametrize("fault", ["loop", "long", "file"])
def test_a_data_directory_that_cannot_be_is_told_without_a_traceback(
    commands: Commands, tmp_path: Path, command: tuple[str, ...], fault: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    name = {"loop": "loop", "long": "n" * 300, "file": "file/below"}[fault]
    port = () if command[-1] in ("status", "stop") else ("--port", "0")
    done = commands.run(*command, *port, "--data-dir", str(tmp_path / name))
    assert "Traceback" not in done.stderr + done.stdout
    if port:
        assert done.returncode == 1
        assert f"cannot use the data directory {tmp_path / name}" in done.stderr
    else:
        assert "not running" in done.stdout
