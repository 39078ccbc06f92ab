"""Codex's private home: a CODEX_HOME whose provider is the scripted model, and a key for it."""

import sys
from pathlib import Path

from .. import mcp_server

MODEL = "gpt-5.5"
"""A model that codex offers `apply_patch` and `exec_command` to as plain tools; newer ones get "code mode"."""

CODE_MODEL = "gpt-6.1-sol"
"""A model in code mode, codex's default."""

SPAWNING_MODEL = "gpt-5.4"
"""A model that codex does not know; such are offered tools to start sub-agents."""

CONFIG = """\
model = "{model}"
model_provider = "scripted"

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 1
stream_max_retries = 1
"""


MCP = """
[mcp_servers.lab]
command = "{python}"
args = ["{server}"]
"""


def codex_home(home: Path, model_url: str) -> dict[str, str]:
    """Write the configuration; what it returns goes into the environment."""
    place = home / ".codex"
    place.mkdir()
    (place / "config.toml").write_text(CONFIG.format(model=MODEL, url=model_url))
    return {"CODEX_HOME": str(place), "SCRIPTED_KEY": "sk-fake-key-for-tests"}


def with_mcp_server(home: Path) -> None:
    """Configure the server `lab`; see `mcp_server.py`."""
    with (home / ".codex" / "config.toml").open("a") as config:
        config.write(MCP.format(python=sys.executable, server=mcp_server.__file__))
