"""Request bodies from what a user types."""

import json
import mimetypes
import sys
from pathlib import Path
from typing import Any

import click

from ...schema.foreign.not_readable import NotReadable
from ..here import absolute, exists
from ..named_file import read_named, why

MAX_CONFIG = 1 << 20
"""Bytes of a file of MCP servers. The daemon takes 64 KiB of them."""

MAX_ANSWERS = 4 << 20
"""Bytes of a file of answers: what the daemon takes as a body where it is not told otherwise."""


def read_answers(text: str | None, path: Path | None) -> list[list[str]]:
    """``--answers`` or ``--answers-file``, of which there must be one: one list of labels per question. A plain mistake
    is told here, not by the daemon, and never with the answers: one may be a secret."""
    if text is not None and path is None:
        return _answers(text, "--answers")
    if path is not None and text is None:
        return _answers(_content(path, MAX_ANSWERS, "--answers-file", dash=True), "--answers-file")
    raise click.UsageError("Give the answers once: with --answers JSON, or with --answers-file FILE (`-` reads stdin).")


def _answers(text: str | bytes, option: str) -> list[list[str]]:
    try:
        answers: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}; write for example '[[\"Yes\"]]'", param_hint=option) from error
    if not isinstance(answers, list) or not all(_is_labels(part) for part in answers):  # pyright: ignore[reportUnknownVariableType]
        raise click.BadParameter(
            'must be a list with one list of labels per question, for example \'[["Red"], ["A", "B"]]\'',
            param_hint=option,
        )
    return answers  # pyright: ignore[reportUnknownVariableType]


def _is_labels(part: Any) -> bool:
    return isinstance(part, list) and all(isinstance(label, str) for label in part)  # pyright: ignore[reportUnknownVariableType]


def read_message(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """``--message``: ``-`` reads stdin, because an argument cannot be longer than 128 kB."""
    del parameter
    # A shell that completes what is typed after it has nothing to say on stdin.
    return sys.stdin.read() if text == "-" and not context.resilient_parsing else text


def attachment(name: str) -> dict[str, str]:
    """A file for the agent to read. One that exists here is named in full, because the daemon's directory is another;
    any other name is left as it is: it may exist where the daemon runs."""
    path = Path(name)
    body = {"path": str(absolute(path)) if exists(path) else name, "filename": path.name}
    if mime := mimetypes.guess_type(name)[0]:
        body["mime"] = mime
    return body


def message_body(message: str, attach: tuple[str, ...]) -> dict[str, Any]:
    body: dict[str, Any] = {"message": message}
    if attach:
        body["attachments"] = [attachment(name) for name in attach]
    return body


def mcp_servers(path: Path) -> dict[str, Any]:
    """``--mcp-config``: an object of servers by name, bare or under ``mcpServers`` as agents' own files have it."""
    try:
        config: Any = json.loads(_content(path, MAX_CONFIG, "--mcp-config"))
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"cannot read {path}: {error}", param_hint="--mcp-config") from error
    if not isinstance(config, dict):
        raise click.BadParameter(f"{path} must hold a JSON object", param_hint="--mcp-config")
    return config.get("mcpServers", config)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _content(path: Path, limit: int, option: str, *, dash: bool = False) -> bytes:
    """Of a file that an option names; with ``dash`` of stdin where it is called ``-``."""
    try:
        return read_named(path, limit, dash=dash)
    except (OSError, NotReadable) as error:
        raise click.BadParameter(f"cannot read {path}: {why(error)}", param_hint=option) from error


def skill_sources(directories: tuple[str, ...]) -> dict[str, Any]:
    return {"sources": [{"type": "local", "source": str(absolute(Path(name)))} for name in directories]}
