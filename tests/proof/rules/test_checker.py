"""The history checker finds every broken promise, and none in a history that breaks none."""

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from ..story import Story, told
from .checker import violations
from .history import FEED, Attempt, Command, Frame, History, Kept, Resync, Stream
from .log_rules import broken_in_log


def promises(history: History) -> set[str]:
    """The numbers of those that are broken."""
    return {broken.partition(":")[0] for broken in violations(history)}


def test_a_good_history_breaks_nothing():
    assert violations(told().history) == []


@st.composite
def stories(draw: st.DrawFn) -> Story:
    story = Story()
    for _ in range(draw(st.integers(1, 5))):
        kind, reply = draw(
            st.sampled_from([(None, None), ("permission", "once"), ("question", "answer"), ("permission", None)])
        )
        story.turn(
            via=draw(st.sampled_from(["http", "ws"])),
            ask=kind,
            reply=reply,
            lost=draw(st.integers(0, 2)),
            cut=kind is None and draw(st.booleans()),
            deltas=draw(st.integers(0, 2)),
        )
    story.end()
    last = len(story.events)
    for _ in range(draw(st.integers(1, 3))):
        after = draw(st.integers(0, last - 1))
        session = draw(st.sampled_from(["s", FEED]))
        story.watch(after, draw(st.integers(after + 1, last)), draw(st.sampled_from(["sse", "ws"])), session)
    return story


@given(story=stories())
def test_no_good_history_is_complained_of(story: Story):
    assert violations(story.history) == []


@given(story=stories(), data=st.data())
def test_an_event_that_was_seen_and_is_lost_is_found(story: Story, data: st.DataObject):
    history = story.history
    stream = data.draw(st.sampled_from(story.streams))
    lost = data.draw(st.sampled_from([frame.position for frame in stream.events]))
    log = history.feed if stream.session == FEED else history.logs[0]
    less = evolve(log, frames=[frame for frame in log.frames if frame.position != lost])
    spoilt = evolve(history, feed=less) if stream.session == FEED else evolve(history, logs=[less])
    assert "2" in promises(spoilt)


@given(story=stories(), data=st.data())
def test_an_event_that_was_seen_and_is_another_now_is_found(story: Story, data: st.DataObject):
    stream = data.draw(st.sampled_from(story.streams))
    frames = list(stream.frames)
    index = data.draw(st.integers(0, len(frames) - 1))
    frames[index] = evolve(frames[index], data=frames[index].data.replace(b"}", b" }", 1))
    assert "2" in promises(evolve(story.history, streams=[evolve(stream, frames=frames)]))


@given(story=stories(), data=st.data())
def test_a_stream_that_is_not_the_suffix_is_found(story: Story, data: st.DataObject):
    """A frame is left out, comes twice, or comes too late. (If only the last are missing, it broke.)"""
    stream = max(story.streams, key=lambda stream: len(stream.frames))
    frames = list(stream.frames)
    index = data.draw(st.integers(0, len(frames) - 1))
    spoilings = ["twice"] + (["lost", "swapped"] if index + 1 < len(frames) else [])
    match data.draw(st.sampled_from(spoilings)):
        case "twice":
            frames.insert(index, frames[index])
        case "lost":
            del frames[index]
        case _:
            frames[index], frames[index + 1] = frames[index + 1], frames[index]
    assert "3" in promises(evolve(story.history, streams=[evolve(stream, frames=frames)]))


@given(story=stories(), data=st.data())
def test_a_turn_an_item_or_an_ask_that_is_not_closed_once_is_found(story: Story, data: st.DataObject):
    closings = ("turn.ended", "item.completed", "permission.resolved", "question.resolved")
    at = data.draw(st.sampled_from([i for i, event in enumerate(story.events) if event["type"] in closings]))
    events = list(story.events)
    if data.draw(st.booleans()):
        events.insert(at, events[at])
    else:
        del events[at]
    dense = [{**event, "sequence": number} for number, event in enumerate(events, 1)]
    broken = {broken.partition(":")[0] for broken in broken_in_log(dense, over=True)}
    assert broken == ({"8"} if ".resolved" in story.events[at]["type"] else {"7"})


def frames(history: History, index: int) -> list[Frame | Resync]:
    return list(history.streams[index].frames)


