"""What a session stores and shows of a secret that its agent says, whole or in pieces."""

import json
from typing import Any

import trio

from sandbox_agent.actors.journal.interface import SessionRow
from sandbox_agent.actors.journal.memory import MemoryJournal
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.actors.processes.terminal_tail import TerminalTail
from sandbox_agent.actors.sessions.event_recorder import MASKED_ON_LOOP, EventRecorder
from sandbox_agent.schema.agents.effects import Draft, ItemCompleted, ItemDelta, ItemStarted, TurnEnded, TurnStarted
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.items import TextPart
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import certain
from sandbox_agent.schema.settings import Settings

from ..house import check_history

KEY = "q9X2vL7pT4mZ8rK1wB6n"
REDACTOR = Redactor(certain(KEY))


async def recorder() -> EventRecorder:
    clock = Clock()
    row = SessionRow("s", "log", CreateSessionRequest("mock"), "/", 0)
    log = await MemoryJournal(Settings(), clock, "feed").create(row)
    return EventRecorder(row, log, Codec(), clock, REDACTOR)


def raw(text: str) -> bytes:
    return json.dumps({"delta": text}).encode()


def streamed(*pieces: str, end: Draft | None = None) -> tuple[Draft, ...]:
    deltas = (ItemDelta("m", piece, raw=raw(piece)) for piece in pieces)
    text = (TextPart("".join(pieces)),)
    done = end or ItemCompleted("m", "message", "assistant", text)
    return (TurnStarted(), ItemStarted("m", "message", "assistant"), *deltas, done, TurnEnded())


async def told(*drafts: Draft) -> list[dict[str, Any]]:
    writer = await recorder()
    for draft in drafts:
        writer.draft(draft)
    events = [json.loads(event.full) for event in writer.take()]
    check_history(events)
    return events


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["data"]["delta"] for event in events if event["type"] == "item.delta")


async def test_a_secret_in_pieces_is_in_no_delta_no_raw_and_no_item():
    events = await told(*streamed("it is ", KEY[:7], KEY[7:14], KEY[14:], " you know"))
    assert text_of(events) == "it is [redacted] you know"
    seen = json.dumps(events)
    for part in (KEY[:7], KEY[7:14], KEY[14:]):
        assert part not in seen
    (item,) = [event["data"]["item"] for event in events if event["type"] == "item.completed"]
    assert item["content"] == [{"type": "text", "text": "it is [redacted] you know"}]


async def test_what_was_held_back_comes_before_the_end_of_its_item():
    events = await told(*streamed("is it ", KEY[:5]))
    assert text_of(events) == f"is it {KEY[:5]}"
    types = [event["type"] for event in events]
    assert types.index("item.completed") > len(types) - 1 - types[::-1].index("item.delta")


async def test_what_was_held_back_comes_also_when_the_turn_ends_in_its_middle():
    events = await told(*streamed("is it ", KEY[:5], end=TurnEnded("failed")))
    assert text_of(events) == f"is it {KEY[:5]}"


async def test_two_items_that_stream_at_once_are_not_mixed():
    pieces = [("a", "x"), ("b", KEY[:9]), ("a", KEY[9:]), ("b", KEY[9:]), ("a", "y")]
    started = [ItemStarted(name, "message", "assistant") for name in "ab"]
    deltas = [ItemDelta(name, piece) for name, piece in pieces]
    events = await told(TurnStarted(), *started, *deltas, TurnEnded())
    by_item = {"itm_1": "", "itm_2": ""}
    for event in events:
        if event["type"] == "item.delta":
            by_item[event["data"]["item_id"]] += event["data"]["delta"]
    assert by_item == {"itm_1": f"x{KEY[9:]}y", "itm_2": "[redacted]"}


async def test_ordinary_deltas_keep_what_the_agent_said_of_them():
    events = await told(*streamed("The quick", " brown", " fox."))
    raws = [event["raw"] for event in events if event["type"] == "item.delta"]
    assert raws == [{"delta": "The quick"}, {"delta": " brown"}, {"delta": " fox."}]


async def test_so_much_that_the_loop_would_wait_is_masked_in_a_thread_and_in_order():
    writer = await recorder()
    for draft in streamed("x " * MASKED_ON_LOOP + KEY, f" and {KEY} "):
        writer.draft(draft)
    await writer.mask_large()
    writer.draft(TurnStarted())
    writer.draft(ItemCompleted("n", "message", "assistant", (TextPart(f"again {KEY}"),)))
    events = [json.loads(event.full) for event in writer.take()]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert KEY not in json.dumps(events)
    assert events[-1]["data"]["item"]["content"][0]["text"] == "again [redacted]"


def test_a_secret_that_two_reads_of_a_terminal_split_is_masked():
    terminal = TerminalTail(1000, REDACTOR)
    terminal.feed(b"key: " + KEY[:8].encode())
    terminal.feed(KEY[8:].encode() + b"\r\nbye")
    assert terminal.text() == "key: [redacted]\nbye"


def test_a_secret_in_colours_is_masked():
    terminal = TerminalTail(1000, REDACTOR)
    terminal.feed(f"key: {KEY[:5]}\x1b[31m{KEY[5:]}\x1b[0m".encode())
    assert terminal.text() == "key: [redacted]"


def test_no_end_of_a_secret_is_at_the_beginning_of_what_is_kept_of_a_terminal():
    for length in range(200, 260):
        terminal = TerminalTail(100, REDACTOR)
        for _ in range(length):
            terminal.feed(f"{KEY}\r\n".encode())
            text = terminal.text()
            assert set(text.removeprefix(text.split("\n")[0]).split()) <= {"[redacted]"}
            assert text.split("\n")[0] in "[redacted]"


async def test_the_masking_of_much_does_not_stop_the_loop():
    """Other tasks run meanwhile: the thread lets go of the interpreter between two slices."""
    writer = await recorder()
    for draft in streamed(f"{KEY} " * 100_000):
        writer.draft(draft)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await trio.sleep(0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        await writer.mask_large()
        nursery.cancel_scope.cancel()
    assert ticks > 3
