"""Help is quick, complete, and never loads what it does not need."""

import re
import subprocess
import sys
from pathlib import Path

import attrs
import click
import pytest

from sandbox_agent.cli.main import main
from sandbox_agent.cli.setting_options import option_name
from sandbox_agent.schema.settings import Settings

from ..patience import PATIENCE
from .commands import Commands, private_environment

HEAVY = ("trio", "quart", "quart_trio", "hypercorn", "httpx", "rich", "cattrs", "msgspec", "pexpect", "structlog")

LOADED = """
import os, sys
from sandbox_agent.cli.main import main

for words in sys.argv[1:]:
    if os.fork() == 0:
        try:
            main(words.split())
        except SystemExit:
            pass
        print("loaded:", *sorted(name for name in sys.modules if "." not in name), flush=True)
        os._exit(0)
    os.wait()
"""
"""Runs commands, each in a process that has loaded nothing but the list of commands."""


def tree(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and group, by the words that reach it."""
    found = [path]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += tree(inner, (*path, name))
    return found


def loaded(home: Path, *commands: str) -> list[tuple[str, set[str]]]:
    """What each of them prints on stdout, and the modules that it has loaded in the end."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *commands],
        env=private_environment(home),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    found = re.findall(r"((?s:.*?))^loaded: (.*)\n", done.stdout, re.MULTILINE)
    assert len(found) == len(commands), done.stderr
    return [(text, set(names.split())) for text, names in found]


def test_help_of_every_command_loads_no_heavy_module(tmp_path: Path) -> None:
    commands = [" ".join((*words, "--help")) for words in tree(main)]
    for command, (text, modules) in zip(commands, loaded(tmp_path, *commands), strict=True):
        assert text.startswith(f"Usage: -c {command.removesuffix('--help')}"), command
        assert set(HEAVY) & modules == set(), command


def test_a_command_and_a_daemon_load_no_extras_of_their_libraries(tmp_path: Path) -> None:
    """Each of these ends once all is loaded: nobody listens there, and no log can be there."""
    (_, client), (_, server) = loaded(
        tmp_path, "api --endpoint http://127.0.0.1:1 agents list", "server --no-token --ephemeral --log-file /proc/log"
    )
    assert {"httpx", "trio", "h2", "structlog", "rich", "pygments"} & client == {"httpx"}
    assert {"httpx", "structlog", "quart_trio", "rich", "pygments"} & server == {"structlog", "quart_trio"}


def test_without_arguments_it_prints_help_and_exits_2(commands: Commands) -> None:
    done = commands.run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: " in done.stderr
    assert "server" in done.stderr


@pytest.mark.parametrize("words", [("server", "--port", "high"), ("nonsense",), ("api", "sessions", "create", "s")])
def test_wrong_usage_exits_2_and_says_how(commands: Commands, words: tuple[str, ...]) -> None:
    done = commands.run(*words)
    assert done.returncode == 2
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


def test_server_help_names_every_setting_with_its_default(commands: Commands) -> None:
    text = commands.run("server", "--help").stdout
    words = text.split()
    assert [option_name(f.name) for f in attrs.fields(Settings) if option_name(f.name) not in words] == []


def test_each_command_is_in_the_cli_document() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()
    missing = [" ".join(words) for words in tree(main) if words and " ".join(words) not in page]
    assert missing == []