def with_stream(history: History, stream: Stream) -> History:
    return evolve(history, streams=[*history.streams, stream])


def sequence_reused(history: History) -> History:
    first = history.streams[0]
    other = evolve(first, session="gone", log_id="old")
    changed = evolve(other, frames=[evolve(other.frames[0], data=other.frames[0].data + b" ")])
    deleted = Command("gone", "delete", "d", [Attempt(204)])
    return evolve(history, commands=[*history.commands, deleted], streams=[other, changed])


def log_has_a_hole(history: History) -> History:
    log = history.logs[0]
    return evolve(history, streams=[], logs=[evolve(log, frames=log.frames[:4] + log.frames[5:])])


def log_is_gone(history: History) -> History:
    return evolve(history, logs=[])


def sse_and_websocket_differ(history: History) -> History:
    websocket = history.streams[1]
    return evolve(history, streams=[*history.streams, evolve(websocket, frames=websocket.frames[1:])])


def feed_lacks_an_event(history: History) -> History:
    streams = [stream for stream in history.streams if stream.session != FEED]
    return evolve(history, streams=streams, feed=evolve(history.feed, frames=history.feed.frames[:-1]))


def foreign_cursor_is_taken(history: History) -> History:
    return with_stream(history, Stream("s", "sse", "log", 4, "another", history.logs[0].frames[4:]))


def future_cursor_is_taken(history: History) -> History:
    return with_stream(history, Stream("s", "ws", "log", 10**9, None, history.logs[0].frames))


def good_cursor_is_refused(history: History) -> History:
    return with_stream(history, Stream("s", "sse", "log", 4, "log", [Resync("future", 0), *history.logs[0].frames]))


def resync_skips_what_is_there(history: History) -> History:
    return with_stream(
        history, Stream("s", "sse", "log", 4, "other", [Resync("foreign", 4), *history.logs[0].frames[4:]])
    )


def expired_cursor_is_taken(history: History) -> History:
    """The reader is not told what it missed."""
    kept = Kept("s", "log", history.logs[0].frames[10:], first=11)
    return evolve(history, logs=[kept], streams=[Stream("s", "sse", "log", 4, "log", kept.frames)], feed=None)


def spoil_command(history: History, kind: str, **changes: object) -> History:
    commands = list(history.commands)
    index = next(i for i, command in enumerate(commands) if command.kind == kind and command.reply != "reject")
    commands[index] = evolve(commands[index], **changes)
    return evolve(history, commands=commands)


def prompt_ran_twice(history: History) -> History:
    """Its second turn also is a turn without a prompt."""
    story = told()
    story.events.pop()
    story.turn()
    story.commands = [c for c in story.commands if c.about != "prompt 8"]
    text = {"type": "text", "text": "prompt 1"}
    for event in story.events:
        item = event["data"].get("item", {})
        if item.get("content") == [{"type": "text", "text": "prompt 8"}]:
            item["content"] = [text]
    story.end()
    return story.history


def acknowledged_prompt_never_ran(history: History) -> History:
    lost = Command("s", "message", "lost", [Attempt(204)], "another"), Command("s", "message", "x", [Attempt(204)], "y")
    return evolve(history, commands=[*history.commands, *lost])


def acknowledged_turn_never_was(history: History) -> History:
    lost = Command("s", "message", "lost", [Attempt(200, b'{"turnId":"turn_99"}')], "prompt 7")
    return evolve(history, commands=[*history.commands, lost])


def two_commands_share_a_turn(history: History) -> History:
    command = next(c for c in history.commands if c.turn_id)
    return evolve(history, commands=[*history.commands, evolve(command, key="other")])


def refused_prompt_ran(history: History) -> History:
    return spoil_command(history, "message", attempts=[Attempt(429)])


def repeat_is_answered_otherwise(history: History) -> History:
    return spoil_command(history, "message", attempts=[Attempt(204), Attempt(None), Attempt(404)])


def created_session_is_not_there(history: History) -> History:
    return evolve(history, commands=[*history.commands, Command("t", "create", None, [Attempt(200)])])


def terminated_session_goes_on(history: History) -> History:
    cut = [evolve(log, frames=log.frames[:-1]) for log in history.logs]
    return evolve(history, logs=cut, feed=None, streams=[])


