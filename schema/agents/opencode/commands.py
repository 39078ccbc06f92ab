"""Prompts, and commands: a prompt that begins with `/name`. The user's own, and `/compact`; all else is plain text.

The answer to either call comes when the turn is over, so both are made beside the others: meanwhile there may be asks
to answer. Which commands there are is asked each time, for opencode reads their files again.
"""

import re
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from ..dialect import Attachment, HttpResponse, Prompt
from ..effects import CallHttp
from ..json_lines import elements, members
from ..prompts import data_url, is_inline_image, naming
from . import models as opencode_models
from .http import body_of, call, session_path

COMMANDS = "commands"
"""The call that asks which commands there are."""

_COMPACT = "compact"

_COMMAND = re.compile(r"/(\S+)(?:\s+(.*))?", re.DOTALL)


class Asking(Struct, frozen=True):
    """Who is asked, as each prompt says it."""

    agent: str
    model: str | None
    variant: str | None


def looks_like_command(prompt: Prompt) -> bool:
    return _COMMAND.fullmatch(prompt.text) is not None


def list_commands(turn: int) -> CallHttp:
    return call(f"{COMMANDS} {turn}", "GET", "/command", aside=True)


def prompt_call(turn: int, session_id: str | None, prompt: Prompt, asking: Asking) -> CallHttp:
    """The prompt as plain text."""
    body: dict[str, Any] = {"parts": prompt_parts(prompt), "agent": asking.agent}
    if asking.model is not None:
        # Always: without it a model that failed would be used again.
        body["model"] = opencode_models.native(asking.model)
    if asking.variant:
        body["variant"] = asking.variant
    return call(f"prompt {turn}", "POST", session_path(session_id, "prompt_async"), body)


def command_call(
    turn: int, session_id: str | None, prompt: Prompt, asking: Asking, listed: HttpResponse
) -> CallHttp | None:
    """None for what is no command. ``listed`` is the answer to :func:`list_commands`."""
    text, *files = prompt_parts(prompt)
    found = _COMMAND.fullmatch(text["text"])
    if found is None:
        return None
    name, arguments = found[1], found[2] or ""
    if name in _names(listed):
        body: dict[str, Any] = {"command": name, "arguments": arguments, "agent": asking.agent, "parts": files}
        body |= {n: v for n, v in (("model", asking.model), ("variant", asking.variant)) if v}
        return _aside(turn, session_path(session_id, "command"), body)
    if name == _COMPACT and not arguments and not files and asking.model is not None:
        return _aside(turn, session_path(session_id, "summarize"), opencode_models.native(asking.model))
    return None


def _names(listed: HttpResponse) -> set[Any]:
    said = elements(body_of(listed)) if listed.ok else []
    return {name for command in said if isinstance(name := members(command).get("name"), str)}


def _aside(turn: int, path: str, body: Any) -> CallHttp:
    return call(f"prompt {turn}", "POST", path, body, aside=True)


def prompt_parts(prompt: Prompt) -> list[dict[str, Any]]:
    """Images go inline, and opencode reads text files itself; it fails on any other file, so those are named."""
    text = naming(prompt.text, [a.path for a in prompt.attachments if not _is_taken(a)])
    return [{"type": "text", "text": text}, *(_file(a) for a in prompt.attachments if _is_taken(a))]


def _is_taken(attachment: Attachment) -> bool:
    return is_inline_image(attachment) or (attachment.mime or "").startswith("text/")


def _file(attachment: Attachment) -> dict[str, Any]:
    name = attachment.filename or attachment.path.rpartition("/")[2]
    if is_inline_image(attachment):
        return {"type": "file", "mime": attachment.mime, "filename": name, "url": data_url(attachment)}
    # Only text/plain makes opencode read a file into the prompt.
    return {"type": "file", "mime": "text/plain", "filename": name, "url": f"file://{quote(attachment.path)}"}
