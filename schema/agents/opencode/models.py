"""The model that a session means: named, configured, or the default of a provider (`GET /config/providers`)."""

from typing import Any

from ..json_lines import elements, members


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
