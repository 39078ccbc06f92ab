"""The ledger, as transcripts of drafts and events. Its laws for any agent whatsoever are in test_ledger_laws.py."""

import pytest

from sandbox_agent.schema.agents.effects import (
    Errored,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    SessionEnded,
    TurnEnded,
    TurnStarted,
    Unparsed,
)
from sandbox_agent.schema.agents.ledger import KEPT_DELTA_CHARS, MOST_OPEN_ITEMS, REASON_CHARS, REMEMBERED_ITEMS, Ledger
from sandbox_agent.schema.events import ErrorData
from sandbox_agent.schema.items import JsonPart, TextPart, ToolCallPart, ToolResultPart

from ..playbook import Playbook, apply_all

CALL = ToolCallPart("Bash", "{}", "c")


def message(native_id: str, text: str = "", role: str | None = "assistant") -> ItemCompleted:
    return ItemCompleted(native_id, "message", role, (TextPart(text),) if text else ())


def in_turn() -> Playbook:
    return Playbook(Ledger()) >> TurnStarted() << "S turn.started turn_1"


def test_a_turn_is_started_once_and_ended_once():
    assert (
        in_turn()
        >> TurnStarted()
        >> TurnEnded()
        << "S turn.ended turn_1 completed"
        >> TurnEnded()
        >> TurnStarted(synthetic=False)
        << "turn.started turn_2"
    )


def test_a_turn_gets_the_id_that_was_reserved_for_it():
    ledger = Ledger()
    assert [ledger.reserve_turn(), ledger.reserve_turn()] == ["turn_1", "turn_2"]
    ledger.assign_turn("turn_1")
    assert Playbook(ledger) >> TurnStarted() << "S turn.started turn_1"
    assert Playbook(ledger) >> TurnEnded() << "S turn.ended turn_1 completed"
    assert Playbook(ledger) >> TurnStarted() << "S turn.started turn_3"


def test_the_end_of_a_turn_tells_its_outcome_and_what_the_agent_added():
    ledger = Ledger()
    _, ended = apply_all(ledger, [TurnStarted(), TurnEnded("completed", {"usage": {"input": 1}})])
    assert ended.data.metadata == {"outcome": "completed", "usage": {"input": 1}}
    assert ended.ends_stream


REASONS = {
    "the first error of those that follow from it": (
        [Errored(ErrorData("bad key", "api_error")), Errored(ErrorData("exit code 1", "process_exit"))],
        {"code": "api_error", "message": "bad key"},
    ),
    "the last one that was retried, when no other was told": (
        [Errored(ErrorData("busy", "api_error"), retryable=True), Errored(ErrorData("worn", "lost"), retryable=True)],
        {"code": "lost", "message": "worn"},
    ),
    "not one that was retried before": (
        [Errored(ErrorData("busy", "api_error"), retryable=True), Errored(ErrorData("no", None))],
        {"code": "unknown", "message": "no"},
    ),
    "nothing that is known": ([], {"code": "unknown", "message": "the agent did not say why its turn failed"}),
    "bounded": ([Errored(ErrorData("x" * 100_000, "long"))], {"code": "long", "message": "x" * REASON_CHARS}),
}


@pytest.mark.parametrize(("errors", "reason"), REASONS.values(), ids=REASONS)
def test_a_turn_that_failed_ends_with_its_reason(errors, reason):
    ledger = Ledger()
    apply_all(ledger, [Errored(ErrorData("of no turn", "other"))])
    ended = apply_all(ledger, [TurnStarted(), *errors, TurnEnded("failed", {"usage": {}})])[-1]
    assert ended.data.metadata == {"outcome": "failed", "usage": {}, "error": reason}
    for outcome in ("completed", "interrupted"):
        ended = apply_all(ledger, [TurnStarted(), *errors, TurnEnded(outcome)])[-1]
        assert ended.data.metadata == {"outcome": outcome}
    # The next turn has reasons of its own.
    ended = apply_all(ledger, [TurnStarted(), TurnEnded("failed")])[-1]
    assert ended.data.metadata["error"]["code"] == "unknown"


