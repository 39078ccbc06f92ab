"""Every kind of codex's items, and what a client sees of it. The recorded transcripts hold the common ones."""

from typing import Any

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.codex.errors import error_data
from sandbox_agent.schema.agents.codex.tools import bare_command, file_refs
from sandbox_agent.schema.agents.effects import ItemCompleted
from sandbox_agent.schema.agents.ledger import EventDraft, Ledger
from sandbox_agent.schema.items import (
    FileRefPart,
    ImagePart,
    JsonPart,
    ReasoningPart,
    StatusPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)

from ...playbook import Playbook, says
from .spec import SPEC


def notice(method: str, **params: Any) -> Any:
    return says({"method": method, "params": {"threadId": "T", **params}})


def lived(item: dict[str, Any], *between: Any) -> list[EventDraft]:
    """An item from start to end."""
    dialect, ledger = Codex(SPEC), Ledger()
    said = [notice("item/started", item=item | {"status": "inProgress"}), *between, notice("item/completed", item=item)]
    return [event for one in said for effect in one.say(dialect) for event in ledger.apply(effect)]


def completed(item: dict[str, Any], *between: Any) -> list[tuple[Any, ...]]:
    items = [event.data.item for event in lived(item, *between) if event.type == "item.completed"]
    return [(item.kind, item.role, item.status, item.content) for item in items]


def call(name: str, arguments: str) -> tuple[Any, ...]:
    return ("tool_call", "assistant", "completed", (ToolCallPart(name, arguments, "i"),))


def result(output: str, *more: Any, status: str = "completed") -> tuple[Any, ...]:
    return ("tool_result", "tool", status, (ToolResultPart("i", output), *more))


