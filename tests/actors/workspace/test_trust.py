"""Whether a session trusts its workspace: who says it, and where it is told."""

import lzma
from pathlib import Path

import pytest

from sandbox_agent.actors.journal.sqlite_file import FILE
from sandbox_agent.actors.sessions.snapshot import Snapshot
from sandbox_agent.schema.settings import Settings

from ..house import events_of, house
from ..journal.journal_life import life
from ..journal.test_row_codec import VERSION_1


@pytest.mark.parametrize("default", ["untrusted", "trusted"])
@pytest.mark.parametrize("asked", [None, "untrusted", "trusted"])
async def test_the_session_decides_and_else_the_setting(asked: str | None, default: str, tmp_path: Path):
    async with house(workspace_trust=default) as h:
        log = await h.create(directory=str(tmp_path), workspace_trust=asked)
        started = events_of(log)[0]["data"]["metadata"]
        assert started["workspace"] == {"trust": asked or default}
        assert (await h.daemon.session_info("s")).workspace_trust == (asked or default)


def test_nobody_is_trusted_when_nothing_is_said():
    assert Settings().workspace_trust == "untrusted"
    with pytest.raises(ValueError, match="workspace_trust must be untrusted or trusted; got 'maybe'"):
        Settings(workspace_trust="maybe")


@pytest.mark.parametrize("setting", ["untrusted", "trusted"])
async def test_a_session_that_was_kept_before_the_option_has_the_setting(setting: str, tmp_path: Path):
    """Nobody has said of it that its directory is trusted."""
    (tmp_path / FILE).write_bytes(lzma.decompress(VERSION_1.read_bytes()))
    async with life(tmp_path) as journal:
        ((kept, log),) = await journal.rows()
        assert Snapshot(kept).info(log, Settings(workspace_trust=setting)).workspace_trust == setting
