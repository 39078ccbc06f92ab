"""A cursor into what the journal has let go, over real sockets: SSE and WebSocket say the same, and go on."""

from pathlib import Path

import trio

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.schema.settings import Settings

from ..api.test_websocket import peer
from ..reading import sse
from ..serving import serving


async def test_a_cursor_into_the_expired_part_of_a_living_session_gets_a_resync(tmp_path: Path):
    settings = Settings(mock_step_ms=0, data_dir=str(tmp_path / "data"), session_bytes=60_000)
    daemon = Daemon(settings, {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    async with serving(daemon) as served, served.client() as client:
        await served.nursery.start(daemon.run)
        assert (await client.post("/v1/sessions/s", json={"agent": "mock"})).status_code == 200
        log = await daemon.log("s")
        for _ in range(4):
            async with sse(
                served, "/v1/sessions/s/messages/stream", method="POST", body={"message": "burst 300 100"}
            ) as turn:
                await turn.rest()
        while log.first < 300:
            await trio.sleep(0.01)
        async with sse(served, "/v1/sessions/s/events/sse?offset=1") as source:
            resync, following = [frame.data for frame in await source.take(2)]
        assert (resync["type"], resync["reason"]) == ("stream.resync", "expired")
        # Meanwhile more of it may have expired.
        assert 300 <= following["sequence"] == resync["resumed_after"] + 1 <= log.first
        async with peer(served, "/v1/sessions/s/ws?offset=1") as socket:
            resync, following = await socket.read(), await socket.read()
            assert resync["reason"] == "expired"
            assert 300 <= following["sequence"] == resync["resumed_after"] + 1 <= log.first
        async with sse(served, "/v1/events/sse?offset=1") as source:
            (resync,) = await source.take(1)
            assert (resync.data["type"], resync.data["reason"]) == ("stream.resync", "expired")
