"""Commands that are imported when they are run, not when they are listed.

``sandbox-agent --help`` must answer in 100 ms; importing httpx or the server costs several times that. So a group
knows its commands by name, home and one line of help.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from attrs import frozen

from .suggestions import SuggestingGroup


@frozen
class Home:
    """Where a command lives: a module below this package, the attribute, and its line in the listing."""

    module: str
    attribute: str
    help: str


class LazyGroup(SuggestingGroup):
    """``homes`` maps the names of commands to their homes."""

    def __init__(self, *args: Any, homes: Mapping[str, Home], **kwargs: Any) -> None:
        super().__init__(*args, no_args_is_help=True, **kwargs)
        self._homes = homes

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = self._homes.get(cmd_name)
        if home is None:
            return None
        command: click.Command = getattr(import_module(home.module, __package__), home.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, home.help) for name, home in self._homes.items()])
