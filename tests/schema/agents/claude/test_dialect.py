"""Claude's turns: how they open and close, whatever comes in between."""

from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.claude.news import LONGEST, MOST, News
from sandbox_agent.schema.agents.dialect import Attachment, Prompt
from sandbox_agent.schema.agents.effects import (
    ConversationOpened,
    EndProcess,
    Errored,
    ItemCompleted,
    ItemStarted,
    NativeSessionNamed,
    Ready,
    TurnEnded,
    TurnStarted,
    Unparsed,
    Write,
)
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.events import ErrorData
from sandbox_agent.schema.items import StatusPart

from ...playbook import Playbook, any_of, begins, exits, interrupts, prompts, says, writes
from .spec import SPEC

INITIALIZE = {
    "type": "control_request",
    "request_id": "initialize",
    "request": {"subtype": "initialize", "forwardSubagentText": True},
}
INITIALIZED = {"type": "control_response", "response": {"subtype": "success", "request_id": "initialize"}}
INTERRUPT = {"type": "control_request", "request_id": "interrupt_1", "request": {"subtype": "interrupt"}}

RESUMED = ConversationOpened(resumed=True)


def user(*content: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "user", "content": list(content)}
    return {"type": "user", "session_id": "", "parent_tool_use_id": None, "message": message}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def init(session_id: str = "n") -> dict[str, Any]:
    return {"type": "system", "subtype": "init", "session_id": session_id}


def result(**members: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, **members}


def idle() -> Playbook:
    """A claude that is ready and has named its conversation."""
    return (
        Playbook(Claude(evolve(SPEC, resume="n")), Ledger())
        >> begins()
        << writes(INITIALIZE)
        >> says(INITIALIZED)
        << NativeSessionNamed("n")
        << Ready()
    )


def prompted(number: int = 1) -> Playbook:
    return (
        idle()
        >> prompts("hi", number)
        << "S turn.started turn_1"
        << f"S item.started itm_1 user_{number} message user 'hi'"
        << f"S item.completed itm_1 user_{number} message user completed 'hi'"
        << writes(user(text("hi")))
    )


def test_prompts_wait_for_the_handshake():
    dialect = Claude(SPEC)
    named = NativeSessionNamed("1b62da80-8be8-51f0-a6b6-a61a6bb3db07", resumable=False)
    assert Playbook(dialect) >> begins() << writes(INITIALIZE) >> says(INITIALIZED) << named << Ready()
    assert "starting" not in repr(dialect)
    assert "starting" in repr(Claude(SPEC))


def test_a_refused_handshake_is_told_and_does_not_keep_prompts_back():
    refused = {"type": "control_response", "response": {"subtype": "error", "request_id": "initialize", "error": "no"}}
    assert (
        Playbook(Claude(evolve(SPEC, resume="n")))
        >> says(refused)
        << Unparsed("initialize failed: no", "claude control_response")
        << NativeSessionNamed("n")
        << Ready()
    )


def test_a_turn_opens_with_the_prompt_and_closes_with_the_result():
    assert prompted() >> says(init()) << RESUMED >> says(result()) << "turn.ended turn_1 completed"


def test_images_go_inline_and_other_files_are_named():
    image = Attachment("/d/a.png", "image/png", None, b"\x01\x02\x03")
    too_large = Attachment("/d/b.png", "image/png", None)
    notes = Attachment("/d/notes.txt", "text/plain", None)
    source = {"type": "base64", "media_type": "image/png", "data": "AQID"}
    named = text("look\n\nAttachments:\n- /d/b.png\n- /d/notes.txt")
    assert (
        Playbook(Claude(SPEC))
        >> prompts("look", 7, attachments=(image, too_large, notes))
        << TurnStarted()
        << any_of(ItemStarted)
        << any_of(ItemCompleted)
        << writes(user({"type": "image", "source": source}, named))
    )


