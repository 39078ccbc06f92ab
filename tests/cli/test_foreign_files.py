"""What an agent or a repository puts where a command reads neither holds the command nor fills it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from sandbox_agent.cli.api.bodies import mcp_servers
from sandbox_agent.cli.daemon.state import State
from sandbox_agent.cli.failure import Failure
from sandbox_agent.cli.named_file import read_named
from sandbox_agent.cli.token_store import read_token

PLACES: dict[str, Callable[[Path], object]] = {
    "a pipe": lambda path: os.mkfifo(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a huge file": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_token_a_state_and_a_configuration_are_small_regular_files(place: str, tmp_path: Path):
    path = tmp_path / "daemon.json"
    PLACES[place](path)
    reason = "bytes; at most" if place == "a huge file" else "is not a regular file"
    with pytest.raises(Failure, match=f"must hold one token and nothing else; it .*{reason}"):
        read_token(path)
    with pytest.raises(Failure, match=reason):
        read_token(path, private=True)
    with pytest.raises(click.BadParameter, match=reason):
        mcp_servers(path)
    state = tmp_path / "state.json"
    PLACES[place](state)
    with pytest.raises(Failure, match=reason):
        State.read(state)


def test_what_a_shell_hands_over_is_a_pipe_by_rights(tmp_path: Path):
    """``--token-file <(pass show token)``."""
    for content, read in ((b"a-long-token\n", read_token), (b'{"x": {"command": "y"}}', mcp_servers)):
        reader, writer = os.pipe()
        os.write(writer, content)
        os.close(writer)
        try:
            assert read(Path(f"/dev/fd/{reader}")) in ("a-long-token", {"x": {"command": "y"}})
        finally:
            os.close(reader)
    with pytest.raises(FileNotFoundError):
        read_named(tmp_path / "missing", 10)
    (tmp_path / "servers").write_text(json.dumps({"mcpServers": {"a": 1}}))
    assert mcp_servers(tmp_path / "servers") == {"a": 1}
