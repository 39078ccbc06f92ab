"""The ledger's laws, whatever an agent says (promise 7), and its recovery from a log."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.agents.effects import (
    Draft,
    Errored,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    SessionEnded,
    TurnEnded,
    TurnStarted,
)
from sandbox_agent.schema.agents.ledger import EventDraft, Ledger
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EventEncoder
from sandbox_agent.schema.events import ErrorData, UniversalEvent
from sandbox_agent.schema.items import TextPart, ToolCallPart

from ..playbook import apply_all

CODEC = Codec()
NATIVE_IDS = st.sampled_from("abcdef")
CONTENT = st.sampled_from([(), (TextPart("text"),), (ToolCallPart("t", "{}", "c"), TextPart(""))])
ITEM = {
    "native_id": NATIVE_IDS,
    "kind": st.sampled_from(["message", "tool_call", "tool_result", "status"]),
    "role": st.sampled_from(["user", "assistant", "tool", None]),
    "content": CONTENT,
    "parent_native_id": st.none() | NATIVE_IDS,
    "synthetic": st.booleans(),
}
DRAFTS = st.lists(
    st.just(TurnStarted())
    | st.builds(TurnEnded, st.sampled_from(["completed", "failed", "interrupted"]))
    | st.builds(ItemStarted, **ITEM)
    | st.builds(ItemDelta, NATIVE_IDS, st.sampled_from(["", "x", "more"]))
    | st.builds(ItemCompleted, **ITEM, failed=st.booleans())
    | st.builds(Errored, st.builds(ErrorData, st.just("no"), st.sampled_from(["a", "b", None])), st.booleans())
    | st.builds(SessionEnded, st.sampled_from(["completed", "error"])),
    max_size=40,
)


def item_events(events: Iterable[EventDraft], type_: str) -> list:
    return [event.data.item for event in events if event.type == type_]


def logged(events: Iterable[EventDraft]) -> list[UniversalEvent]:
    """The events as they come back from a log."""
    encoder = EventEncoder("s", CODEC)
    return [
        CODEC.decode(encoder.encode(n, "t", event.type, event.data, synthetic=event.synthetic).plain, UniversalEvent)
        for n, event in enumerate(events, 1)
    ]


def restored(events: Iterable[EventDraft]) -> Ledger:
    ledger = Ledger()
    for event in logged(events):
        ledger.observe(event)
    return ledger


@given(DRAFTS)
def test_turns_alternate_and_their_ids_are_dense(drafts: list[Draft]):
    ledger = Ledger()
    events = [*apply_all(ledger, drafts), *ledger.end_turn("failed")]
    turns = [event.data for event in events if event.type.startswith("turn.")]
    assert [turn.phase for turn in turns] == ["started", "ended"] * (len(turns) // 2)
    assert [turn.turn_id for turn in turns] == [f"turn_{n // 2 + 1}" for n in range(len(turns))]
    assert ledger.turn is None


@given(DRAFTS)
def test_a_turn_that_failed_has_one_reason_and_no_other_turn_has(drafts: list[Draft]):
    ledger = Ledger()
    for event in [*apply_all(ledger, drafts), *ledger.end_turn("failed")]:
        if event.type == "turn.ended":
            metadata = event.data.metadata
            assert ("error" in metadata) == (metadata["outcome"] == "failed")
            assert set(metadata.get("error", ())) <= {"code", "message"}


@given(DRAFTS)
def test_every_item_is_completed_once_after_its_start_and_before_its_turns_end(drafts: list[Draft]):
    ledger = Ledger()
    open_items: set[str] = set()
    for event in [*apply_all(ledger, drafts), *ledger.end_turn("failed")]:
        match event.type:
            case "item.started":
                assert event.data.item.item_id not in open_items
                open_items.add(event.data.item.item_id)
            case "item.delta":
                assert event.data.item_id in open_items
            case "item.completed":
                open_items.remove(event.data.item.item_id)
            case "turn.ended":
                assert not open_items
            case _:
                pass
    assert not open_items


@given(DRAFTS)
def test_item_ids_are_dense_and_one_native_id_is_one_item(drafts: list[Draft]):
    started = item_events(apply_all(Ledger(), drafts), "item.started")
    assert [item.item_id for item in started] == [f"itm_{n}" for n in range(1, len(started) + 1)]
    assert len({item.native_item_id for item in started}) == len(started)


@given(DRAFTS)
def test_a_parent_is_an_item_that_was_started_before(drafts: list[Draft]):
    seen: set[str] = set()
    for event in apply_all(Ledger(), drafts):
        if event.type in ("item.started", "item.completed"):
            item = event.data.item
            assert item.parent_id is None or item.parent_id in seen
            assert item.parent_id != item.item_id
            seen.add(item.item_id)


@given(DRAFTS, DRAFTS)
def test_a_ledger_that_observed_the_log_goes_on_as_the_one_that_wrote_it(before: list[Draft], after: list[Draft]):
    writer = Ledger()
    observer = restored(apply_all(writer, before))
    assert repr(observer) == repr(writer)
    assert apply_all(observer, after) == apply_all(writer, after)
    assert list(observer.end_turn("failed")) == list(writer.end_turn("failed"))


@given(DRAFTS, st.integers(0, 40))
def test_ids_do_not_come_again_when_the_log_has_lost_its_beginning(drafts: list[Draft], lost: int):
    writer = Ledger()
    kept = apply_all(writer, drafts)[lost:]
    observer = restored(kept)
    ids = {event.data.item.item_id for event in kept if event.type in ("item.started", "item.completed")}
    ids |= {event.data.item_id for event in kept if event.type == "item.delta"}
    turns = {event.data.turn_id for event in kept if event.type.startswith("turn.")}
    list(observer.end_turn("failed"))
    again = apply_all(observer, [TurnStarted(), ItemStarted("new", "message", "assistant")])
    assert again[0].data.turn_id not in turns
    assert again[1].data.item.item_id not in ids


@given(DRAFTS, st.integers(0, 40))
def test_an_item_met_in_its_middle_is_closed(drafts: list[Draft], lost: int):
    writer = Ledger()
    kept = apply_all(writer, drafts)[lost:]
    observer = restored(kept)
    completed = {item.item_id for item in item_events(kept, "item.completed")}
    streamed = {event.data.item_id for event in kept if event.type == "item.delta"} - completed
    closed = {item.item_id for item in item_events(observer.end_turn("failed"), "item.completed")}
    assert streamed <= closed


def test_the_reason_of_a_turn_outlives_who_heard_it():
    told = apply_all(Ledger(), [TurnStarted(), Errored(ErrorData("gone", "process_exit"))])
    *_, ended = restored(told).end_turn("failed")
    assert ended.data.metadata["error"] == {"code": "process_exit", "message": "gone"}
