"""The command line and the thread: every mode, and nothing that the user did not ask for. The list of models."""

import json
from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.codex.definition import DEFINITION
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.codex.launch import thread_request
from sandbox_agent.schema.agents.codex.models import model_requests, models, next_page_request, read_page
from sandbox_agent.schema.agents.codex.requests import turn_request
from sandbox_agent.schema.agents.dialect import Attachment, Prompt
from sandbox_agent.schema.api.agent_info import AgentModelInfo

from .spec import SPEC

LAUNCH = (
    "codex app-server -c tools.update_plan.enabled=true -c suppress_unstable_features_warning=true"
    " --enable default_mode_request_user_input --disable plugins"
    ' -c projects={"/sandbox/work"={trust_level="trusted"}}'
)


def thread(**changes: Any) -> dict[str, Any]:
    spec = evolve(SPEC, **changes)
    return thread_request(spec, "thread_1", spec.resume)["params"]


def turn(*attachments: Attachment, **changes: Any) -> dict[str, Any]:
    return turn_request(evolve(SPEC, **changes), "turn_1", "T", "gpt", Prompt(1, "hi", attachments))["params"]


def test_the_command_line_and_the_environment_leave_the_users_word_alone():
    launch = Codex(SPEC).launch()
    assert " ".join(launch.argv) == LAUNCH
    assert launch.env == {}
    assert launch.defaults == {"RUST_LOG": "off"}


@pytest.mark.parametrize(
    ("permission_mode", "approval", "sandbox"),
    [
        ("default", "on-request", "workspace-write"),
        ("plan", "untrusted", "read-only"),
        ("bypass", "never", "danger-full-access"),
        ("acceptEdits", "on-request", "workspace-write"),
    ],
)
def test_permission_modes(permission_mode: str, approval: str, sandbox: str):
    expected = {"cwd": "/sandbox/work", "approvalPolicy": approval, "sandbox": sandbox}
    assert thread(permission_mode=permission_mode) == expected | {"threadSource": "user"}
    assert thread(permission_mode=permission_mode, resume="T") == expected | {"threadId": "T", "excludeTurns": True}


def test_the_default_model_is_the_users_or_codexs_own_choice():
    assert thread(model="default") == thread(model=None) == thread()
    assert thread(model="gpt-5.5")["model"] == "gpt-5.5"


def test_the_effort_goes_with_the_turn():
    assert "effort" not in turn()
    assert turn(variant="high")["effort"] == "high"


def test_plan_mode_is_said_in_every_turn():
    assert "collaborationMode" not in turn()
    settings = {"model": "gpt", "reasoning_effort": "high", "developer_instructions": None}
    assert turn(agent_mode="plan", variant="high")["collaborationMode"] == {"mode": "plan", "settings": settings}
    assert turn(agent_mode="plan", model="mine")["collaborationMode"]["settings"]["model"] == "mine"


def test_images_go_inline_or_by_path_and_other_files_are_named():
    inline = Attachment("/w/a.png", "image/png", None, b"pic")
    by_path = Attachment("/w/b.png", "image/png", None)
    notes = Attachment("/w/notes.txt", None, None)
    assert turn(inline, by_path, notes)["input"] == [
        {"type": "text", "text": "hi\n\nAttachments:\n- /w/notes.txt", "text_elements": []},
        {"type": "image", "url": "data:image/png;base64,cGlj"},
        {"type": "localImage", "path": "/w/b.png"},
    ]


def test_the_definition_offers_what_the_dialect_knows():
    definition = DEFINITION
    assert definition.permission_modes == ("default", "plan", "bypass", "acceptEdits")
    assert [mode.id for mode in definition.modes] == ["build", "plan"]
    assert definition.models[0].id == definition.default_model == "default"
    assert not definition.refuses_bypass_as_root
    assert not definition.capabilities.shared_process


def test_the_requests_for_the_models_are_two_lines():
    first, second = (json.loads(line) for line in model_requests())
    assert first["method"] == "initialize"
    assert second == {"id": "model_list", "method": "model/list", "params": {"cursor": None}}
    assert json.loads(next_page_request("c"))["params"] == {"cursor": "c"}


SOL: dict[str, Any] = {
    "id": "sol",
    "displayName": "Sol",
    "hidden": False,
    "defaultReasoningEffort": "low",
    "supportedReasoningEfforts": [{"reasoningEffort": "low"}, {"reasoningEffort": "high"}],
}


def test_a_page_of_models():
    page = read_page(json.dumps({"id": "model_list", "result": {"data": [SOL], "nextCursor": "c"}}).encode())
    assert page is not None
    assert page.models == (AgentModelInfo("sol", "Sol", ("low", "high"), "low"),)
    assert page.next_cursor == "c"


def test_the_last_page_has_no_cursor_and_other_lines_are_no_page():
    last = read_page(b'{"id": "model_list", "result": {"data": [], "nextCursor": null}}')
    assert last is not None
    assert (last.models, last.next_cursor) == ((), None)
    assert read_page(b'{"id": "initialize", "result": {}}') is None
    assert read_page(b'{"method": "configWarning", "params": {}}') is None


def test_a_refused_list_is_told_in_codexs_words():
    with pytest.raises(ValueError, match="not today"):
        read_page(b'{"id": "model_list", "error": {"code": 1, "message": "not today"}}')


def test_hidden_models_are_left_out_and_odd_ones_keep_what_is_known():
    odd = {"id": "odd", "supportedReasoningEfforts": "?", "displayName": 7}
    assert models({"data": [{**SOL, "hidden": True}, odd, {"id": 7}, None]}) == (AgentModelInfo("odd"),)
    assert models(None) == models({"data": "x"}) == ()
