"""Events and asks with secrets in them: what is masked, what is told of it, and what must stay to be answered."""

import json
from typing import Any

import msgspec

from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EncodedEvent, EventEncoder
from sandbox_agent.schema.events import (
    EventData,
    EventType,
    ItemEventData,
    PermissionEventData,
    QuestionEventData,
    QuestionOption,
    QuestionPart,
    SessionEndedData,
    StderrOutput,
)
from sandbox_agent.schema.items import JsonPart, ToolCallPart, UniversalItem
from sandbox_agent.schema.redaction.events import masked_approval, masked_event, unmasked_answers
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import certain

KEY = "q9X2vL7pT4mZ8rK1wB6n"
OTHER = "Another-Key-9-of-16"
REDACTOR = Redactor([*certain(KEY), *certain(OTHER)])
CODEC = Codec()


def encoded(type_: EventType, data: EventData, raw: Any = None) -> EncodedEvent:
    encoder = EventEncoder(f"s-{KEY}", CODEC)
    encoder.native_session_id = f"native-{KEY}"
    line = None if raw is None else msgspec.json.encode(raw)
    return encoder.encode(7, "2026-11-29T00:00:00Z", type_, data, synthetic=False, raw=line)


def masked(type_: EventType, data: EventData, raw: Any = None) -> dict[str, Any]:
    return dict(json.loads(masked_event(REDACTOR, encoded(type_, data, raw)).full))


def test_an_event_without_a_secret_is_the_same_object():
    item = UniversalItem("i", KEY, None, "message", "assistant", (JsonPart({"a": 1.5}),), "completed")
    event = encoded("item.completed", ItemEventData(item), {"said": "nothing"})
    assert masked_event(REDACTOR, event) is event


def test_texts_are_masked_and_names_are_not():
    parts = (ToolCallPart("Bash", json.dumps({"code": f"echo {KEY}"}), KEY), JsonPart({"type": KEY, KEY: [KEY]}))
    item = UniversalItem("i", KEY, KEY, "tool_call", "assistant", parts, "completed")
    event = masked("item.completed", ItemEventData(item), {"type": "x", "key": KEY})
    shown = event["data"]["item"]
    assert (shown["native_item_id"], shown["parent_id"], shown["content"][0]["call_id"]) == (KEY, KEY, KEY)
    assert shown["content"][0]["arguments"] == '{"code": "echo [redacted]"}'
    assert shown["content"][1]["json"] == {"type": "[redacted]", "[redacted]": ["[redacted]"]}
    assert event["raw"] == {"type": "x", "key": "[redacted]"}
    assert (event["session_id"], event["native_session_id"]) == (f"s-{KEY}", f"native-{KEY}")
    assert event["sequence"] == 7


def test_the_end_of_a_session_tells_no_secret():
    data = SessionEndedData("error", "agent", f"bad key {KEY}", 1, StderrOutput(head=f"key {KEY}"))
    assert KEY not in json.dumps(masked("session.ended", data)["data"])


def test_an_ask_with_a_secret_says_that_it_is_not_all_shown():
    data = PermissionEventData(KEY, "Bash", "requested", {"input": {"command": f"curl -H {KEY}"}})
    event = masked("permission.requested", data)
    assert event["data"]["permission_id"] == KEY  # by which it is answered
    assert event["data"]["metadata"] == {"input": {"command": "curl -H [redacted]"}, "redacted": True}
    shown = masked_approval(REDACTOR, CODEC, data)
    assert CODEC.plain(shown) == event["data"]
    plain = PermissionEventData("p", "Bash", "requested", {"input": {"command": "ls"}})
    assert masked_approval(REDACTOR, CODEC, plain) is plain


def test_an_answer_in_labels_that_were_masked_reaches_the_agent_in_its_own():
    options = tuple(QuestionOption(label) for label in (f"use {KEY}", f"use {OTHER}", "none"))
    part = QuestionPart(f"Is {KEY} right?", options)
    data = QuestionEventData("q", part.question, tuple(o.label for o in options), None, "requested", (part, part))
    shown = masked_approval(REDACTOR, CODEC, data)
    assert isinstance(shown, QuestionEventData)
    assert shown.redacted is True
    assert shown.options == ("use [redacted]", "use [redacted] (2)", "none")
    assert shown.questions is not None
    assert tuple(option.label for option in shown.questions[1].options) == shown.options
    answers = (("use [redacted] (2)", "none"), ("use [redacted]", "my own [redacted] words"))
    assert unmasked_answers(shown, data, answers) == (
        (f"use {OTHER}", "none"),
        (f"use {KEY}", "my own [redacted] words"),
    )


def test_the_one_question_of_an_old_wire_is_answered_in_its_own_labels_too():
    data = QuestionEventData("q", "Which?", (KEY, OTHER), None, "requested")
    shown = masked_approval(REDACTOR, CODEC, data)
    assert isinstance(shown, QuestionEventData)
    assert unmasked_answers(shown, data, (("[redacted]",),)) == ((KEY,),)
