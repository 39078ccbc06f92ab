"""One text of a workspace is read only if it is a plain file of the workspace, and nothing else is touched."""

import os
import socket
from pathlib import Path

import pytest
from sandbox_agent.actors.workspace.text_file import NotCarried, Text, read_text

LIMIT = 100


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


def read(base: Path, name: str = "CLAUDE.md") -> Text | None:
    return read_text(str(base / name), str(base), LIMIT)


def refused(base: Path, name: str = "CLAUDE.md") -> str:
    with pytest.raises(NotCarried) as caught:
        read(base, name)
    return str(caught.value)


def test_a_plain_file_is_read_and_what_is_no_text_is_replaced(base: Path):
    (base / "CLAUDE.md").write_bytes(b"\xef\xbb\xbfa\0b\xff")
    assert read(base) == Text(str(base / "CLAUDE.md"), "a\ufffdb\ufffd")


def test_nothing_of_that_name_is_no_failure(base: Path):
    assert read(base) is None
    assert read(base, "a/b") is None


def test_a_link_within_the_workspace_is_followed(base: Path):
    (base / "AGENTS.md").write_text("rules")
    (base / "CLAUDE.md").symlink_to("AGENTS.md")
    assert read(base) == Text(str(base / "AGENTS.md"), "rules")


@pytest.mark.parametrize("target", ["../outside/secret", "/etc/passwd", "/proc/self/environ"])
def test_a_link_to_the_outside_is_not_followed(base: Path, target: str):
    (base / "CLAUDE.md").symlink_to(target)
    assert refused(base) == "leads outside of its directory"


def test_a_linked_folder_leads_outside_as_well(base: Path):
    (base / ".claude").symlink_to(base.parent / "outside")
    assert refused(base, ".claude/secret") == "leads outside of its directory"


def test_a_directory_whose_name_begins_like_the_workspace_is_outside(base: Path):
    (base.parent / "base2").mkdir()
    (base.parent / "base2" / "secret").write_text("secret")
    (base / "CLAUDE.md").symlink_to("../base2/secret")
    assert refused(base) == "leads outside of its directory"


def test_a_pipe_a_socket_and_a_folder_are_not_opened(base: Path):
    os.mkfifo(base / "pipe")
    (base / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{(handle := os.open(base, os.O_PATH))}/socket")
        os.close(handle)
        assert {refused(base, name) for name in ("pipe", "socket", "folder")} == {"is not a regular file"}


def test_a_device_is_not_opened(base: Path):
    (base / "CLAUDE.md").symlink_to("/dev/zero")
    with pytest.raises(NotCarried, match="is not a regular file"):
        read_text(str(base / "CLAUDE.md"), "/dev", LIMIT)


def test_a_file_beyond_the_bound_is_not_read(base: Path):
    with (base / "CLAUDE.md").open("wb") as file:
        file.truncate(1 << 40)
    assert refused(base) == "is longer than 100 bytes"


def test_a_loop_of_links_is_told(base: Path):
    (base / "CLAUDE.md").symlink_to("CLAUDE.md")
    assert refused(base) == "cannot be read: Too many levels of symbolic links"
