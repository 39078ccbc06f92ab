"""What claude finds in the home of a test."""

import json
import sys
from pathlib import Path

from .. import mcp_server


def with_mcp_server(home: Path) -> None:
    """Configure the server `lab`; see `mcp_server.py`."""
    place = home / ".claude"
    place.mkdir()
    servers = {"lab": {"command": sys.executable, "args": [mcp_server.__file__]}}
    (place / ".claude.json").write_text(json.dumps({"mcpServers": servers}))