@pytest.mark.parametrize("reason", ["aborted_streaming", "aborted_tools", None])
def test_what_we_interrupted_is_interrupted_and_no_error(reason: str | None):
    aborted = result(subtype="error_during_execution", is_error=True, terminal_reason=reason)
    assert prompted() >> interrupts() << writes(INTERRUPT) >> says(aborted) << "turn.ended turn_1 interrupted"


def test_a_turn_that_ends_before_the_interrupt_arrives_is_completed_and_the_next_may_fail():
    failed = result(subtype="error_during_execution", is_error=True, errors=["broken", 7])
    assert (
        prompted()
        >> interrupts()
        << writes(INTERRUPT)
        >> says(result())
        << "turn.ended turn_1 completed"
        >> says(init())
        << RESUMED
        << "turn.started turn_2"
        >> says(failed)
        << "error agent_error: broken; 7"
        << "turn.ended turn_2 failed"
    )


def test_an_interrupt_between_turns_writes_nothing():
    assert idle() >> interrupts()


def test_success_with_is_error_is_a_failure():
    said = result(is_error=True, api_error_status=529, result="API Error: 529")
    assert prompted() >> says(said) << "error api_error: API Error: 529" << "turn.ended turn_1 failed"


def test_a_limit_of_claudes_own_is_the_errors_code():
    said = result(subtype="error_max_turns", is_error=True)
    assert prompted() >> says(said) << "error error_max_turns: error_max_turns" << "turn.ended turn_1 failed"


def test_claudes_words_for_a_failed_request_are_no_message_of_the_model():
    words = {"type": "assistant", "message": {"id": "m", "content": [text("API Error")]}, "error": "server_error"}
    (item,) = says(words).say(Claude(evolve(SPEC, resume="n")))
    part = StatusPart("error.server_error", "API Error")
    assert item == ItemCompleted("m", "status", "system", (part,), failed=True, raw=item.raw)


@pytest.mark.parametrize("member", ["subtype", "is_error", "errors", "result", "usage", "modelUsage", "total_cost_usd"])
@pytest.mark.parametrize("value", [None, 7, "x", [1], {"a": {}}])
def test_no_member_of_a_result_keeps_it_from_ending_the_turn(member: str, value: Any):
    dialect = Claude(SPEC)
    says(INITIALIZED).say(dialect)
    dialect.prompt(Prompt(1, "hi"))
    *_, last = says(result() | {member: value}).say(dialect)
    assert isinstance(last, TurnEnded)


def test_a_turn_of_claudes_own_opens_and_closes():
    own = result(origin={"kind": "task-notification"})
    assert idle() >> says(init()) << RESUMED << "turn.started turn_1" >> says(own) << "turn.ended turn_1 completed"


def test_the_end_of_claudes_own_turn_does_not_end_the_prompts():
    own = result(origin={"kind": "task-notification"})
    assert (
        prompted()
        >> says(init())
        << RESUMED
        >> says(own)
        >> says(init())
        >> says(result())
        << "turn.ended turn_1 completed"
    )


def test_an_interrupt_that_meets_claudes_own_turn_stops_the_prompts_too():
    own = result(origin={"kind": "task-notification"}, is_error=True, terminal_reason="aborted_streaming")
    aborted = result(is_error=True, terminal_reason="aborted_streaming")
    again = INTERRUPT | {"request_id": "interrupt_2"}
    assert (
        prompted()
        >> interrupts()
        << writes(INTERRUPT)
        >> says(own)
        >> says(init())
        << RESUMED
        << writes(again)
        >> says(aborted)
        << "turn.ended turn_1 interrupted"
    )


