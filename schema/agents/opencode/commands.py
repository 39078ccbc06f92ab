"""Commands: a prompt that begins with `/name`. The user's own, and `/compact`; all else is plain text.

The answer to either call comes when the turn is over, so both are made beside the others: meanwhile there may be asks
to answer. Which commands there are is asked each time, for opencode reads their files again.
"""

import re
from typing import Any

from msgspec import Struct

from ..dialect import HttpResponse, Prompt
from ..effects import CallHttp
from ..json_lines import elements, members
from . import models as opencode_models
from . import prompt as opencode_prompt
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
    body: dict[str, Any] = {"parts": opencode_prompt.native(prompt), "agent": asking.agent}
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
    text, *files = opencode_prompt.native(prompt)
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
