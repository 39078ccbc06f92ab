"""The model that a session means: named, configured, or the default of a provider (`GET /config/providers`).

And the list of models, from `opencode models --verbose`: a line with each model's name, then its facts as JSON. A
server of its own would tell the same, and which model is the default, but takes three seconds and 300 MB to start.
"""

import json
from typing import Any

from ...api.agent_info import AgentModelInfo, AgentModelsResponse
from ..definition import DEFAULT
from ..json_lines import as_text, elements, members


def chosen(named: str | None, config: Any, agent: str, providers: Any) -> str | None:
    return named or configured(config, agent) or first_default(providers)


def first_default(providers: Any) -> str | None:
    """The default of the first provider that has one."""
    defaults = members(members(providers).get("default"))
    order = [str(members(provider).get("id")) for provider in elements(members(providers).get("providers"))]
    for name in (*order, *defaults):
        if isinstance(model := defaults.get(name), str):
            return f"{name}/{model}"
    return None


def configured(config: Any, agent: str) -> str | None:
    """The model that the user's configuration (`GET /config`) names, for this agent or for all."""
    said = members(config)
    for model in (members(members(said.get("agent")).get(agent)).get("model"), said.get("model")):
        if isinstance(model, str) and "/" in model:
            return model
    return None


def native(model: str) -> dict[str, str]:
    """``provider/model`` as a prompt takes it; a model's name may hold slashes of its own."""
    provider, _, name = model.partition("/")
    return {"providerID": provider, "modelID": name}


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
