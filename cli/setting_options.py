"""One option and one environment variable per setting, made from ``schema/settings.py``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from ..schema.settings import Settings
from .here import absolute

F = TypeVar("F", bound=Callable[..., Any])


def option_name(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def variable_name(setting: str) -> str:
    return "SANDBOX_AGENT_" + setting.upper()


def fields() -> tuple["attrs.Attribute[Any]", ...]:
    return attrs.fields(Settings)


def setting_options(command: F) -> F:
    """Adds every field of Settings as a parameter of the same name."""
    return some_setting_options(*(field.name for field in fields()))(command)


def some_setting_options(*names: str) -> Callable[[F], F]:
    """Adds these fields only, for a command that needs no others."""

    def add(command: F) -> F:
        for field in reversed(fields()):
            if field.name in names:
                command = _option(field)(command)
        return command

    return add


def _option(field: "attrs.Attribute[Any]") -> Callable[[F], F]:
    help_text = field.metadata["meaning"][0].upper() + field.metadata["meaning"][1:] + "."
    common: dict[str, Any] = {"envvar": variable_name(field.name), "default": field.default, "help": help_text}
    if field.type is bool:
        name = option_name(field.name)
        return click.option(f"{name}/--no-{name.removeprefix('--')}", show_default=True, **common)
    kinds: dict[Any, Any] = {int: click.IntRange(min=0), float: click.FloatRange(min=0)}
    return click.option(
        option_name(field.name),
        type=kinds.get(field.type, click.STRING),
        show_default=field.default != "",
        metavar=field.metadata["unit"].upper(),
        **common,
    )


def build_settings(parameters: Mapping[str, Any]) -> Settings:
    """The settings among a command's parameters; the others keep their defaults. A value that no setting can have is
    the caller's fault."""
    try:
        given = {field.name: parameters[field.name] for field in fields() if field.name in parameters}
        if given.get("data_dir"):
            # Once and for all: the directory that it is relative to may be removed later.
            given["data_dir"] = str(absolute(Path(given["data_dir"])))
        return Settings(**given)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
