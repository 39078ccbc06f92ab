"""A variable that is mistyped has no effect: it is named when a daemon starts, and what is not ours to judge is not."""

import re
from pathlib import Path

import click

from sandbox_agent.cli.main import main
from sandbox_agent.cli.server.variables import FORMER, KNOWN, OTHERS, PREFIX, unknown

from ..commands import Commands
from ..running import daemon

ROOT = Path(__file__).resolve().parents[3]


def commands_below(command: click.Command) -> list[click.Command]:
    found = [command]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += commands_below(inner)
    return found


def test_a_mistyped_variable_is_named_with_what_was_meant() -> None:
    [sentence] = unknown({"SANDBOX_AGENT_MAX_SESION": "3", "SANDBOX_AGENT_MAX_SESSIONS": "3", "PATH": "/bin"})
    assert sentence == (
        "SANDBOX_AGENT_MAX_SESION is no variable of sandbox-agent and has no effect. "
        "Did you mean SANDBOX_AGENT_MAX_SESSIONS?"
    )
    [sentence] = unknown({"SANDBOX_AGENT_TOKNE": "secret"})
    assert "SANDBOX_AGENT_TOKEN" in sentence
    assert "secret" not in sentence


def test_every_option_that_has_a_variable_is_known() -> None:
    assert unknown(dict.fromkeys(KNOWN, "1")) == []
    variables = {
        name
        for command in commands_below(main)
        for parameter in command.params
        for name in ([parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or ())
    }
    assert len(variables) > 50
    assert variables <= set(KNOWN)
    assert {"SANDBOX_AGENT_TOKEN", "SANDBOX_AGENT_ENDPOINT", "SANDBOX_AGENT_IDLE_TIMEOUT"} <= set(KNOWN)


def test_a_variable_of_01_is_answered_with_what_there_is_instead() -> None:
    assert len(unknown({PREFIX + name: "1" for name in FORMER})) == len(FORMER)
    [sentence] = unknown({"SANDBOX_AGENT_LOG_DIR": "/var/log"})
    assert "--log-file" in sentence


def test_what_kubernetes_sets_for_a_service_of_our_name_is_none_of_ours() -> None:
    address = "tcp://10.0.0.1:2468"
    assert not unknown(
        {
            "SANDBOX_AGENT_SERVICE_HOST": "10.0.0.1",
            "SANDBOX_AGENT_SERVICE_PORT": "2468",
            "SANDBOX_AGENT_SERVICE_PORT_HTTP": "2468",
            "SANDBOX_AGENT_PORT": address,
            "SANDBOX_AGENT_PORT_2468_TCP": address,
            "SANDBOX_AGENT_PORT_2468_TCP_ADDR": "10.0.0.1",
        }
    )
    assert unknown({"SANDBOX_AGENT_PORT": "8080"})


def test_no_variable_of_our_tests_and_tools_is_reported() -> None:
    sources = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py"), ROOT / "Makefile", ROOT / ".ci" / "run"]
    here = Path(__file__)
    named = {
        name
        for path in sources
        if path != here
        for name in re.findall(r"\bSANDBOX_AGENT_([A-Z][A-Z_]+)\b", path.read_text())
    }
    assert named >= OTHERS - {"PROCESS", "FAILPOINT"}
    assert unknown(dict.fromkeys((PREFIX + name for name in named), "1")) == []


def test_the_daemon_names_it_at_its_start(commands: Commands) -> None:
    with daemon(commands, "--no-token", env={"SANDBOX_AGENT_MAX_SESION": "3"}) as running:
        pass
    assert "Did you mean SANDBOX_AGENT_MAX_SESSIONS?" in running.stderr


def test_so_does_its_start_in_the_background(commands: Commands) -> None:
    done = commands.run("daemon", "start", "--port", "0", env={"SANDBOX_AGENT_IDEL_TIMEOUT": "3"})
    try:
        assert done.returncode == 0, done.stderr
        assert "Did you mean SANDBOX_AGENT_IDLE_TIMEOUT?" in done.stderr
    finally:
        assert commands.run("daemon", "stop").returncode == 0
