"""The models that opencode offers (`GET /config/providers`), and the one that a session means."""

from typing import Any

from ..agent_info import AgentModelInfo, AgentModelsResponse
from .native import as_text, elements, members


def models(providers: Any) -> AgentModelsResponse:
    """Every model of every provider that is set up, as ``provider/model``, in the order of the answer."""
    listed: list[AgentModelInfo] = []
    for provider in elements(members(providers).get("providers")):
        name = members(provider).get("id")
        for model_id, facts in members(members(provider).get("models")).items():
            known = members(facts)
            variants = tuple(members(known.get("variants"))) or None
            listed.append(AgentModelInfo(f"{name}/{model_id}", as_text(known.get("name") or model_id), variants))
    return AgentModelsResponse(tuple(listed), first_default(providers))


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
