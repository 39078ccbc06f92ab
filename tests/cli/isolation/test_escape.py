"""A process that clears its environment, leaves its process group and forks and exits in less time than a look at /proc
takes, where agents have neither namespaces nor cgroups."""

import signal
from pathlib import Path

import httpx

from sandbox_agent.actors.processes.fork_loops import new_tag

from ..commands import Commands
from ..running import daemon
from .attacks import output_of
from .test_namespace import TOKEN, create, escaping, is_free, talk

OPTION = ("--agent-isolation", "process", "--no-agent-cgroups")


def until_held(lock: Path) -> str:
    return f"while flock -n {lock} true; do sleep 0.02; done"


def orphan(lock: Path) -> str:
    return f"setsid flock {lock} sleep 60 </dev/null >/dev/null 2>&1 & {until_held(lock)}"


def check_it_ends_with_its_session(client: httpx.Client, work: Path) -> None:
    lock, other = work / "lock", work / "other"
    create(client, work)
    create(client, work, "other")
    # An orphan without our marker, of a session that goes on.
    output_of(client, "other", f"env -i {orphan(other)}")
    output_of(client, "s", escaping(lock))
    assert not is_free(lock), "it has not escaped: this test shows nothing"
    client.post("/v1/sessions/s/terminate").raise_for_status()
    assert is_free(lock)
    assert not is_free(other)
    assert client.get("/v1/health").json()["status"] == "ok"


def test_it_ends_with_its_session_and_nobody_elses_does(commands: Commands, tmp_path: Path) -> None:
    with daemon(commands, *OPTION, env=TOKEN) as running, talk(running) as client:
        check_it_ends_with_its_session(client, tmp_path)


def test_it_ends_with_the_daemon(commands: Commands, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with daemon(commands, *OPTION, env=TOKEN) as running:
        with talk(running) as client:
            create(client, tmp_path)
            output_of(client, "s", escaping(lock))
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        assert is_free(lock)


def test_each_agent_has_a_tag_of_its_own() -> None:
    tags = [new_tag() for _ in range(100)]
    assert len(set(tags)) == len(tags) or tags == [None] * 100
