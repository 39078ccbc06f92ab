"""An agent in namespaces of its own: nothing leaves them, what is hidden is hidden, and the rest is as it was."""

import fcntl
import os
import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ..commands import TIMEOUT, Commands
from ..running import RunningDaemon, daemon
from .attacks import output_of

TOKEN = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}
OPTION = ("--agent-isolation", "namespace")
CHAIN = Path(__file__).with_name("chain.py")


@contextmanager
def talk(running: RunningDaemon) -> Generator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN['SANDBOX_AGENT_TOKEN']}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
        yield client


def create(client: httpx.Client, directory: Path, session: str = "s") -> None:
    made = client.post(f"/v1/sessions/{session}", json={"agent": "mock", "directory": str(directory)})
    assert made.is_success, made.text


def escaping(lock: Path) -> str:
    """A command that returns when the chain has begun, for some seconds at most."""
    chain = shlex.join(["env", "-i", sys.executable, "-IS", str(CHAIN), str(lock), "20"])
    return f"{chain} </dev/null >/dev/null 2>&1 & while [ ! -s {lock} ]; do sleep 0.02; done"


def is_free(lock: Path) -> bool:
    """Whether nobody of the chain is alive."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_what_forks_and_exits_faster_than_a_look_ends_with_its_session(commands: Commands, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with daemon(commands, *OPTION, "--no-agent-cgroups", env=TOKEN) as running, talk(running) as client:
        create(client, tmp_path)
        output_of(client, "s", escaping(lock))
        assert not is_free(lock), "it has not escaped: this test shows nothing"
        client.post("/v1/sessions/s/terminate").raise_for_status()
        assert is_free(lock)


def test_it_ends_with_the_next_start_after_sigkill_too(commands: Commands, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with daemon(commands, *OPTION, "--no-agent-cgroups", env=TOKEN) as running:
        with talk(running) as client:
            create(client, tmp_path)
            output_of(client, "s", escaping(lock))
        running.process.kill()
        running.wait_ended()
    assert not is_free(lock), "it has not outlived its daemon: this test shows nothing"
    with daemon(commands, *OPTION, env=TOKEN):
        assert is_free(lock)


def test_how_the_agent_exits_is_told_as_it_was(commands: Commands, tmp_path: Path) -> None:
    with daemon(commands, *OPTION, env=TOKEN) as running, talk(running) as client:
        create(client, tmp_path)
        told = client.post("/v1/sessions/s/messages/stream", json={"message": "crash 7"}).text
        assert '"exit_code":7' in told.replace(" ", "")
        again = client.post("/v1/sessions/s/messages/stream", json={"message": "echo here again"}).text
        assert "here again" in again


def test_what_it_works_on_stays_and_what_is_the_daemons_is_hidden(commands: Commands, tmp_path: Path) -> None:
    data, token = tmp_path / "data", tmp_path / "token"
    work, installed = data / "work", data / "agents" / "program"
    work.mkdir(parents=True)
    installed.parent.mkdir()
    installed.write_text("a program")
    token.write_text(TOKEN["SANDBOX_AGENT_TOKEN"])
    options = (*OPTION, "--data-dir", str(data), "--token-file", str(token))
    with daemon(commands, *options) as running, talk(running) as client:
        create(client, work)
        said = output_of(
            client,
            "s",
            f"echo mine > file; pwd; cat {installed} {token}; ls {data}; echo x >> {installed} || echo no; "
            f"echo x > {data}/file || echo no; echo also mine > {tmp_path}/other",
        )
    lines = [line for line in said.splitlines() if "sh:" not in line]
    assert lines == [str(work), "a programagents", "mock", "work", "no", "no"]
    assert (work / "file").read_text() == "mine\n"
    assert (tmp_path / "other").read_text() == "also mine\n"
    assert installed.read_text() == "a program"


def test_the_daemons_own_directory_is_no_place_to_work(commands: Commands, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with daemon(commands, *OPTION, "--data-dir", str(data), env=TOKEN) as running, talk(running) as client:
        made = client.post("/v1/sessions/s", json={"agent": "mock", "directory": str(data)})
        assert made.status_code == 500
        assert "is a directory of the daemon's own" in made.text


def test_the_agent_sees_its_own_processes_and_is_root_over_files_if_the_daemon_is(
    commands: Commands, tmp_path: Path
) -> None:
    with daemon(commands, *OPTION, env=TOKEN) as running, talk(running) as client:
        create(client, tmp_path)
        made = tmp_path / "of-another"
        said = output_of(client, "s", f"touch {made}; chown 1234:1234 {made}; kill -9 1; ls -d /proc/[0-9]* | wc -l")
    assert int(said.split()[-1]) < 10
    if os.geteuid() == 0:
        assert made.stat().st_uid == 1234
