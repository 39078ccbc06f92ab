"""The event stream: ids, replay, resync, silence, and how it ends."""

import pytest

from sandbox_agent.schema.settings import Settings

from ..api.test_problems import problem
from ..door import Door
from ..reading import sse
from ..serving import serving

PATH = "/v1/sessions/s/events/sse"


@pytest.fixture
def door() -> Door:
    return Door()


async def test_replay_then_live_with_ids_and_headers(door: Door):
    script = door.session("s")
    script.delta(count=3)
    async with serving(door) as served, sse(served, PATH) as source:
        assert source.headers["content-type"] == "text/event-stream"
        assert source.headers["cache-control"] == "no-cache"
        assert source.headers["x-accel-buffering"] == "no"
        got = await source.take(3)
        script.delta("live")
        got += await source.take(1)
        assert [frame.id for frame in got] == ["log1:1", "log1:2", "log1:3", "log1:4"]
        assert [frame.sequence for frame in got] == [1, 2, 3, 4]
        assert got[-1].data["data"]["delta"] == "live"
        assert got[-1].data["raw"] is None


async def test_offset_is_exclusive_and_last_event_id_goes_before_it(door: Door):
    door.session("s").delta(count=5)
    async with serving(door) as served:
        for query, header, first in (
            ("offset=3", None, 4),
            ("offset=log1:2", None, 3),
            ("offset=0", "log1:4", 5),
            ("offset=0", "4", 5),
            ("offset=2", "", 3),
        ):
            headers = {} if header is None else {"Last-Event-ID": header}
            async with sse(served, f"{PATH}?{query}", headers=headers) as source:
                assert (await source.take(1))[0].sequence == first


@pytest.mark.parametrize("bad", ["x", "log1:", ":1", "log1:x", "-1"])
async def test_a_bad_last_event_id_is_refused(door: Door, bad):
    door.session("s")
    async with serving(door) as served, served.client() as client:
        response = await client.get(PATH, headers={"Last-Event-ID": bad})
        assert "Last-Event-ID" in problem(response, 400, "invalid_request")["detail"]


@pytest.mark.parametrize(("cursor", "reason"), [("other:2", "foreign"), ("log1:9", "future"), ("9", "future")])
async def test_a_cursor_of_another_log_or_from_beyond_the_end_starts_over_and_says_so(door: Door, cursor, reason):
    door.session("s").delta(count=3)
    async with serving(door) as served:
        async with sse(served, PATH, headers={"Last-Event-ID": cursor}) as source:
            note, *events = await source.take(4)
        assert note.id == "log1:0"
        assert note.data == {
            "type": "stream.resync",
            "reason": reason,
            "requested": cursor,
            "log_id": "log1",
            "first": 1,
            "last": 3,
            "resumed_after": 0,
        }
        assert [frame.sequence for frame in events] == [1, 2, 3]


async def test_an_expired_cursor_continues_with_the_oldest_that_is_held():
    door = Door(Settings(log_bytes=5000))
    script = door.session("s")
    script.delta("x" * 500, count=20)
    first = script.log.first
    assert first > 1
    async with serving(door) as served, sse(served, f"{PATH}?offset=0") as source:
        note, event = await source.take(2)
        assert (note.data["reason"], note.data["resumed_after"], note.id) == ("expired", first - 1, f"log1:{first - 1}")
        assert event.sequence == first


async def test_the_id_of_a_resync_frame_is_a_cursor_that_continues(door: Door):
    door.session("s").delta(count=2)
    async with serving(door) as served:
        async with sse(served, PATH, headers={"Last-Event-ID": "other:7"}) as source:
            note = (await source.take(1))[0]
        async with sse(served, PATH, headers={"Last-Event-ID": note.id}) as source:
            assert [frame.sequence for frame in await source.take(2)] == [1, 2]


async def test_a_silence_is_filled_with_comments():
    door = Door(Settings(sse_keepalive=0.02))
    script = door.session("s")
    async with serving(door) as served, sse(served, PATH) as source:
        assert [frame.comment for frame in await source.take(2)] == ["keep-alive"] * 2
        script.delta()
        while (frame := (await source.take(1))[0]).comment:
            pass
        assert frame.sequence == 1


@pytest.mark.parametrize(
    ("query", "raw"), [("", None), ("?include_raw=true", {"a": 1}), ("?includeRaw=true", {"a": 1})]
)
async def test_raw_is_sent_to_those_who_ask(door: Door, query, raw):
    door.session("s").delta(raw=b'{"a":1}')
    async with serving(door) as served, sse(served, PATH + query) as source:
        assert (await source.take(1))[0].data["raw"] == raw


async def test_deleting_the_session_ends_its_streams_after_their_last_event(door: Door):
    script = door.session("s")
    async with serving(door) as served, served.client() as client, sse(served, PATH) as source:
        script.session_ended()
        assert (await client.delete("/v1/sessions/s")).status_code == 204
        assert [frame.data["type"] for frame in await source.rest()] == ["session.ended"]


async def test_the_stream_of_all_sessions_starts_live_and_continues_from_the_lists_cursor(door: Door):
    a, b = door.session("a"), door.session("b")
    a.delta(count=2)
    async with serving(door) as served, served.client() as client:
        cursor = (await client.get("/v1/sessions")).json()["cursor"]
        b.delta("between")
        async with (
            sse(served, "/v1/events/sse") as live,
            sse(served, f"/v1/events/sse?offset={cursor}") as continued,
        ):
            b.delta("now")
            a.delta("now")
            seen = await live.take(2)
            assert [(f.id, f.data["session_id"], f.sequence) for f in seen] == [("feed:4", "b", 2), ("feed:5", "a", 3)]
            assert [f.id for f in await continued.take(3)] == ["feed:3", "feed:4", "feed:5"]


async def test_events_come_in_pages(door: Door):
    door.session("s").delta(count=5, raw=b"[1]")
    async with serving(door) as served, served.client() as client:
        for query, sequences, more in (
            ("", [1, 2, 3, 4, 5], False),
            ("?offset=2", [3, 4, 5], False),
            ("?offset=1&limit=2", [2, 3], True),
            ("?offset=3&limit=2", [4, 5], False),
            ("?limit=0", [], True),
            ("?offset=5&limit=0", [], False),
            ("?offset=99", [], False),
        ):
            body = (await client.get(f"/v1/sessions/s/events{query}")).json()
            assert ([event["sequence"] for event in body["events"]], body["hasMore"]) == (sequences, more), query
        full = (await client.get("/v1/sessions/s/events?include_raw=true&limit=1")).json()
        assert full["events"][0]["raw"] == [1]


async def test_a_page_before_the_oldest_event_starts_with_it():
    door = Door(Settings(log_bytes=5000, stream_batch_bytes=1000))
    script = door.session("s")
    script.delta("x" * 500, count=20)
    async with serving(door) as served, served.client() as client:
        body = (await client.get("/v1/sessions/s/events?offset=1")).json()
        assert [event["sequence"] for event in body["events"]] == list(range(script.log.first, 21))