STATES = {"sub": {"status": "completed", "message": "done"}}
PICTURE = "data:image/png;base64,cGlj"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "agentMessage", "text": "hi"}, [("message", "assistant", "completed", (TextPart("hi"),))]),
        ({"type": "plan", "text": "1."}, [("message", "assistant", "completed", (TextPart("1."),))]),
        (
            {"type": "reasoning", "summary": ["in short"], "content": ["at length"]},
            [
                (
                    "message",
                    "assistant",
                    "completed",
                    (ReasoningPart("in short", "public"), ReasoningPart("at length", "private")),
                )
            ],
        ),
        ({"type": "reasoning", "summary": [], "content": []}, []),
        (
            {"type": "commandExecution", "command": "ls", "cwd": "/w", "status": "declined", "exitCode": None},
            [
                call("shell", '{"command":"ls","cwd":"/w"}'),
                result("", JsonPart({"exit_code": None, "status": "declined", "duration_ms": None}), status="failed"),
            ],
        ),
        (
            {"type": "fileChange", "changes": [], "status": "declined"},
            [call("apply_patch", '{"changes":[]}'), result("declined", status="failed")],
        ),
        (
            {
                "type": "mcpToolCall",
                "server": "s",
                "tool": "t",
                "arguments": {"a": 1},
                "status": "completed",
                "result": {
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image", "data": "cGlj", "mimeType": "image/png"},
                        {"type": "new"},
                    ]
                },
            },
            [call("s.t", '{"a":1}'), result('x\n{"type":"new"}', ImagePart(PICTURE, "image/png"))],
        ),
        (
            {"type": "mcpToolCall", "server": "s", "tool": "t", "status": "failed", "error": {"message": "no"}},
            [call("s.t", "{}"), result("no", status="failed")],
        ),
        (
            {
                "type": "dynamicToolCall",
                "tool": "t",
                "arguments": {},
                "status": "completed",
                "success": False,
                "contentItems": [{"type": "inputText", "text": "x"}, {"type": "inputImage", "imageUrl": PICTURE}],
            },
            [call("t", "{}"), result("x", ImagePart(PICTURE), status="failed")],
        ),
        (
            {"type": "collabAgentToolCall", "tool": "wait", "prompt": "go", "agentsStates": STATES},
            [call("wait", '{"prompt":"go"}'), result("done", JsonPart(STATES))],
        ),
        (
            {"type": "webSearch", "query": "trio", "action": {"type": "search"}, "results": [1]},
            [call("web_search", '{"query":"trio","action":{"type":"search"}}'), result("", JsonPart([1]))],
        ),
        (
            {"type": "imageView", "path": "/w/p.png"},
            [
                call("view_image", '{"path":"/w/p.png"}'),
                result("", ImagePart("/w/p.png"), FileRefPart("/w/p.png", "read")),
            ],
        ),
        (
            {"type": "imageGeneration", "revisedPrompt": "a cat", "savedPath": "/w/c.png"},
            [call("image_generation", '{"revisedPrompt":"a cat"}'), result("", ImagePart("/w/c.png"))],
        ),
        (
            {"type": "imageGeneration", "result": "cGlj"},
            [call("image_generation", "{}"), result("", ImagePart(PICTURE, "image/png"))],
        ),
        (
            {"type": "imageGeneration", "failure": "refused"},
            [call("image_generation", "{}"), result("refused", status="failed")],
        ),
        (
            {"type": "userMessage", "clientId": None, "content": [{"type": "text", "text": "steered"}]},
            [("message", "user", "completed", (TextPart("steered"),))],
        ),
        ({"type": "userMessage", "clientId": "user_1", "content": []}, []),
        (
            {"type": "hookPrompt", "fragments": [{"text": "a"}, {"text": "b"}]},
            [("system", "system", "completed", (TextPart("a\nb"),))],
        ),
        ({"type": "functionCallOutput", "output": "x"}, [result("x")]),
        (
            {"type": "contextCompaction"},
            [("status", "system", "completed", (StatusPart("thread.compacted"),))],
        ),
        (
            {"type": "enteredReviewMode", "review": "all"},
            [("status", "system", "completed", (StatusPart("review.entered", "all"),))],
        ),
        (
            {"type": "exitedReviewMode", "review": "fine"},
            [("status", "system", "completed", (StatusPart("review.exited", "fine"),))],
        ),
        (
            {"type": "subAgentActivity", "kind": "started", "agentPath": "/a"},
            [("status", "system", "completed", (StatusPart("sub_agent.started", "/a"),))],
        ),
        (
            {"type": "sleep", "durationMs": 5},
            [("status", "system", "completed", (StatusPart("sleep", "5 ms"),))],
        ),
        (
            {"type": "news", "a": 1},
            [("unknown", None, "completed", (JsonPart({"type": "news", "a": 1, "id": "i"}),))],
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_each_kind_of_item(item: dict[str, Any], expected: list[tuple[Any, ...]]):
    assert completed(item | {"id": "i"}) == expected
    events = lived(item | {"id": "i"})
    started = [event for event in events if event.type == "item.started"]
    assert len(started) == len(expected), "each is started once and completed once"


def test_the_parts_of_a_summary_are_lines():
    item = {"type": "reasoning", "id": "i", "summary": ["one", "two"], "content": []}
    between = [
        notice("item/reasoning/summaryPartAdded", itemId="i", summaryIndex=0),
        notice("item/reasoning/summaryTextDelta", itemId="i", delta="one", summaryIndex=0),
        notice("item/reasoning/summaryPartAdded", itemId="i", summaryIndex=1),
        notice("item/reasoning/summaryTextDelta", itemId="i", delta="two", summaryIndex=1),
    ]
    events = lived(item, *between)
    assert "".join(event.data.delta for event in events if event.type == "item.delta") == "one\ntwo"


def test_a_sub_agents_items_hang_below_the_call_that_made_it():
    spawn = {"type": "collabAgentToolCall", "id": "s", "tool": "spawnAgent", "receiverThreadIds": ["sub"]}
    said = {"type": "agentMessage", "id": "m", "text": "hi"}
    dialect = Codex(SPEC)
    notice("item/completed", item=spawn).say(dialect)
    (effect,) = says({"method": "item/completed", "params": {"threadId": "sub", "item": said}}).say(dialect)
    assert isinstance(effect, ItemCompleted)
    assert effect.parent_native_id == "s"


@pytest.mark.parametrize(
    ("method", "params", "content"),
    [
        ("warning", {"message": "m"}, (StatusPart("warning", "m"),)),
        ("guardianWarning", {"message": "m"}, (StatusPart("guardian.warning", "m"),)),
        ("configWarning", {"summary": "m"}, (StatusPart("config.warning", "m"),)),
        ("item/mcpToolCall/progress", {"message": "m"}, (StatusPart("mcp.progress", "m"),)),
        ("turn/diff/updated", {"diff": "d"}, (StatusPart("turn.diff.updated", "d"),)),
        ("turn/plan/updated", {"plan": []}, (StatusPart("turn.plan.updated"), JsonPart({"plan": []}))),
        (
            "model/rerouted",
            {"fromModel": "a", "toModel": "b", "reason": "c"},
            (StatusPart("model.rerouted", "a to b: c"),),
        ),
        (
            "mcpServer/startupStatus/updated",
            {"name": "lab", "status": "failed", "error": "e"},
            (StatusPart("mcp.failed", "lab: e"),),
        ),
        (
            "hook/completed",
            {"run": {"eventName": "stop", "status": "failed", "statusMessage": "m"}},
            (StatusPart("hook.failed", "stop: m"),),
        ),
        (
            "item/autoApprovalReview/completed",
            {"review": {"status": "denied", "rationale": "m"}},
            (StatusPart("approval.denied", "m"),),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_notification_that_is_told(method: str, params: dict[str, Any], content: tuple[Any, ...]):
    expected = ItemCompleted("status_seed_1", "status", "system", content)
    assert Playbook(Codex(SPEC)) >> notice(method, **params) << expected


def test_what_went_well_is_not_told():
    dialect = Codex(SPEC)
    assert not notice("mcpServer/startupStatus/updated", name="lab", status="ready").say(dialect)
    assert not notice("hook/completed", run={"status": "completed"}).say(dialect)
    notice("turn/diff/updated", diff="d").say(dialect)
    assert not notice("turn/diff/updated", diff="d").say(dialect), "codex repeats it"


@pytest.mark.parametrize(
    ("command", "bare"),
    [
        ("/bin/bash -lc 'touch \"a b\"'", 'touch "a b"'),
        ("bash -c ls", "ls"),
        ("/usr/bin/zsh -lc 'a; b'", "a; b"),
        ("python3 -c 'print()'", "python3 -c 'print()'"),
        ("/bin/bash -lc ls extra", "/bin/bash -lc ls extra"),
        ("an 'open quote", "an 'open quote"),
        (None, "null"),
    ],
)
def test_a_command_is_told_without_the_shell_around_it(command: Any, bare: str):
    assert bare_command(command) == bare


def test_changes_of_a_shape_that_we_do_not_know_are_left_out():
    assert file_refs([{"path": "/a"}, 7, None, {"diff": "x"}]) == file_refs(None) == file_refs("x") == ()
    moved = {"path": "/a", "kind": {"type": "update", "move_path": "/b"}, "diff": "@@\n-x\n+y\n\n\nMoved to: /b"}
    assert file_refs([moved]) == (FileRefPart("/b", "patch", "--- /a\n+++ /b\n@@\n-x\n+y\n"),)


@pytest.mark.parametrize(
    ("info", "code", "status", "kind"),
    [
        ("unauthorized", "api_error", None, "unauthorized"),
        ({"httpConnectionFailed": {"httpStatusCode": 502}}, "api_error", 502, "httpConnectionFailed"),
        ({"responseStreamDisconnected": {"httpStatusCode": None}}, "api_error", None, "responseStreamDisconnected"),
        ("sandboxError", "agent_error", None, "sandboxError"),
        ({"activeTurnNotSteerable": {"turnKind": "x"}}, "agent_error", None, "activeTurnNotSteerable"),
        (None, "agent_error", None, None),
        (7, "agent_error", None, 7),
        ({}, "agent_error", None, {}),
    ],
    ids=str,
)
def test_errors_by_their_source(info: Any, code: str, status: Any, kind: Any):
    error = error_data({"message": "m", "codexErrorInfo": info}, retryable=True)
    assert (error.message, error.code) == ("m", code)
    assert error.details == {"status": status, "kind": kind, "retryable": True}


def test_an_error_without_words_has_some():
    assert error_data({}, retryable=False).message == "codex reports an error without words"
    assert error_data({"message": "{not JSON"}, retryable=False).message == "{not JSON"
