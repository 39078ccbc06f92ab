"""Which models Claude Code can use: Anthropic's list of models, asked with the user's own credential.

https://docs.anthropic.com/en/api/models-list
"""

from collections.abc import Mapping

import msgspec

from ...api.agent_info import AgentModelInfo, AgentModelsResponse
from ..definition import HttpGet
from ..json_lines import BAD_JSON, decode

DEFAULT_BASE_URL = "https://api.anthropic.com"
API_KEYS = ("ANTHROPIC_API_KEY", "CLAUDE_API_KEY")
BEARER_TOKENS = ("ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN")


class _Model(msgspec.Struct):
    id: str
    display_name: str | None = None
    created_at: str = ""


class _Page(msgspec.Struct):
    data: list[_Model]


def ask_models(environment: Mapping[str, str]) -> HttpGet | None:
    """The request, or None where there is no credential to ask with: then nothing goes over the network."""
    headers = {"anthropic-version": "2023-06-01"}
    if key := next((environment[name] for name in API_KEYS if environment.get(name)), None):
        headers["x-api-key"] = key
    elif token := next((environment[name] for name in BEARER_TOKENS if environment.get(name)), None):
        headers |= {"authorization": f"Bearer {token}", "anthropic-beta": "oauth-2025-04-20"}
    else:
        return None
    base = environment.get("ANTHROPIC_BASE_URL") or DEFAULT_BASE_URL
    return HttpGet(f"{base.rstrip('/')}/v1/models?beta=true&limit=1000", headers)


def read_models(body: bytes) -> AgentModelsResponse | None:
    """Sorted by id; the default is the newest. None when the answer is not such a list, or is empty."""
    try:
        models = decode(body, _Page).data
    except BAD_JSON:
        return None
    if not models:
        return None
    listed = tuple(AgentModelInfo(model.id, model.display_name) for model in sorted(models, key=lambda model: model.id))
    return AgentModelsResponse(listed, max(models, key=lambda model: model.created_at).id)