def test_a_session_that_ends_tells_its_turn_why():
    ended = apply_all(Ledger(), [TurnStarted(), SessionEnded("error", "out of credit")])[-2]
    assert ended.data.metadata["error"] == {"code": "session_ended", "message": "out of credit"}


def test_a_completed_item_that_was_never_started_is_started():
    assert (
        in_turn()
        >> ItemCompleted("c", "tool_call", "assistant", (CALL,))
        << "S item.started itm_1 c tool_call assistant"
        << "item.completed itm_1 c tool_call assistant completed"
    )


def test_a_message_without_a_delta_gets_one_with_all_its_text():
    two = ItemCompleted("m", "message", "assistant", (TextPart("a"), JsonPart(1), TextPart("b")))
    assert (
        in_turn()
        >> two
        << r"S item.started itm_1 m message assistant 'a\nb'"
        << r"S item.delta itm_1 'a\nb'"
        << r"item.completed itm_1 m message assistant completed 'a\nb'"
    )


def test_no_delta_is_made_up_where_one_was_said_or_nothing_can_be():
    assert (
        in_turn()
        >> ItemDelta("m", "tex")
        << "S item.started itm_1 m message assistant"
        << "item.delta itm_1 'tex'"
        >> message("m", "text")
        << "item.completed itm_1 m message assistant completed 'text'"
        >> message("user", "hello", "user")
        << "S item.started itm_2 user message user 'hello'"
        << "item.completed itm_2 user message user completed 'hello'"
        >> message("empty")
        << "S item.started itm_3 empty message assistant"
        << "item.completed itm_3 empty message assistant completed"
        >> ItemCompleted("s", "system", "system", (TextPart("x"),))
        << "S item.started itm_4 s system system 'x'"
        << "item.completed itm_4 s system system completed 'x'"
    )


def test_what_is_said_twice_is_heard_once():
    start = ItemStarted("m", "message", "assistant")
    assert (
        in_turn()
        >> start
        << "item.started itm_1 m message assistant"
        >> start
        >> message("m")
        << "item.completed itm_1 m message assistant completed"
        >> message("m")
        >> start
        >> ItemDelta("m", "late")
    )


def test_open_items_are_closed_before_their_turn():
    assert (
        in_turn()
        >> ItemStarted("c", "tool_call", "assistant", (CALL,))
        << "item.started itm_1 c tool_call assistant"
        >> ItemDelta("m", "half a sen")
        << "S item.started itm_2 m message assistant"
        << "item.delta itm_2 'half a sen'"
        >> TurnEnded("interrupted")
        << "S item.completed itm_1 c tool_call assistant failed"
        << "S item.completed itm_2 m message assistant failed 'half a sen'"
        << "S turn.ended turn_1 interrupted"
    )


def test_a_message_that_is_cut_off_is_what_its_readers_have_of_it():
    """It once was what it started with: the streamed text vanished from the log's last word on it."""
    assert (
        in_turn()
        >> ItemStarted("m", "message", "assistant", (TextPart("To come:"),))
        << "item.started itm_1 m message assistant 'To come:'"
        >> ItemDelta("m", "one")
        << "item.delta itm_1 'one'"
        >> TurnEnded("failed")
        << "S item.completed itm_1 m message assistant failed 'one'"
        << "S turn.ended turn_1 failed"
    )


def test_a_tool_call_that_is_cut_off_keeps_its_arguments():
    ledger = Ledger()
    drafts = [TurnStarted(), ItemStarted("c", "tool_call", "assistant", (CALL,)), ItemDelta("c", "out"), TurnEnded()]
    assert apply_all(ledger, drafts)[-2].data.item.content == (CALL,)


