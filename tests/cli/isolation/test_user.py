"""Agents with a user of their own: what they are, who ends them, and what is refused when they cannot be had.

Where only root can show it, with the capabilities that a container leaves root.
"""

import os
import signal
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from ..commands import Commands
from ..containers import (
    be_container,
    commands_of,
    container_without,
    needs_root,
    open_place,
    open_way,
)
from ..running import daemon
from ..users import STRANGER, stranger
from .attacks import output_of
from .test_escape import check_it_ends_with_its_session, orphan
from .test_levels import WITHOUT, told
from .test_namespace import TOKEN, create, is_free, talk

OPTION = ("--agent-user", str(STRANGER), "--agent-isolation", "user", "--no-agent-cgroups")
CAP_KILL = 5


@pytest.fixture
def place() -> Generator[Path]:
    with open_place() as found:
        yield found


@needs_root
def test_an_agent_is_that_user_and_nothing_of_root(place: Path) -> None:
    commands = commands_of(place)
    with daemon(commands, *OPTION, env=TOKEN, prepare=be_container) as running, talk(running) as client:
        create(client, place / "work")
        home = place / "tmp" / f"sandbox-agent-home-{STRANGER}"
        installed = place / "home" / ".local" / "share" / "sandbox-agent" / "agents"
        said = output_of(
            client,
            "s",
            f"id -u; id -G; echo $HOME; touch made; ls -d {installed}; touch {installed}/made 2>/dev/null || echo no; "
            "grep -E 'Cap(Prm|Eff)' /proc/self/status",
        )
        none = "0" * 16
        number = str(STRANGER)
        assert said.split() == [number, number, str(home), str(installed), "no", "CapPrm:", none, "CapEff:", none]
        assert (place / "work" / "made").stat().st_uid == STRANGER
        assert home.stat().st_uid == STRANGER
        assert home.stat().st_mode & 0o777 == 0o700


@needs_root
def test_what_escapes_ends_with_its_session_and_nobody_elses_does(place: Path) -> None:
    with (
        daemon(commands_of(place), *OPTION, env=TOKEN, prepare=be_container) as running,
        talk(running) as client,
    ):
        check_it_ends_with_its_session(client, place / "work")


@needs_root
def test_the_next_start_after_sigkill_finds_what_is_left(place: Path) -> None:
    lock = place / "work" / "lock"
    with daemon(commands_of(place), *OPTION, env=TOKEN, prepare=be_container) as running:
        with talk(running) as client:
            create(client, place / "work")
            output_of(client, "s", orphan(lock))
        running.process.send_signal(signal.SIGKILL)
        running.wait_ended()
    assert not is_free(lock), "it has not outlived its daemon: this test shows nothing"
    home = place / "tmp" / f"sandbox-agent-home-{STRANGER}"
    (left,) = {*(place / "tmp").glob("sandbox-agent-*")} - {home}
    with daemon(commands_of(place), *OPTION, env=TOKEN, prepare=be_container):
        assert is_free(lock)
        assert not left.exists()


@needs_root
def test_a_directory_that_the_user_may_not_write_is_the_operators_to_mend(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(0o755)
    with (
        daemon(commands_of(place), *OPTION, env=TOKEN, prepare=be_container) as running,
        talk(running) as client,
    ):
        for directory, denied in ((closed, "write"), (place / "home", "enter and list")):
            refused = client.post("/v1/sessions/s", json={"agent": "mock", "directory": str(directory)})
            assert refused.status_code == 400
            detail = refused.json()["detail"]
            for part in (str(directory), f"uid {STRANGER}", f"may not {denied}", f"chown -R {STRANGER}:{STRANGER}"):
                assert part in detail
    assert closed.stat().st_uid == 0


@needs_root
def test_a_link_to_what_only_root_may_read_is_not_read_for_a_client(place: Path) -> None:
    (place / "home" / "secret").write_text("what only root may read")
    (place / "home" / "secret").chmod(0o600)
    link = place / "work" / "picture"
    link.symlink_to(place / "home" / "secret")
    with (
        daemon(commands_of(place), *OPTION, env=TOKEN, prepare=be_container) as running,
        talk(running) as client,
    ):
        create(client, place / "work")
        body = {"message": "echo x", "attachments": [{"path": str(link), "mime": "image/png"}]}
        refused = client.post("/v1/sessions/s/messages", json=body)
        assert refused.status_code == 400
        assert "Permission denied" in refused.json()["detail"]


@needs_root
def test_auto_takes_the_user_where_there_are_no_namespaces(place: Path) -> None:
    options = ("--agent-user", str(STRANGER), "--agent-isolation", "auto")
    with daemon(commands_of(place), *options, env=TOKEN, prepare=open_way, program=WITHOUT) as running:
        os.chown(place / "home", STRANGER, STRANGER)  # where it works when no directory is named
        health, started = told(running)
        assert health == started
        assert (health["level"], health["user"]) == ("user", f"uid {STRANGER}")
        assert health["reason"].startswith("cannot isolate: a user namespace: ")


@needs_root
@pytest.mark.parametrize(
    ("user", "prepare", "parts"),
    [
        (str(STRANGER), container_without(CAP_KILL), ["root lacks CAP_KILL"]),
        ("nobody-at-all", None, ["passwd knows no user 'nobody-at-all'"]),
        ("0", None, ["is root"]),
        (f"{STRANGER}:0", None, ["group 0"]),
    ],
)
def test_what_is_missing_is_told_and_nothing_starts(
    place: Path, user: str, prepare: Callable[[], None] | None, parts: list[str]
) -> None:
    refused = refusal(commands_of(place), "--agent-user", user, prepare=prepare)
    assert f"--agent-user {user} cannot be had: " in refused
    for part in parts:
        assert part in refused


@needs_root
def test_a_data_directory_that_the_user_cannot_reach_is_told(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(0o700)
    refused = refusal(commands_of(place), *OPTION, "--data-dir", str(closed / "data"), prepare=be_container)
    for part in (f"uid {STRANGER} cannot reach {closed}/data/agents", f"{closed} is closed to it", "--data-dir"):
        assert part in refused


def test_who_is_not_root_has_no_other_user(tmp_path: Path) -> None:
    program, become = stranger()
    if os.geteuid() == 0:
        os.chown(tmp_path, STRANGER, STRANGER)
    refused = refusal(Commands(tmp_path), "--agent-user", "1", prepare=become, program=program)
    assert "--agent-user 1 cannot be had: the daemon must run as root" in refused


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--agent-isolation", "user"), "name one with agent_user"),
        (("--agent-isolation", "process", "--agent-user", "1"), "leave agent_user out"),
        (("--agent-user", "a b"), "must be NAME, UID, NAME:GID or UID:GID; got 'a b'"),
        (("--agent-user", "4294967295"), "at most 4294967294"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(
    commands: Commands, options: tuple[str, ...], part: str
) -> None:
    done = commands.run("server", "--port", "0", *options, env={"SANDBOX_AGENT_AGENT_ISOLATION": "auto"})
    assert done.returncode == 2
    assert part in done.stderr


def refusal(
    commands: Commands, *options: str, prepare: Callable[[], None] | None, program: tuple[str, ...] = ()
) -> str:
    """What is told when the daemon does not start, with the status of a failure."""
    env = {**TOKEN, "SANDBOX_AGENT_AGENT_ISOLATION": "auto"}
    more = {"program": program} if program else {}
    with pytest.raises(AssertionError) as told, daemon(commands, *options, env=env, prepare=prepare, **more):
        pass
    assert "status 1" in str(told.value)
    return str(told.value)
