"""OpenCode's private home: a configuration whose only provider is the scripted model."""

import json
from pathlib import Path

MODEL = "scripted/model-1"


def opencode_home(home: Path, model_url: str) -> dict[str, str]:
    """Write the configuration; what it returns goes into the environment."""
    place = home / ".config" / "opencode"
    place.mkdir(parents=True)
    model = {
        "name": "Scripted One",
        "attachment": True,
        "reasoning": True,
        "tool_call": True,
        "modalities": {"input": ["text", "image"], "output": ["text"]},
        "limit": {"context": 200_000, "output": 8000},
        "cost": {"input": 1, "output": 2},
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",  # bundled: nothing is fetched
        "name": "Scripted",
        "options": {"baseURL": f"{model_url}/v1", "apiKey": "sk-fake-key-for-tests"},
        "models": {MODEL.partition("/")[2]: model},
    }
    configuration = {
        "$schema": "https://opencode.ai/config.json",  # or opencode writes it there
        "share": "disabled",
        "model": MODEL,
        "small_model": MODEL,
        "enabled_providers": ["scripted"],
        "provider": {"scripted": provider},
        "agent": {"poet": {"description": "Writes no files", "mode": "primary", "permission": {"edit": "deny"}}},
    }
    (place / "opencode.json").write_text(json.dumps(configuration))
    return {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}
