"""A picture that just fits the line in which an agent says the prompt again, and one that just does not."""

import struct
import zlib
from pathlib import Path

import httpx
import pytest

from sandbox_agent.actors.sessions.attachments import inline_room
from sandbox_agent.schema.settings import Settings

from ..models.amp import AmpServer
from ..models.server import ModelServer
from .daemon import RunningDaemon, last_words, of_type, outcome
from .sandbox import PNG, Sandbox

pytestmark = pytest.mark.agents

ASKED = "SCN_IMAGE"
HEAD = 33  # bytes of the signature and of the header, before the first other chunk


def picture(path: Path, size: int) -> Path:
    """One pixel, and a chunk of no meaning that makes it that long."""
    kind, data = b"raNd", bytes(size - len(PNG) - 12)
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(PNG[:HEAD] + chunk + PNG[HEAD:])
    assert path.stat().st_size == size
    return path


def most() -> int:
    """Bytes, by default."""
    return inline_room(ASKED, Settings())


async def test_codex_takes_it_inline_or_by_path_and_the_model_sees_both_whole(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    session = await daemon.session(sandbox, agent="codex")
    for size in (most(), most() + 3):
        turn = await session.turn(ASKED, [picture(sandbox.work / f"{size}.png", size)])
        assert outcome(turn) == "completed"
        assert last_words(turn) == f"Images: image/png:{(size + 2) // 3 * 4}"
    assert of_type(session.events, "agent.unparsed") == [], "no line was too long"


async def test_two_that_fit_alone_but_not_together(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex")
    size = most() // 2 + 3
    pictures = [picture(sandbox.work / f"{number}.png", size) for number in range(2)]
    turn = await session.turn(ASKED, pictures)
    assert last_words(turn).count("image/png") == 2
    assert of_type(session.events, "agent.unparsed") == []


async def test_opencode_is_refused_what_it_could_not_say_again(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="opencode")
    await refused(session.http, session.url, picture(sandbox.work / "over.png", most() + 3))
    turn = await session.turn(ASKED, [picture(sandbox.work / "under.png", most())])
    assert last_words(turn).startswith("Images: image/")
    assert of_type(session.events, "agent.unparsed") == []


async def test_amp_is_refused_what_it_could_not_say_again(amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer):
    session = await amp_daemon.session(sandbox, agent="amp")
    await refused(session.http, session.url, picture(sandbox.work / "over.png", most() + 3))


async def test_claude_says_nothing_again(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    turn = await session.turn(ASKED, [picture(sandbox.work / "over.png", most() + 3)])
    assert last_words(turn).startswith("Images: image/")
    assert of_type(session.events, "agent.unparsed") == []


async def refused(http: httpx.AsyncClient, url: str, path: Path) -> None:
    body = {"message": ASKED, "attachments": [{"path": str(path)}]}
    response = await http.post(f"{url}/messages", json=body)
    assert response.status_code == 400, response.text
    said = response.json()["detail"]
    assert f"room for {most()} bytes more of its files (--max-line-bytes)" in said
