"""Help is quick, complete, and never loads what it does not need."""

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
import sys
from sandbox_agent.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted(name for name in sys.modules if "." not in name))
"""


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


@pytest.mark.parametrize("words", tree(main), ids=" ".join)
def test_help_of_every_command_loads_no_heavy_module(words: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words, "--help"],
        env=private_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    *text, loaded = done.stdout.splitlines()
    assert text[0].startswith("Usage: ")
    assert set(HEAVY) & set(loaded.split()) == set()


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
