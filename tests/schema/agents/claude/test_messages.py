"""Content blocks to items: names, parents, and what tools returned."""

from typing import Any

import pytest

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.effects import ItemCompleted
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.items import FileRefPart, ImagePart, JsonPart, ReasoningPart, StatusPart, ToolResultPart

from ...playbook import Playbook, says
from .spec import SPEC


def event(type_: str, parent: str | None = None, **members: Any) -> Any:
    return says({"type": "stream_event", "parent_tool_use_id": parent, "event": {"type": type_, **members}})


def starts(message_id: str, parent: str | None = None) -> Any:
    return event("message_start", parent, message={"id": message_id})


def opens(index: int, parent: str | None = None, **block: Any) -> Any:
    return event("content_block_start", parent, index=index, content_block=block)


def delta(index: int, text: str, parent: str | None = None) -> Any:
    return event("content_block_delta", parent, index=index, delta={"type": "text_delta", "text": text})


def whole(message_id: str, *blocks: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    return {
        "type": "assistant",
        "parent_tool_use_id": parent,
        "message": {"id": message_id, "content": list(blocks)},
    }


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(call_id: str, name: str = "Bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def returned(call_id: str, content: Any, facts: Any = None, **members: Any) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": call_id, "content": content, **members}
    return {"type": "user", "uuid": "u", "message": {"content": [block]}, "tool_use_result": facts}


def fresh() -> Claude:
    return Claude(SPEC)


def completed(dialect: Claude, message: dict[str, Any]) -> list[ItemCompleted]:
    return [effect for effect in says(message).say(dialect) if isinstance(effect, ItemCompleted)]


def play() -> Playbook:
    """Without the effects that name the conversation: they are not what is played here."""
    dialect = fresh()
    dialect.receive(b'{"type": "assistant", "message": {"id": "m0", "content": []}}')
    return Playbook(dialect, Ledger())


def test_each_block_is_an_item_and_a_call_hangs_below_the_first():
    assert (
        play()
        >> starts("m1")
        >> opens(0, type="text")
        << "item.started itm_1 m1#0 message assistant"
        >> delta(0, "Let ")
        << "item.delta itm_1 'Let '"
        >> delta(0, "me")
        << "item.delta itm_1 'me'"
        >> says(whole("m1", text("Let me")))
        << "item.completed itm_1 m1#0 message assistant completed 'Let me'"
        >> event("content_block_stop", index=0)
        >> opens(1, type="tool_use", id="t1", name="Bash", input={})
        << "item.started itm_2 t1 tool_call assistant in itm_1"
        >> says(whole("m1", call("t1")))
        << "item.completed itm_2 t1 tool_call assistant completed in itm_1"
        >> event("message_stop")
        >> says(returned("t1", "done"))
        << "S item.started itm_3 t1#result tool_result tool in itm_2"
        << "item.completed itm_3 t1#result tool_result tool completed in itm_2"
    )


def test_blocks_that_were_not_streamed_are_numbered_as_they_come():
    dialect = fresh()
    first = completed(dialect, whole("m1", text("a"), text("b")))
    second = completed(dialect, whole("m1", text("c")))
    assert [item.native_id for item in first + second] == ["m1#0", "m1#1", "m1#2"]
    assert completed(dialect, whole("m2", text("d")))[0].native_id == "m2#0"


def test_sub_agents_that_speak_at_once_do_not_mix():
    assert (
        play()
        >> says({"type": "system", "subtype": "init"})
        << "turn.started turn_1"
        >> says(whole("m1", call("a1", "Agent"), call("a2", "Agent")))
        << "S item.started itm_1 a1 tool_call assistant"
        << "item.completed itm_1 a1 tool_call assistant completed"
        << "S item.started itm_2 a2 tool_call assistant"
        << "item.completed itm_2 a2 tool_call assistant completed"
        >> starts("s1", "a1")
        >> starts("s2", "a2")
        >> opens(0, "a1", type="text")
        << "item.started itm_3 s1#0 message assistant in itm_1"
        >> opens(0, "a2", type="text")
        << "item.started itm_4 s2#0 message assistant in itm_2"
        >> delta(0, "one", "a1")
        << "item.delta itm_3 'one'"
        >> delta(0, "two", "a2")
        << "item.delta itm_4 'two'"
        >> says(whole("s1", text("one"), parent="a1"))
        << "item.completed itm_3 s1#0 message assistant completed in itm_1 'one'"
        >> says(whole("s2", call("t1"), parent="a2"))
        << "S item.started itm_5 t1 tool_call assistant in itm_2"
        << "item.completed itm_5 t1 tool_call assistant completed in itm_2"
    )


def test_a_sub_agents_task_is_a_users_message_below_its_call():
    dialect = fresh()
    said = {"type": "user", "uuid": "u", "parent_tool_use_id": "a1", "message": {"content": [text("do it")]}}
    (item,) = completed(dialect, said)
    assert (item.native_id, item.kind, item.role, item.parent_native_id) == ("u#0", "message", "user", "a1")


@pytest.mark.parametrize("said", ["[Request interrupted by user]", "[Request interrupted by user for tool use]"])
def test_the_note_of_an_interrupt_is_no_item(said: str):
    assert completed(fresh(), {"type": "user", "uuid": "u", "message": {"content": [text(said)]}}) == []


def test_a_replayed_prompt_is_no_item():
    line = {"type": "user", "uuid": "u", "message": {"content": "hi"}, "isReplay": True}
    assert completed(fresh(), line) == []


def test_claudes_own_remark_to_the_model_is_a_system_item():
    (item,) = completed(fresh(), {"type": "user", "uuid": "u", "message": {"content": "a summary"}})
    assert (item.kind, item.role) == ("system", "system")


def test_thinking_is_public_and_what_is_redacted_private():
    items = completed(fresh(), whole("m", {"type": "thinking", "thinking": "hm"}, {"type": "redacted_thinking"}))
    assert [item.content for item in items] == [(ReasoningPart("hm", "public"),), (ReasoningPart("", "private"),)]


def test_a_block_of_a_new_kind_is_an_unknown_item_with_all_that_was_said():
    (item,) = completed(fresh(), whole("m", {"type": "server_tool_use", "id": "x"}))
    assert (item.kind, item.content) == ("unknown", (JsonPart({"type": "server_tool_use", "id": "x"}),))


def test_arguments_are_the_models_own_json():
    written = b'{"b":1.0,"a":"\\u00e9"}'
    block = b'{"type":"tool_use","id":"t","name":"N","input":%b}' % written
    line = b'{"type":"assistant","message":{"id":"m","content":[%b]}}' % block
    (item, *_) = [e for e in fresh().receive(line) if isinstance(e, ItemCompleted)]
    assert item.content[0].arguments == written.decode()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("plain", (ToolResultPart("t", "plain"),)),
        (None, (ToolResultPart("t", ""),)),
        ([], (ToolResultPart("t", ""),)),
        ([text("a"), text("b")], (ToolResultPart("t", "a\nb"),)),
        (
            [text("a"), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}],
            (ToolResultPart("t", "a"), ImagePart("data:image/png;base64,AA==", "image/png")),
        ),
        ([{"type": "image", "source": {"type": "url", "url": "http://x/y"}}],
         (ToolResultPart("t", ""), ImagePart("http://x/y"))),
        ([{"type": "document", "title": "x"}], (ToolResultPart("t", '{"type":"document","title":"x"}'),)),
    ],
)  # fmt: skip
def test_a_result_is_told_as_text_and_images(content: Any, parts: tuple[Any, ...]):
    (item,) = completed(fresh(), returned("t", content))
    assert item.content == parts
    assert item.failed is False