def test_an_interrupt_before_the_turn_has_begun_is_written_again_when_it_has():
    """Claude answers the first with "success", and goes on."""
    taken = {"type": "control_response", "response": {"subtype": "success", "request_id": "interrupt_1"}}
    aborted = result(is_error=True, terminal_reason="aborted_streaming")
    assert (
        prompted()
        >> interrupts()
        << writes(INTERRUPT)
        >> says(taken)
        >> says(init())
        << RESUMED
        << writes(INTERRUPT | {"request_id": "interrupt_2"})
        >> says(aborted)
        << "turn.ended turn_1 interrupted"
        >> prompts("go on", 2)
        << "S turn.started turn_2"
        << "S item.started itm_2 user_2 message user 'go on'"
        << "S item.completed itm_2 user_2 message user completed 'go on'"
        << any_of(Write)
        >> says(init())
        >> says(result())
        << "turn.ended turn_2 completed"
    )


def test_an_interrupt_in_a_turn_that_has_begun_is_written_once():
    aborted = result(is_error=True, terminal_reason="aborted_streaming")
    assert (
        prompted()
        >> says(init())
        << RESUMED
        >> interrupts()
        << writes(INTERRUPT)
        >> says(aborted)
        << "turn.ended turn_1 interrupted"
    )


def test_a_result_between_turns_ends_nothing():
    assert idle() >> says(result())


def test_a_resume_that_fails_is_told_and_the_prompt_gets_a_process_that_starts_afresh():
    missing = result(subtype="error_during_execution", is_error=True, errors=["No conversation found"])
    details = {"status": None, "subtype": "error_during_execution", "retryable": True}
    assert (
        Playbook(Claude(evolve(SPEC, resume="gone")))
        >> says(missing)
        << Errored(ErrorData("No conversation found", "resume_failed", details), retryable=True)
        << NativeSessionNamed("1b62da80-8be8-51f0-a6b6-a61a6bb3db07", resumable=False)
        << ConversationOpened(resumed=False)
        << EndProcess()
        >> exits(1)
    )


def test_a_start_that_fails_is_not_tried_again_for_the_same_prompt():
    details = {"status": None, "subtype": "error_during_execution", "retryable": False}
    assert (
        Playbook(Claude(SPEC))
        >> says(result(subtype="error_during_execution", is_error=True, errors=["broken"]))
        << Errored(ErrorData("broken", "start_failed", details))
        << NativeSessionNamed("1b62da80-8be8-51f0-a6b6-a61a6bb3db07", resumable=False)
        >> exits(1)
    )


def test_a_conversation_is_resumable_from_its_first_answer_and_anew_after_a_clear():
    answer = {"type": "assistant", "message": {"id": "m1", "content": []}}
    assert (
        Playbook(Claude(SPEC))
        >> says(init("a"))
        << NativeSessionNamed("a", resumable=False)
        << any_of(TurnStarted)
        >> says(init("a"))
        >> says(answer)
        << NativeSessionNamed("a", resumable=True)
        >> says(init("b"))
        << NativeSessionNamed("b", resumable=False)
        >> says(answer)
        << NativeSessionNamed("b", resumable=True)
    )


@pytest.mark.parametrize(
    ("line", "error", "location"),
    [
        (b"not json", "JSON is malformed", "claude stdout"),
        (b'{"type": 5}', "Expected `str`, got `int`", "claude stdout"),
        (b'{"no": "type"}', "Object missing required field `type`", "claude stdout"),
        (b'{"type": "news"}', "unknown message type 'news'", "claude stdout"),
        (b'{"type": "system", "subtype": 7}', "a system line without a subtype: 7", "claude system"),
        (
            b'{"type": "stream_event", "event": {"type": "news"}}',
            "unexpected stream event 'news'",
            "claude stream_event",
        ),
        (b'{"type": "assistant"}', "Object missing required field `message`", "claude stdout"),
        (b'{"type": "system", "a": ' + b"[" * 100_000, "recursion", "claude stdout"),
        (b'{"type": "\xff"}', "utf-8", "claude stdout"),
    ],
    ids=lambda value: value[:30].decode("latin1") if isinstance(value, bytes) else None,
)
def test_what_is_not_known_is_unparsed_and_ends_no_turn(line: bytes, error: str, location: str):
    (unparsed,) = Claude(SPEC).receive(line)
    assert isinstance(unparsed, Unparsed)
    assert error in unparsed.error
    assert (unparsed.location, unparsed.raw) == (location, line)


