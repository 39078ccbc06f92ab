"""What runs beside the connections may fail, and so may one of them: nobody else's request notices."""

from unittest.mock import patch

import httpx
import pytest
import trio

from sandbox_agent.actors.kernel import supervisor
from sandbox_agent.transport.http.admission import Admission
from sandbox_agent.transport.http.server import Server
from sandbox_agent.transport.metrics.loop_lateness import LoopLateness

from ..door import Door
from ..serving import serving


async def test_a_patrol_and_a_clock_that_fail_end_no_connection_and_no_daemon():
    failed = {"patrol": 0, "lateness": 0}

    async def patrol(_: Server) -> None:
        failed["patrol"] += 1
        await trio.lowlevel.checkpoint()
        raise OSError(9, "Bad file descriptor")

    async def lateness(_: LoopLateness) -> None:
        failed["lateness"] += 1
        await trio.lowlevel.checkpoint()
        raise MemoryError

    with (
        patch.object(Server, "_patrol", patrol),
        patch.object(LoopLateness, "run", lateness),
        patch.object(supervisor, "UPKEEP_PAUSE", 0.01),
    ):
        async with serving(Door()) as served, served.client() as client:
            while min(failed.values()) < 3:
                assert (await client.get("/v1/health")).status_code == 200


async def test_a_connection_that_cannot_even_be_admitted_ends_alone():
    admit, refused = Admission.admit, trio.Event()

    def fail_once(admission: Admission, *arguments: object) -> bool:
        if not refused.is_set():
            refused.set()
            raise MemoryError
        return admit(admission, *arguments)  # type: ignore[arg-type]

    async with serving(Door()) as served:
        with patch.object(Admission, "admit", fail_once):
            async with served.client() as client:
                with pytest.raises(httpx.TransportError):
                    await client.get("/v1/health")
                assert refused.is_set()
                assert (await client.get("/v1/health")).status_code == 200
