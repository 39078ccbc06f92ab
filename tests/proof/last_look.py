"""The state at the end, with a last daemon that is not killed: every log by SSE, WebSocket and page; the processes."""

import json
from typing import Any

import msgspec
import trio

from .clients import Clients
from .lives import Lives
from .recorder import Recorder, Watching
from .rules.history import FEED, Frame, History, Kept
from .rules.log_rules import said
from .wire import Attempt, call, heard, sse, websocket

QUIET_TIMEOUT = 120.0
AT_ONCE = 4
"""Sessions that are examined at the same time: each starts its agent."""

BUSY = ("starting", "running", "waiting")


class _Page(msgspec.Struct):
    events: list[msgspec.Raw]


async def last_look(lives: Lives, recorder: Recorder, clients: Clients) -> History:
    """Every session still accepts a prompt, and then ends; its log is read by SSE, by WebSocket and by page."""
    some = trio.CapacityLimiter(AT_ONCE)

    async def end(session: str) -> None:
        async with some:
            await _works(lives, clients, session)
            await clients.terminate(session)

    async with trio.open_nursery() as nursery:
        for session in clients.sessions:
            nursery.start_soon(end, session)
    listed = await _get(lives, "/v1/sessions")
    logs = [await read_all(lives, recorder, info) for info in listed["sessions"]]
    log_id, _, last = listed["cursor"].rpartition(":")
    with recorder.watch(FEED, "sse", 0, None) as watching:
        await _read_sse(lives, "/v1/events/sse?offset=0", watching)
    feed = Kept(FEED, log_id, _frames(watching), last=int(last))
    await lives.stop()
    recorder.survivors += await trio.to_thread.run_sync(lives.descendants)
    return recorder.history(logs, feed)


async def _get(lives: Lives, path: str) -> Any:
    answer: Attempt = await call(await lives.where(), "GET", path)
    assert answer.status == 200, answer
    return json.loads(answer.body)


async def _works(lives: Lives, clients: Clients, session: str) -> None:
    """The session still works: it runs a prompt."""
    with trio.move_on_after(QUIET_TIMEOUT) as scope:
        if await _ended(lives, session):
            return
        while (info := await _info(lives, session))["status"] in BUSY or info["queued"]:
            await clients.interrupt(session)
            await trio.sleep(0.02)
        answer = await clients.prompt(session, f"say the last words of {session}")
        assert answer.acknowledged, f"{session}: {answer}"
        while (info := await _info(lives, session))["status"] in BUSY or info["queued"]:
            await trio.sleep(0.02)
        assert info["status"] == "idle", info
    if scope.cancelled_caught:
        page = await call(await lives.where(), "GET", f"/v1/sessions/{session}/events")
        tail = [f"{event['sequence']} {said(event)}" for event in json.loads(page.body)["events"][-15:]]
        raise AssertionError("\n".join([f"{session} does nothing more: {await _info(lives, session)}", *tail]))


async def _info(lives: Lives, session: str) -> dict[str, Any]:
    return await _get(lives, f"/v1/sessions/{session}")


async def _ended(lives: Lives, session: str) -> bool:
    return (await _info(lives, session))["ended"]


async def read_all(lives: Lives, recorder: Recorder, info: dict[str, Any]) -> Kept:
    """Reads a session by SSE, WebSocket and page. ``info`` is from the API, and the session no longer changes."""
    session, path = info["sessionId"], f"/v1/sessions/{info['sessionId']}"
    with recorder.watch(session, "sse", 0, None) as by_sse:
        await _read_sse(lives, f"{path}/events/sse", by_sse)
    kept = Kept(session, info["logId"], _frames(by_sse))
    assert by_sse.log_id in (None, info["logId"])
    with recorder.watch(session, "page", 0, None) as by_page:
        by_page.log_id = info["logId"]
        answer = await call(await lives.where(), "GET", f"{path}/events")
        by_page.heard += [heard(bytes(raw)) for raw in msgspec.json.decode(answer.body, type=_Page).events]
    with recorder.watch(session, "websocket", 0, None) as by_websocket:
        by_websocket.log_id = info["logId"]
        async with websocket(await lives.where(), f"{path}/ws") as socket:
            while len(by_websocket.heard) < info["eventCount"]:
                by_websocket.heard.append(await socket.next())
    for watching in (by_sse, by_page, by_websocket):
        assert len(watching.heard) == info["eventCount"], f"{session}: {len(watching.heard)} by {watching.via}: {info}"
    return kept


async def _read_sse(lives: Lives, path: str, watching: Watching) -> None:
    async with sse(await lives.where(), path) as source:
        while (event := await source.next()) is not None:
            watching.heard.append(event)
        watching.log_id = source.log_id


def _frames(watching: Watching) -> list[Frame]:
    return [event for event in watching.heard if isinstance(event, Frame)]