def test_a_result_that_began_with_some_output_is_cut_off_with_all_of_it():
    before = ItemStarted("r", "tool_result", "tool", (ToolResultPart("c", "one\n"),))
    drafts = [TurnStarted(), before, ItemDelta("r", "two\n"), ItemDelta("r", "three\n"), TurnEnded()]
    assert apply_all(Ledger(), drafts)[-2].data.item.content == (ToolResultPart("c", "one\ntwo\nthree\n"),)


def test_the_text_kept_of_an_open_item_is_bounded():
    ledger = Ledger()
    apply_all(ledger, [TurnStarted(), *[ItemDelta("m", "x" * 1000)] * 1000])
    [closed, _] = list(ledger.end_turn("failed"))
    assert KEPT_DELTA_CHARS <= len(closed.data.item.content[0].text) < KEPT_DELTA_CHARS + 1000


def test_a_parent_is_found_open_or_closed_and_never_made_up():
    assert (
        in_turn()
        >> message("parent")
        << "S item.started itm_1 parent message assistant"
        << "item.completed itm_1 parent message assistant completed"
        >> ItemStarted("child", "tool_call", "assistant", parent_native_id="parent")
        << "item.started itm_2 child tool_call assistant in itm_1"
        >> ItemCompleted("grandchild", "tool_result", "tool", parent_native_id="child")
        << "S item.started itm_3 grandchild tool_result tool in itm_2"
        << "item.completed itm_3 grandchild tool_result tool completed in itm_2"
        >> ItemStarted("orphan", "tool_call", "assistant", parent_native_id="nobody")
        << "item.started itm_4 orphan tool_call assistant"
    )


def test_an_error_ends_the_turns_stream_unless_the_agent_goes_on():
    ledger = Ledger()
    fatal, retried = apply_all(ledger, [Errored(ErrorData("a")), Errored(ErrorData("b"), retryable=True)])
    assert (fatal.ends_stream, retried.ends_stream) == (True, False)
    assert (fatal.data.details, retried.data.details) == (None, {"retryable": True})


def test_what_is_unparsed_is_synthetic_and_ends_nothing():
    [event] = apply_all(Ledger(), [Unparsed("unknown", "claude", b"{}")])
    assert (event.type, event.synthetic, event.ends_stream, event.raw) == ("agent.unparsed", True, False, b"{}")


@pytest.mark.parametrize(("reason", "outcome"), [("completed", "completed"), ("error", "failed")])
def test_the_end_of_the_session_closes_the_turn_first(reason: str, outcome: str):
    status = "completed" if outcome == "completed" else "failed"
    assert (
        in_turn()
        >> ItemStarted("m", "message", "assistant")
        << "item.started itm_1 m message assistant"
        >> SessionEnded(reason)
        << f"S item.completed itm_1 m message assistant {status}"
        << f"S turn.ended turn_1 {outcome}"
        << f"S session.ended {reason} by agent"
    )


def test_an_item_between_turns_is_closed_without_a_turn():
    ledger = Ledger()
    assert Playbook(ledger) >> ItemStarted("m", "status", "system") << "item.started itm_1 m status system"
    assert [event.type for event in ledger.end_turn("failed")] == ["item.completed"]
    assert list(ledger.end_turn("failed")) == []


def test_more_open_items_than_are_remembered_end_nothing():
    """Looking for a closed item to forget among open ones alone ended the session with a RuntimeError."""
    ledger, count = Ledger(), REMEMBERED_ITEMS + 2
    starts = [ItemStarted(f"i{n}", "status", "system") for n in range(count)]
    early = count - MOST_OPEN_ITEMS  # closed because others were begun
    assert len(apply_all(ledger, [*starts, *starts[2:]])) == count + early
    ends = [ItemCompleted(f"i{n}", "status", "system") for n in range(early, count)]
    assert len(apply_all(ledger, ends)) == MOST_OPEN_ITEMS
    assert apply_all(ledger, starts[2:]) == [], "those that are remembered are not started again"
    assert repr(ledger) == f"<Ledger turn=None open_items=0 items={count} turns=0>"