def test_a_failed_edit_touched_no_file():
    dialect = fresh()
    completed(dialect, whole("m", call("t", "Edit", file_path="/a")))
    (item,) = completed(dialect, returned("t", "no", "Error: no", is_error=True))
    assert item.failed
    assert item.content == (ToolResultPart("t", "no"),)


@pytest.mark.parametrize(("tool", "action"), [("Read", "read"), ("Write", "write"), ("Edit", "patch")])
def test_a_sub_agents_edit_names_its_file_though_its_result_has_no_facts(tool: str, action: Any):
    dialect = fresh()
    completed(dialect, whole("m", call("t", tool, file_path="/a")))
    (item,) = completed(dialect, returned("t", "ok"))
    assert item.content[1:] == (FileRefPart("/a", action),)


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({"subtype": "status", "status": "compacting"}, StatusPart("status", "compacting")),
        ({"subtype": "status", "status": None, "permissionMode": "plan"}, StatusPart("permission_mode", "plan")),
        (
            {"subtype": "api_retry", "attempt": 2, "max_retries": 10, "retry_delay_ms": 1500, "error_status": 529,
             "error": "overloaded"},
            StatusPart("api_retry", "overloaded (HTTP 529): attempt 2 of 10 in 1.5 s"),
        ),
        ({"subtype": "task_updated", "patch": {"status": "x"}}, StatusPart("task_updated", '{"status":"x"}')),
        ({"subtype": "task_notification", "summary": "done"}, StatusPart("task_notification", "done")),
        ({"subtype": "compact_boundary"}, StatusPart("compact_boundary")),
    ],
)  # fmt: skip
def test_system_lines_become_status_items(facts: dict[str, Any], part: StatusPart):
    (item,) = completed(fresh(), {"type": "system", "uuid": "u", **facts})
    assert (item.native_id, item.kind, item.role, item.content) == ("u", "status", "system", (part,))


def test_a_rate_limit_is_told_only_when_it_is_near():
    fine, near = {"status": "allowed"}, {"status": "allowed_warning", "utilization": 0.9}
    assert completed(fresh(), {"type": "rate_limit_event", "uuid": "u", "rate_limit_info": fine}) == []
    (item,) = completed(fresh(), {"type": "rate_limit_event", "uuid": "u", "rate_limit_info": near})
    assert item.content == (StatusPart("rate_limit", '{"status":"allowed_warning","utilization":0.9}'),)
