"""What an orchestrator learns from ``GET /v1/health``."""

from sandbox_agent.actors.public import Health

from ..door import Door
from ..serving import serving


async def test_all_is_well_in_the_words_of_wire_0_1():
    async with serving(Door()) as served, served.client() as client:
        response = await client.get("/v1/health")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_it_stays_in_service_while_prompts_are_taken():
    door = Door()
    door.state = Health(("the disk is nearly full; make room",))
    async with serving(door, token="t") as served, served.client() as client:
        response = await client.get("/v1/health")
        assert response.status_code == 200
        assert response.json() == {"status": "degraded", "problems": ["the disk is nearly full; make room"]}


async def test_it_is_taken_out_of_service_when_nothing_can_be_kept():
    door = Door()
    door.state = Health(("the journal cannot be written: no space left on device",), accepting=False)
    async with serving(door) as served, served.client() as client:
        response = await client.get("/v1/health")
        assert response.status_code == 503
        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["status"] == "degraded"
        assert (await client.head("/v1/health")).status_code == 503
        door.state = Health()
        assert (await client.get("/v1/health")).json() == {"status": "ok"}
