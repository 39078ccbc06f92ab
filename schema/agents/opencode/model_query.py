"""OpenCode's list of models, from `opencode models --verbose`: a line with each model's name, then its facts as JSON.

A server of its own would tell the same, and which model is the default, but takes three seconds and 300 MB to start.
"""

import json
from typing import Any

from ...api.agent_info import AgentModelInfo, AgentModelsResponse
from ..json_lines import as_text, members
from .launch import DEFAULT_MODEL

DEFAULT = AgentModelInfo(DEFAULT_MODEL, "Default")


class OpenCodeModelTalk:
    arguments = ("models", "--verbose")

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __repr__(self) -> str:
        return f"<OpenCodeModelTalk lines={len(self._lines)}>"

    def begin(self) -> bytes:
        return b""

    def receive(self, line: bytes) -> bytes:
        self._lines.append(line.decode(errors="replace"))
        return b""

    def known(self, *, ended: bool) -> AgentModelsResponse | None:
        if not ended:
            return None
        models = tuple(read_models("\n".join(self._lines)))
        return AgentModelsResponse((DEFAULT, *models), DEFAULT.id) if models else None


def read_models(text: str) -> list[AgentModelInfo]:
    """Every ``provider/model`` line, with the JSON object below it where there is one."""
    decoder = json.JSONDecoder()
    found: list[AgentModelInfo] = []
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        line = text[at : end if end >= 0 else len(text)].strip()
        at = end + 1 if end >= 0 else len(text)
        if "/" not in line or " " in line or line.startswith(("{", "}", '"')):
            continue
        facts: Any = None
        if text.startswith("{", at):
            try:
                facts, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                facts = None
        known = members(facts)
        variants = tuple(members(known.get("variants"))) or None
        name = known.get("name")
        found.append(AgentModelInfo(line, as_text(name) if name else None, variants))
    return found
