"""``GET /metrics``, as Prometheus reads it."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from sandbox_agent.actors.daemon import Daemon
from sandbox_agent.actors.journal.interface import JournalHealth, SessionRow
from sandbox_agent.actors.kernel.histogram import Histogram
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.cursor import Cursor
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.metrics.families import histogram
from sandbox_agent.transport.metrics.loop_lateness import LoopLateness
from sandbox_agent.transport.subscriptions.readers import Readers

from ...patience import PATIENCE
from ..api.test_problems import problem
from ..door import Door
from ..reading import sse
from ..serving import Served, serving

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}


@asynccontextmanager
async def running(daemon: Daemon, **options) -> AsyncGenerator[Served]:
    async with serving(daemon, **options) as served:
        await served.nursery.start(daemon.run)
        yield served


async def scrape(client: httpx.AsyncClient) -> Samples:
    """By name and the values of the labels, those in the order of the labels' names."""
    response = await client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (
            sample.name.removeprefix("sandbox_agent_"),
            *(value for _, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_it_demands_the_token(environment):
    async with running(Daemon(Settings(), environment), token="t") as served:
        async with served.client() as client:
            problem(await client.get("/metrics"), 401, "token_invalid")
        async with served.client("t") as client:
            assert ("build_info", "0.2.0") in await scrape(client)


async def test_it_tells_of_sessions_turns_asks_and_agents(environment):
    async with running(Daemon(Settings(mock_step_ms=0), environment)) as served, served.client() as client:
        before = await scrape(client)
        assert before["sessions", "idle"] == 0
        for name in ("one", "two"):
            await client.post(f"/v1/sessions/{name}", json={"agent": "mock"})
        for text in ("echo hello", "crash", "echo again"):
            async with sse(served, "/v1/sessions/one/messages/stream", method="POST", body={"message": text}) as source:
                await source.rest()
        async with sse(
            served, "/v1/sessions/two/messages/stream", method="POST", body={"message": "permission"}
        ) as source:
            await source.rest()
        await client.post("/v1/sessions/two/messages", json={"message": "echo later"})
        while True:  # a session's last events may be on their way still: figures of one moment are wanted
            listed = (await client.get("/v1/sessions")).json()["sessions"]
            found = await scrape(client)
            if (await client.get("/v1/sessions")).json()["sessions"] == listed:
                break
        assert (found["sessions", "idle"], found["sessions", "waiting"]) == (1, 1)
        pending = (await client.get("/v1/permissions")).json()["permissions"]
        assert pending
        assert (found["pending_asks", "permission"], found["pending_asks", "question"]) == (len(pending), 0)
        assert found["queued_prompts",] == 1
        assert found["turns_total", "mock", "completed"] == 2
        assert found["turns_total", "mock", "failed"] == 1
        assert (found["agent_starts_total", "false", "mock"], found["agent_starts_total", "true", "mock"]) == (2, 1)
        assert found["errors_total", "process_exit"] == 1
        counted = sum(value for key, value in found.items() if key[0] == "events_total")
        assert counted == sum(session["eventCount"] for session in listed)
        assert found["journal_writable",] == 1
        assert found["journal_bytes",] > 0
        assert found["journal_commit_seconds_count",] > 0


async def test_it_tells_of_the_process_and_its_loop(environment):
    settings = Settings(loop_check_interval=0.005)
    async with running(Daemon(settings, environment)) as served, served.client() as client:
        while (found := await scrape(client))["event_loop_lateness_seconds_count",] < 2:
            await trio.sleep(0.01)
        assert found["process_resident_memory_bytes",] > 1 << 20
        assert found["process_open_fds",] > 3
        assert found["threads",] >= 1


async def test_open_streams_are_counted_by_kind_while_they_are_open(environment):
    async with running(Daemon(Settings(mock_step_ms=0), environment)) as served, served.client() as client:
        await client.post("/v1/sessions/s", json={"agent": "mock"})
        async with sse(served, "/v1/sessions/s/events/sse") as one, sse(served, "/v1/events/sse?offset=0") as all_:
            await one.take(1)
            await all_.take(1)
            found = await scrape(client)
            assert (found["streams", "sse"], found["streams", "all"], found["streams", "websocket"]) == (1, 1, 0)
        while (found := await scrape(client))["streams", "sse"] or found["streams", "all"]:
            await trio.sleep(0.01)


async def test_the_lag_is_that_of_the_slowest_subscriber(autojump_clock):
    door = Door(Settings(stream_batch_bytes=1))
    script = door.session()
    readers = Readers(door.settings, door.codec)
    for _ in range(10):
        script.turn_ended("turn_1")
    slow = readers.follow(script.log, Cursor(0), readers.sse(False))
    quick = readers.follow(script.log, Cursor(9), readers.websocket(False), "websocket")
    async with aclosing(slow), aclosing(quick):
        await anext(slow)
        await anext(slow)  # so the first has been taken, and the second is on its way
        await anext(quick)
        assert readers.subscribers.kinds() == {"sse": 1, "websocket": 1}
        await trio.sleep(7)
        assert (readers.subscribers.lag().events, readers.subscribers.lag().seconds) == (9, 7)
        for _ in range(8):
            await anext(slow)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(anext, slow)
            nursery.start_soon(anext, quick)
            await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(3)
            # Both wait for what comes: nobody is behind, however long nothing has happened.
            assert (readers.subscribers.lag().events, readers.subscribers.lag().seconds) == (0, 0)
            nursery.cancel_scope.cancel()
    assert readers.subscribers.kinds() == {}


async def test_a_thousand_sessions_make_it_no_longer(environment):
    daemon = Daemon(Settings(ephemeral=True), environment)
    for number in range(1000):
        request = CreateSessionRequest(agent="mock", model=f"model-{number}")
        await daemon._journal.create(SessionRow(f"session-{number}", f"log-{number}", request, "/", 0, ended=True))
    async with running(daemon) as served, served.client() as client:
        text = (await client.get("/metrics")).text
        assert 'sandbox_agent_sessions{status="ended"} 1000.0' in text
        assert "session-" not in text
        assert len(text.splitlines()) < 200


def test_what_a_journal_commits_is_a_histogram():
    timings = Histogram()
    timings.add(0.003)
    assert JournalHealth(commits=timings).commits is timings
    samples = {(s.name, *s.labels.values()): s.value for s in histogram("journal_commit_seconds", "", timings).samples}
    assert samples["sandbox_agent_journal_commit_seconds_bucket", "0.002"] == 0
    assert samples["sandbox_agent_journal_commit_seconds_bucket", "0.005"] == 1
    assert samples["sandbox_agent_journal_commit_seconds_count",] == 1
    assert samples["sandbox_agent_journal_commit_seconds_sum",] == 0.003


async def test_a_loop_that_is_held_up_is_late():
    lateness = LoopLateness(0.01)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lateness.run)
            await trio.sleep(0.02)
            time.sleep(0.1)  # a task that does not yield
            while dict(lateness.timings.cumulative())["0.05"] == lateness.timings.count:
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()


async def test_looking_can_be_switched_off():
    lateness = LoopLateness(0)
    with trio.fail_after(PATIENCE):
        await lateness.run()
    assert lateness.timings.count == 0


async def test_the_documents_name_what_there_is(environment):
    async with running(Daemon(Settings(), environment)) as served, served.client() as client:
        text = (await client.get("/metrics")).text
    told = set(re.findall(r"^# TYPE sandbox_agent_(\w+) ", text, re.MULTILINE))
    docs = Path(__file__).resolve().parents[3] / "docs"
    assert (
        set(re.findall(r"^\| `(\w+)` \| (?:gauge|counter|histogram)", (docs / "metrics.md").read_text(), re.MULTILINE))
        == told
    )
    used = set(re.findall(r"sandbox_agent_(\w+)", (docs / "long-running.md").read_text()))
    assert {name.removesuffix("_bucket") for name in used} <= told
