"""One option and one environment variable per setting, made from ``schema/settings.py``."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import click

from ..schema.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def option_name(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def variable_name(setting: str) -> str:
    return "SANDBOX_AGENT_" + setting.upper()


def fields() -> tuple["attrs.Attribute[Any]", ...]:
    return attrs.fields(Settings)


def setting_options(command: F) -> F:
    """Adds every field of Settings as a parameter of the same name."""
    for field in reversed(fields()):
        option = click.option(
            option_name(field.name),
            envvar=variable_name(field.name),
            type=click.IntRange(min=0) if field.type is int else click.FloatRange(min=0),
            default=field.default,
            show_default=True,
            metavar=field.metadata["unit"].upper(),
            help=field.metadata["meaning"][0].upper() + field.metadata["meaning"][1:] + ".",
        )
        command = option(command)
    return command


def build_settings(parameters: Mapping[str, Any]) -> Settings:
    """The settings among a command's parameters. A value that no setting can have is the caller's fault."""
    try:
        return Settings(**{field.name: parameters[field.name] for field in fields()})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
