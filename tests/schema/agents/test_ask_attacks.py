"""An agent that asks so that a human would allow what he has not seen. Every dialect, the same attacks."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, frozen

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import AgentSpec, Dialect, HttpResponse, Prompt
from sandbox_agent.schema.agents.effects import (
    CallHttp,
    Effect,
    PermissionRefused,
    RequestPermission,
    RequestQuestion,
    Write,
)
from sandbox_agent.schema.agents.mock.dialect import Mock
from sandbox_agent.schema.agents.opencode.dialect import OpenCode

SPEC = AgentSpec("s", ("agent",), "/w", "build", "default", "seed")

Ask = Callable[[str, Any], bytes]
"""The line that asks under an id about an input."""


@frozen
class Agent:
    name: str
    make: Callable[[AgentSpec], Dialect]
    ask: Ask

    def hear(self, dialect: Dialect, request_id: str, said: Any) -> list[Effect]:
        line = self.ask(request_id, said)
        return list(dialect.streamed(line) if isinstance(dialect, OpenCode) else dialect.receive(line))


def _line(message: Any) -> bytes:
    return json.dumps(message).encode()


def _claude(request_id: str, said: Any) -> bytes:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": said, "tool_use_id": "t"}
    return _line({"type": "control_request", "request_id": request_id, "request": request})


def _codex(request_id: str, said: Any) -> bytes:
    meta = {"codex_approval_kind": "mcp_tool_call", "tool_name": "echo", "tool_params": said}
    params = {"threadId": "T", "serverName": "lab", "mode": "form", "_meta": meta, "message": "?"}
    return _line({"method": "mcpServer/elicitation/request", "id": request_id, "params": params})


def _opencode(request_id: str, said: Any) -> bytes:
    properties = {"id": request_id, "permission": "bash", "patterns": ["x"], "metadata": said, "always": ["*"]}
    return _line({"id": "e", "type": "permission.asked", "properties": properties})


def _mock(request_id: str, said: Any) -> bytes:
    return _line({"type": "permission", "id": request_id, "action": "run", "metadata": said})


AGENTS = [
    Agent("claude", Claude, _claude),
    Agent("codex", Codex, _codex),
    Agent("opencode", OpenCode, _opencode),
    Agent("mock", Mock, _mock),
]
LS, RM = {"command": "ls"}, {"command": "rm -rf /"}

every_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)


def answers(effects: list[Effect]) -> list[str]:
    """What goes to the agent."""
    return [
        (effect.data if isinstance(effect, Write) else effect.body or b"").decode()
        for effect in effects
        if isinstance(effect, Write | CallHttp)
    ]


def allows(said: str) -> bool:
    return any(word in said for word in ('"allow"', '"accept"', '"once"'))


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@every_agent
def test_a_request_id_that_is_used_again_swaps_nothing(agent: Agent):
    dialect = agent.make(SPEC)
    (first,) = agent.hear(dialect, "r", LS)
    second = agent.hear(dialect, "r", RM)
    assert isinstance(first, RequestPermission)
    approvals = [effect for effect in second if isinstance(effect, RequestPermission | PermissionRefused)]
    assert len(approvals) == 1
    assert approvals[0].permission_id != first.permission_id
    assert not any(map(allows, answers(second)))
    (answer,) = answers(list(dialect.answer_permission(first.permission_id, "once")))
    assert allows(answer)
    assert "rm -rf" not in answer
    if agent.name == "claude":
        assert '"updatedInput":{"command": "ls"}' in answer


@every_agent
def test_a_request_id_that_is_used_again_after_its_answer_is_another_ask(agent: Agent):
    """Who clicks twice has allowed the first."""
    dialect = agent.make(SPEC)
    (first,) = agent.hear(dialect, "r", LS)
    assert isinstance(first, RequestPermission)
    dialect.answer_permission(first.permission_id, "once")
    (second,) = agent.hear(dialect, "r", RM)
    assert isinstance(second, RequestPermission)
    assert second.permission_id != first.permission_id
    assert answers(list(dialect.answer_permission(first.permission_id, "once"))) == [] or agent.name == "mock"
    (answer,) = answers(list(dialect.answer_permission(second.permission_id, "reject")))
    assert not allows(answer)


@every_agent
@pytest.mark.parametrize("levels", [200, 970, 3000])
def test_an_input_that_is_nested_too_deeply_is_refused_with_a_reason_and_told(agent: Agent, levels: int):
    dialect = agent.make(SPEC)
    text = b'{"a":' * levels + b"1" + b"}" * levels
    line = agent.ask("r", "DEEP").replace(b'"DEEP"', text)
    effects = list(dialect.streamed(line) if isinstance(dialect, OpenCode) else dialect.receive(line))
    (refused,) = [effect for effect in effects if isinstance(effect, PermissionRefused)]
    assert "too deeply" in refused.reason
    assert len(refused.shown["input"]) <= 4096
    (answer,) = answers(effects)
    assert not allows(answer)


@every_agent
def test_an_input_that_is_just_not_too_deep_is_asked_about(agent: Agent):
    (ask,) = agent.hear(agent.make(SPEC), "r", nested(100))
    assert isinstance(ask, RequestPermission)


@every_agent
def test_an_always_leaves_nothing_with_the_agent(agent: Agent):
    """The daemon remembers it: what an agent keeps is broader, and cannot be taken back."""
    if agent.name == "mock":
        return  # ours; it keeps nothing
    dialect = agent.make(SPEC)
    replies: list[str] = []
    for request_id, reply in (("a", "once"), ("b", "always")):
        (ask,) = agent.hear(dialect, request_id, LS)
        assert isinstance(ask, RequestPermission)
        replies += answers(list(dialect.answer_permission(ask.permission_id, reply)))  # type: ignore[arg-type]
    once, always = replies
    assert always.replace('"b"', '"a"') == once


def test_an_id_that_no_command_could_name_is_not_taken():
    (ask,) = AGENTS[0].hear(Claude(SPEC), "x" * 5000, LS)
    assert isinstance(ask, RequestPermission)
    assert len(ask.permission_id) < 256


def test_codexs_ids_zero_and_the_word_zero_are_two():
    dialect = Codex(SPEC)
    asked = [next(iter(dialect.receive(_codex("R", LS).replace(b'"R"', said)))) for said in (b"0", b'"0"')]
    ids = [ask.permission_id for ask in asked if isinstance(ask, RequestPermission)]
    assert len(set(ids)) == 2
    answered = [json.loads(answers(list(dialect.answer_permission(ask, "once")))[0])["id"] for ask in ids]
    assert answered == [0, "0"]


def test_what_opencode_lists_again_is_not_asked_again_but_another_under_that_id_is():
    dialect = OpenCode(SPEC)
    first = AGENTS[2].hear(dialect, "r", LS)
    assert AGENTS[2].hear(dialect, "r", LS) == []
    assert isinstance(first[0], RequestPermission)
    dialect.answer_permission(first[0].permission_id, "once")
    assert AGENTS[2].hear(dialect, "r", LS) == []
    assert len(AGENTS[2].hear(dialect, "r", RM)) == 1


def test_a_list_of_asks_that_cannot_be_read_stops_opencodes_turn():
    dialect = OpenCode(SPEC)
    dialect.responded("session", HttpResponse(200, b'{"id":"ses"}'))
    dialect.prompt(Prompt(1, "hi"))
    deep = b"[" + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]"
    effects = list(dialect.responded("permission 1", HttpResponse(200, deep)))
    assert any(isinstance(effect, CallHttp) and effect.path.endswith("/abort") for effect in effects)


def test_two_questions_of_one_tool_call_are_two():
    asked = {"questions": [{"question": "Delete?", "options": [{"label": "No"}]}]}
    other = {"questions": [{"question": "Delete all?", "options": [{"label": "No"}]}]}
    dialect, ids = Claude(SPEC), []
    for request_id, said in (("a", asked), ("b", other)):
        line = _claude(request_id, said).replace(b'"Bash"', b'"AskUserQuestion"')
        (ask,) = dialect.receive(line)
        assert isinstance(ask, RequestQuestion)
        ids.append(ask.data.question_id)
    assert len(set(ids)) == 2
    (answer,) = answers(list(dialect.answer_question(ids[0], [["No"]])))
    assert '"Delete?"' in answer


@pytest.mark.parametrize("mode", ["default", "acceptEdits"])
def test_amps_edits_are_accepted_by_the_mode_only_where_it_is_known_what_they_touch(mode: str):
    dialect = Amp(evolve(SPEC, permission_mode=mode))
    tools = {"edit_file": {"path": "a"}, "shell_command": {"command": "x"}, "apply_patch": {"patchText": "?"}}
    inside = {}
    for hook_id, (tool, said) in enumerate(tools.items()):
        (ask,) = dialect.hooked(f"h{hook_id}", {"tool": tool, "input": said})
        assert isinstance(ask, RequestPermission)
        assert ask.always is not None
        inside[tool] = ask.accept_inside and bool(ask.always.paths)
    assert inside == {"edit_file": mode == "acceptEdits", "shell_command": False, "apply_patch": False}
