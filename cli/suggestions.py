"""What a mistyped word may have meant."""

from collections.abc import Collection, Generator, Iterable
from difflib import get_close_matches
from typing import Any

import click

MOST = 3
"""Suggestions that are made at once, where nothing else is said."""


def did_you_mean(word: str, known: Iterable[str], most: int = MOST) -> str:
    """A question that follows a message, or nothing."""
    close = get_close_matches(word, list(known), most)
    return "" if not close else f" Did you mean {' or '.join(close)}?"


class SuggestingGroup(click.Group):
    """A group that suggests commands for one that it does not have: its own, or else that of another group."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"No such command {name!r}.{self._suggestion(ctx, name)}", ctx)

    def _suggestion(self, ctx: click.Context, name: str) -> str:
        if own := did_you_mean(name, self.list_commands(ctx)):
            return own
        elsewhere = {" ".join(path) for path in _paths(ctx.find_root().command) if path[-1] == name}
        return "" if not elsewhere else f" Did you mean {' or '.join(sorted(elsewhere))}?"


def _paths(command: click.Command, path: tuple[str, ...] = ()) -> Generator[tuple[str, ...]]:
    """Every command below this one, by the words that reach it. Imports all of them: it is for a mistake only."""
    if path:
        yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                yield from _paths(inner, (*path, name))


class SuggestingChoice(click.Choice[str]):
    def __init__(self, choices: Collection[str]) -> None:
        super().__init__(list(choices))

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return super().get_invalid_choice_message(value, ctx) + did_you_mean(str(value), self.choices)
