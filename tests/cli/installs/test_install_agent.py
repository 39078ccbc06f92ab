"""``sandbox-agent install-agent`` and ``api agents install``, with an npm that does what the test says."""

import json
import os
import pty
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from sandbox_agent.schema.agents.definitions import PINNED

from ...actors.installs.world import VERSION, World
from ..commands import COMMAND, TIMEOUT, Commands
from ..running import daemon

TOKEN = "a-token-for-tests"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def here(tmp_path: Path, world: World) -> Commands:
    commands = Commands(tmp_path)
    commands.environment |= world.environment | {"SANDBOX_AGENT_DATA_DIR": str(world.data)}
    return commands


def test_it_installs_the_version_that_we_were_made_for(here: Commands, world: World):
    done = here.run("install-agent", "claude")
    assert done.returncode == 0, done.stderr
    installed = world.store().find()
    assert installed is not None
    assert done.stdout == f"claude {PINNED['claude']} is installed: {installed.program}\n"
    phases = [line.rpartition(": ")[2] for line in done.stderr.splitlines()]
    assert phases == ["waiting", "downloading", "checking", "activating"]


def test_a_second_run_does_nothing_and_says_so(here: Commands, world: World):
    here.run("install-agent", "claude")
    done = here.run("install-agent", "claude")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("claude is there already: ")
    assert len(world.calls()) == 1
    assert here.run("install-agent", "claude", "--reinstall").returncode == 0
    assert len(world.calls()) == 2


def test_another_version_goes_beside_it_and_is_used_from_then_on(here: Commands, world: World):
    here.run("install-agent", "claude")
    assert here.run("install-agent", "claude", "--agent-version", VERSION).returncode == 0
    current = world.store().find()
    assert current is not None
    assert current.version == VERSION
    assert world.store().find(PINNED["claude"]) is not None


def test_a_failure_says_why_and_exits_1(here: Commands, world: World):
    world.plan(status=1, stderr="npm error notarget No matching version found\n")
    done = here.run("install-agent", "claude", "-A", "9.9.9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: claude 9.9.9 was not installed" in done.stderr
    assert "No matching version found" in done.stderr


def test_all_tries_each_and_tells_of_each_failure(here: Commands, world: World):
    world.plan(agent="codex")
    done = here.run("install-agent", "--all")
    assert done.returncode == 1
    assert done.stdout.startswith(f"codex {PINNED['codex']} is installed: ")
    failed = [agent for agent, version in PINNED.items() if f"{agent} {version} was not installed" in done.stderr]
    assert failed == ["claude", "opencode", "amp"]
    assert sorted(call["version"] for call in world.calls()) == sorted(PINNED.values())


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("claude", "--all"),
        ("nobody",),
        ("--all", "--agent-version", "1.0.0"),
        ("claude", "--agent-version", "latest"),
        ("claude", "--install-timeout", "nan"),
    ],
)
def test_wrong_usage_exits_2_and_installs_nothing(here: Commands, world: World, words: tuple[str, ...]):
    assert here.run("install-agent", *words).returncode == 2
    assert world.calls() == []


def test_a_terminal_gets_a_bar_and_the_result_stays(here: Commands):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "install-agent", "claude"],
        env=here.environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # a terminal that nobody has open any more
        pass
    stdout, _ = process.communicate(timeout=TIMEOUT)
    os.close(ours)
    assert process.returncode == 0
    assert stdout.startswith(f"claude {PINNED['claude']} is installed: ".encode())
    assert "━".encode() in shown
    assert b"activating" in shown or b"checking" in shown or b"downloading" in shown


@pytest.fixture
def api(here: Commands) -> Generator[Commands]:
    with daemon(here, env={"SANDBOX_AGENT_TOKEN": TOKEN}) as running:
        here.environment |= {"SANDBOX_AGENT_TOKEN": TOKEN, "SANDBOX_AGENT_ENDPOINT": running.url}
        yield here


def test_the_daemon_installs_when_it_is_asked(api: Commands, world: World):
    done = api.run("api", "agents", "install", "claude")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (claude,) = [a for a in json.loads(api.run("api", "agents", "list").stdout)["agents"] if a["id"] == "claude"]
    assert (claude["installed"], claude["version"]) == (True, PINNED["claude"])
    assert api.run("api", "agents", "install", "claude", "-A", VERSION, "-r").returncode == 0
    assert [call["version"] for call in world.calls()] == [PINNED["claude"], VERSION]


def test_an_install_that_fails_is_shown_as_the_problem_it_is(api: Commands, world: World):
    world.plan(status=1, stderr="npm error network\n")
    done = api.run("api", "agents", "install", "claude")
    assert done.returncode == 1
    problem = json.loads(done.stderr)
    assert (problem["type"], problem["agent"]) == ("urn:sandbox-agent:error:install_failed", "claude")
    assert "npm error network" in problem["details"]["stderr"]