def test_noise_is_silent():
    for noise in (
        {"type": "keep_alive"},
        {"type": "autocompact_state", "value": {}},
        status("thinking_tokens", estimated_tokens=1),
        status("background_tasks_changed", tasks=[]),
    ):
        assert idle() >> says(noise)


def status(subtype: str, **members: Any) -> dict[str, Any]:
    return {"type": "system", "subtype": subtype, "uuid": "u", **members}


def test_a_new_subtype_is_a_status_once_and_again_only_with_other_words():
    told: list[StatusPart] = []
    dialect = Claude(SPEC)
    for line in (
        status("new_kind", count=1),
        status("new_kind", count=2),
        status("new_kind", text="read me"),
        status("new_kind", text="read me"),
        status("new_kind", text="and me"),
        status("another"),
    ):
        for effect in says(line).say(dialect):
            assert isinstance(effect, ItemCompleted)
            told += [part for part in effect.content if isinstance(part, StatusPart)]
    assert [(part.label, part.detail) for part in told] == [
        ("new_kind", None),
        ("new_kind", "read me"),
        ("new_kind", "and me"),
        ("another", None),
    ]


def test_new_subtypes_without_end_cost_no_memory_without_end():
    news = News()
    for number in range(MOST + 10):
        assert news.told(f"{number} {'x' * LONGEST}", {"text": "y" * 10_000}) is not None
    assert len(repr(news)) < MOST * 2 * LONGEST
    assert news.told(f"0 {'x' * LONGEST}", {"text": "y" * 10_000}) is None


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (status("session_writes_lost", error_code="ENOSPC", lost=["transcript"]), '["transcript"]'),
        (status("vcs_state_changed", kind="commit", cwd="/d"), "commit"),
        (status("session_title_changed", title="A name"), "A name"),
        ({"type": "conversation_reset", "uuid": "u", "new_conversation_id": "n", "trigger": "clear"}, "clear"),
        ({"type": "conversation_reset", "uuid": "u", "new_conversation_id": "n"}, None),
    ],
)
def test_what_claude_says_of_itself_is_a_status(line: dict[str, Any], detail: str | None):
    (item,) = says(line).say(Claude(SPEC))
    assert isinstance(item, ItemCompleted)
    assert item.content == (StatusPart(line.get("subtype", line["type"]), detail),)


def test_a_turn_tells_what_it_added_to_the_sums():
    def sums(tokens: int, cost: float) -> dict[str, Any]:
        model = {"inputTokens": tokens, "outputTokens": 2 * tokens, "costUSD": cost}
        return result(total_cost_usd=cost, modelUsage={"opus": model}, num_turns=3)

    dialect = Claude(evolve(SPEC, resume="n"))
    dialect.receive(b'{"type":"control_response","response":{"subtype":"success","request_id":"initialize"}}')
    seen: list[dict[str, Any]] = []
    for line in (sums(10, 0.5), sums(15, 0.75), sums(15, 0.75)):
        ((_, effect),) = [(0, e) for e in says(line).say(dialect) if isinstance(e, TurnEnded)]
        seen.append(effect.metadata)
    assert [turn["usage"]["input_tokens"] for turn in seen] == [10, 5, 0]
    assert [turn["usage"]["output_tokens"] for turn in seen] == [20, 10, 0]
    assert [turn["cost_usd"] for turn in seen] == [0.5, 0.25, 0.0]
    assert [list(turn["models"]) for turn in seen] == [["opus"], ["opus"], []]
    assert seen[0]["num_turns"] == 3
