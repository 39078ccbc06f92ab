"""The token options, which every command takes: before the command, after it, or from the environment."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import field, frozen

from ..schema.access.token import clean_token

F = TypeVar("F", bound=Callable[..., Any])

TOKEN_VARIABLE = "SANDBOX_AGENT_TOKEN"  # noqa: S105 - a variable's name
FILE_VARIABLE = "SANDBOX_AGENT_TOKEN_FILE"


def _one_token(text: str | None) -> str | None:
    try:
        return None if text is None else clean_token(text)
    except ValueError as error:
        raise click.UsageError(f"--token {error}") from None


@frozen
class TokenChoice:
    """What the command line says about the token. At most one of the three is set."""

    token: str | None = field(default=None, converter=_one_token, repr=False)
    file: Path | None = None
    none: bool = False

    def or_else(self, outer: "TokenChoice") -> "TokenChoice":
        """What was said after the command wins over what was said before it."""
        return self if self.token is not None or self.file is not None or self.none else outer

    def __attrs_post_init__(self) -> None:
        said = [
            name
            for name, given in (
                ("--token", self.token is not None),
                ("--token-file", self.file is not None),
                ("--no-token", self.none),
            )
            if given
        ]
        if len(said) > 1:
            raise click.UsageError(f"{' and '.join(said)} exclude each other; give one")


def token_options(command: F) -> F:
    """Adds ``token``, ``token_file`` and ``no_token``. The environment is read later: an option must win over it."""
    options = (
        click.option(
            "-t", "--token", metavar="TOKEN", help=f"The token. Others see it in `ps`; prefer {TOKEN_VARIABLE}."
        ),
        click.option("--token-file", type=click.Path(path_type=Path), help="A file that holds the token."),
        click.option("-n", "--no-token", is_flag=True, help="Use no token at all."),
    )
    for option in reversed(options):
        command = option(command)
    return command
