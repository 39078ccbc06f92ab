"""The arguments of a command, written out again for another process."""

from collections.abc import Collection
from typing import Any

import click
from click.core import ParameterSource


def arguments(ctx: click.Context, without: Collection[str] = ()) -> list[str]:
    """What was said on the command line, less some. The environment is inherited, and defaults are the same there."""
    said: list[str] = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if name not in without and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            said += _option(parameter, ctx.params[name])
    return said


def _option(parameter: click.Parameter, value: Any) -> list[str]:
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [parameter.opts[-1] if value else parameter.secondary_opts[-1]]
    values = value if parameter.multiple else (value,)
    # In one word: a value may begin with a dash.
    return [f"{parameter.opts[-1]}={one}" for one in values]