def acknowledged_reply_had_no_effect(history: History) -> History:
    return evolve(
        history, commands=[*history.commands, Command("s", "question", "q", [Attempt(204)], "ask_99", "answer")]
    )


def acknowledged_reply_was_turned_round(history: History) -> History:
    return spoil_command(history, "permission", reply="always")


def tool_ran_twice(history: History) -> History:
    return evolve(history, effects={"once": 1, "twice": 2})


def permission_is_allowed_by_nobody(history: History) -> History:
    commands = [command for command in history.commands if command.kind != "permission"]
    return evolve(history, commands=commands)


def permission_is_answered_by_two(history: History) -> History:
    command = next(command for command in history.commands if command.kind == "permission")
    return evolve(history, commands=[*history.commands, evolve(command, key="other")])


def descendant_lives_on(history: History) -> History:
    return evolve(history, survivors=["process 12 of life 3"])


SPOILINGS = {
    sequence_reused: "1",
    log_has_a_hole: "1",
    log_is_gone: "2",
    sse_and_websocket_differ: "3",
    feed_lacks_an_event: "3",
    foreign_cursor_is_taken: "4",
    future_cursor_is_taken: "4",
    good_cursor_is_refused: "4",
    expired_cursor_is_taken: "3",
    resync_skips_what_is_there: "3",
    prompt_ran_twice: "6",
    acknowledged_prompt_never_ran: "6",
    acknowledged_turn_never_was: "6",
    two_commands_share_a_turn: "6",
    refused_prompt_ran: "6",
    repeat_is_answered_otherwise: "6",
    created_session_is_not_there: "6",
    terminated_session_goes_on: "6",
    acknowledged_reply_had_no_effect: "6",
    acknowledged_reply_was_turned_round: "6",
    tool_ran_twice: "6",
    permission_is_allowed_by_nobody: "8",
    permission_is_answered_by_two: "8",
    descendant_lives_on: "9",
}


@pytest.mark.parametrize("spoil", SPOILINGS, ids=lambda spoil: spoil.__name__)
def test_each_broken_promise_is_found(spoil: Callable[[History], History]):
    assert SPOILINGS[spoil] in promises(spoil(told().history))


def test_a_prompt_whose_agent_died_is_told_by_the_turn_that_was_cut_short():
    story = Story()
    story.turn(cut=True)
    story.end()
    assert violations(story.history) == []
    story.commands.append(Command("s", "message", "k", [Attempt(204)], "another"))
    assert len(violations(story.history)) == 1


def test_an_id_that_is_given_to_two_items_or_two_turns_is_found():
    story = Story()
    story.item("itm_1", "user", "one")
    story.turn()
    assert list(broken_in_log(story.events)) == []
    story.item("itm_1", "user", "two")
    story.add("turn.started", turn_id="turn_1")
    assert [broken.partition(",")[0] for broken in broken_in_log(story.events)] == [
        "7: itm_1 is the id of two items",
        "7: turn_1 started twice",
    ]


@pytest.mark.parametrize("deleted", [True, False])
def test_a_repeat_may_find_nothing_only_when_its_session_was_deleted(deleted: bool):
    story = told()
    (first, *_) = [command for command in story.commands if command.key is not None and command.acknowledgement]
    late = evolve(first, attempts=[*first.attempts, Attempt(404, b"no such session")])
    story.commands[story.commands.index(first)] = late
    if deleted:
        story.commands.append(Command(first.session, "delete", "d", [Attempt(204)]))
    assert promises(story.history) == (set() if deleted else {"6"})


def test_a_deleted_session_is_missed_by_nobody():
    story = told()
    story.commands.append(Command("s", "delete", "d", [Attempt(None)]))
    history = story.history
    assert violations(evolve(history, logs=[], feed=evolve(history.feed, frames=[]))) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"outcome": "failed"},
        {"outcome": "failed", "error": {"code": "process_exit"}},
        {"outcome": "completed", "error": {"code": "process_exit", "message": "the agent exited"}},
    ],
)
def test_a_turn_that_failed_without_a_reason_or_has_one_without_failing_is_found(metadata: dict[str, object]):
    story = Story()
    story.turn(cut=True)
    (ended,) = (event for event in story.events if event["type"] == "turn.ended")
    ended["data"]["metadata"] = metadata
    story.end()
    assert {broken.partition(":")[0] for broken in broken_in_log(story.events, over=True)} == {"7"}
