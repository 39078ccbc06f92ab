"""A gateway that gives every call and every message the same id. Every dialect tells each of them all the same, and
each result with its own call."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from attrs import evolve, frozen

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import AgentSpec, Dialect, HttpResponse, Prompt
from sandbox_agent.schema.agents.effects import (
    Effect,
    PermissionRefused,
    RequestPermission,
    RequestQuestion,
    WithdrawApproval,
    Write,
)
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.agents.opencode.dialect import OpenCode
from sandbox_agent.schema.events import ItemEventData
from sandbox_agent.schema.items import StatusPart, ToolCallPart, ToolResultPart, UniversalItem

from ..playbook import DRAFTS

SPEC = AgentSpec("s", ("agent",), "/w", "build", "default", "seed")
ID = "call_0"


class Talk:
    """What one process of an agent says of its work, and what becomes of it. ``items`` are the completed ones."""

    def __init__(self, dialect: Dialect, ledger: Ledger, seed: str) -> None:
        self.dialect = dialect
        self.seed = seed
        self.last = ""
        self.ledger = ledger
        self.items: list[UniversalItem] = []
        self.effects: list[Effect] = []

    def hear(self, *messages: Any) -> None:
        for message in messages:
            line = json.dumps(message).encode()
            if isinstance(self.dialect, OpenCode):
                self.take(self.dialect.streamed(line))
            else:
                self.take(self.dialect.receive(line))

    def take(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.effects.append(effect)
            for event in self.ledger.apply(effect) if isinstance(effect, DRAFTS) else ():
                if event.type == "item.completed" and isinstance(event.data, ItemEventData):
                    self.items.append(event.data.item)

    def pairs(self) -> list[tuple[str, str]]:
        """The command of each result's call, and the result. Their ids agree, and no other item has them."""
        calls = {item.item_id: item for item in self.items if item.kind == "tool_call"}
        found: list[tuple[str, str]] = []
        for item in self.items:
            if item.kind == "tool_result":
                (call,) = [part for part in calls[item.parent_id or ""].content if isinstance(part, ToolCallPart)]
                (result,) = [part for part in item.content if isinstance(part, ToolResultPart)]
                assert call.call_id == result.call_id
                found.append((json.loads(call.arguments)["command"], result.output))
        for ids in ([item.native_item_id for item in self.items], [_call_id(call) for call in calls.values()]):
            assert len(set(ids)) == len(ids)
        return found

    def messages(self) -> list[str]:
        return ["".join(p.text for p in item.content) for item in self.items if item.kind == "message"]  # type: ignore[union-attr]

    def asked(self) -> list[Any]:
        """What each permission says that it is about."""
        return [effect.metadata["toolUseId"] for effect in self.effects if isinstance(effect, RequestPermission)]


def _call_id(item: UniversalItem) -> str:
    return next(part.call_id for part in item.content if isinstance(part, ToolCallPart))


@frozen
class Agent:
    """``opens`` is how its process comes to a turn, ``calls`` a message with calls, ``results`` what they returned."""

    name: str
    make: Callable[[AgentSpec], Dialect]
    opens: Callable[[Talk], None]
    says: Callable[[Talk, str], None]
    calls: Callable[[Talk, Sequence[str]], None]
    results: Callable[[Talk, Sequence[tuple[str, str]]], None]
    ask: Callable[[Talk, str], None]

    def talk(self, ledger: Ledger | None = None, seed: str = "seed") -> Talk:
        ledger = ledger or Ledger()
        talk = Talk(self.make(evolve(SPEC, seed=seed, taken=ledger.knows)), ledger, seed)
        self.opens(talk)
        return talk


def _claude_opens(talk: Talk) -> None:
    talk.take(talk.dialect.prompt(Prompt(1, "hi")))


def _claude_says(talk: Talk, text: str) -> None:
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    _streams(talk, {"type": "message_start", "message": {"id": "msg_0"}}, start)
    talk.hear(_assistant({"type": "text", "text": text}))


def _streams(talk: Talk, *events: Any) -> None:
    talk.hear(*({"type": "stream_event", "event": event, "parent_tool_use_id": None} for event in events))


def _assistant(block: Any, **more: Any) -> Any:
    return {"type": "assistant", "message": {"id": "msg_0", "content": [block]}, "parent_tool_use_id": None, **more}


def _use(command: str, name: str = "Bash") -> Any:
    return {"type": "tool_use", "id": ID, "name": name, "input": {"command": command}}


def _claude_calls(talk: Talk, commands: Sequence[str]) -> None:
    _streams(talk, {"type": "message_start", "message": {"id": "msg_0"}})
    for index, command in enumerate(commands):
        empty = {**_use(command), "input": {}}
        _streams(talk, {"type": "content_block_start", "index": index, "content_block": empty})
        talk.hear(_assistant(_use(command)))


def _tool_result(output: str) -> Any:
    return {"type": "tool_result", "tool_use_id": ID, "content": output}


def _claude_results(talk: Talk, results: Sequence[tuple[str, str]]) -> None:
    for _, output in results:
        talk.hear(
            {"type": "user", "message": {"content": [_tool_result(output)]}, "tool_use_result": {"stdout": output}}
        )


def _claude_asks(talk: Talk, command: str) -> None:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": ID, "input": {"command": command}}
    talk.hear({"type": "control_request", "request_id": f"r-{len(talk.effects)}", "request": request})


def _codex_opens(talk: Talk) -> None:
    talk.hear({"id": "initialize_1", "result": {}}, {"id": "thread_2", "result": {"thread": {"id": "T"}}})
    talk.take(talk.dialect.prompt(Prompt(1, "hi")))
    talk.hear({"id": "turn_3", "result": {"turn": {"id": "U"}}})


def _codex_item(talk: Talk, what: str, kind: str, item_id: str = ID, **members: Any) -> None:
    params = {"threadId": "T", "turnId": "U", "item": {"type": kind, "id": item_id, **members}}
    talk.hear({"method": f"item/{what}", "params": params})


def _codex_says(talk: Talk, text: str) -> None:
    _codex_item(talk, "started", "agentMessage", "msg_0", text="")
    delta = {"threadId": "T", "turnId": "U", "itemId": "msg_0", "delta": text}
    talk.hear({"method": "item/agentMessage/delta", "params": delta})
    _codex_item(talk, "completed", "agentMessage", "msg_0", text=text)


def _codex_calls(talk: Talk, commands: Sequence[str]) -> None:
    for command in commands:
        _codex_item(talk, "started", "commandExecution", command=command)


def _codex_results(talk: Talk, results: Sequence[tuple[str, str]]) -> None:
    for command, output in results:
        _codex_item(talk, "completed", "commandExecution", command=command, aggregatedOutput=output, exitCode=0)


def _codex_asks(talk: Talk, command: str) -> None:
    params = {"threadId": "T", "turnId": "U", "itemId": ID, "command": command}
    talk.hear({"method": "item/commandExecution/requestApproval", "id": len(talk.effects), "params": params})


def _opencode_opens(talk: Talk) -> None:
    dialect = talk.dialect
    assert isinstance(dialect, OpenCode)
    dialect.receive(b"opencode server listening on http://127.0.0.1:4096")
    talk.hear({"type": "server.connected"})
    for call, body in (("config", {"model": "p/m"}), ("providers", {}), ("session", {"id": "ses"})):
        dialect.responded(call, HttpResponse(200, json.dumps(body).encode()))
    talk.take(dialect.prompt(Prompt(1, "hi")))
    _opencode_message(talk, "user", "msg_user")


def _opencode_message(talk: Talk, role: str, message_id: str) -> None:
    info = {"id": message_id, "role": role, "sessionID": "ses", "time": {}}
    talk.hear({"type": "message.updated", "properties": {"sessionID": "ses", "info": info}})


def _opencode_part(talk: Talk, part_id: str, message_id: str, kind: str, **members: Any) -> None:
    part = {"id": part_id, "type": kind, "sessionID": "ses", "messageID": message_id, **members}
    talk.hear({"type": "message.part.updated", "properties": {"part": part}})


def _opencode_answer(talk: Talk) -> str:
    number = f"{talk.seed}_{len(talk.effects)}"
    _opencode_message(talk, "assistant", f"msg_{number}")
    return number


def _opencode_says(talk: Talk, text: str) -> None:
    """The ids of messages and parts are opencode's own."""
    number = _opencode_answer(talk)
    _opencode_part(talk, f"prt_{number}", f"msg_{number}", "text", text=text, time={"end": 1})


def _opencode_state(talk: Talk, number: str, status: str, command: str, **members: Any) -> None:
    state = {"status": status, "input": {"command": command} if status != "pending" else {}, **members}
    _opencode_part(talk, f"prt_{number}", f"msg_{number}", "tool", tool="bash", callID=ID, state=state)


def _opencode_calls(talk: Talk, commands: Sequence[str]) -> None:
    """As it was seen: two calls of one id in one message are one part, whose input changes."""
    number = _opencode_answer(talk)
    _opencode_state(talk, number, "pending", "")
    for command in commands:
        _opencode_state(talk, number, "running", command)
    talk.last = number


def _opencode_results(talk: Talk, results: Sequence[tuple[str, str]]) -> None:
    for command, output in results:
        _opencode_state(talk, talk.last, "completed", command, output=output)


def _opencode_asks(talk: Talk, command: str) -> None:
    tool = {"messageID": f"msg_{talk.last}", "callID": ID}
    properties = {
        "id": f"per_{len(talk.effects)}",
        "permission": "bash",
        "metadata": {"command": command},
        "tool": tool,
    }
    talk.hear({"type": "permission.asked", "properties": properties})


def _amp_says(talk: Talk, text: str) -> None:
    talk.hear(
        {"type": "assistant", "message": {"content": [{"type": "text", "text": text}], "stop_reason": "tool_use"}}
    )


def _amp_calls(talk: Talk, commands: Sequence[str]) -> None:
    talk.hear({"type": "assistant", "message": {"content": [_use(c) for c in commands], "stop_reason": "tool_use"}})


def _amp_results(talk: Talk, results: Sequence[tuple[str, str]]) -> None:
    for _, output in results:
        talk.hear({"type": "user", "message": {"content": [_tool_result(output)]}})


def _amp_asks(talk: Talk, command: str) -> None:
    assert isinstance(talk.dialect, Amp)
    asked = {"tool": "Bash", "input": {"command": command}, "toolUseId": ID}
    talk.take(talk.dialect.hooked(f"h{len(talk.effects)}", asked))


AGENTS = [
    Agent("claude", Claude, _claude_opens, _claude_says, _claude_calls, _claude_results, _claude_asks),
    Agent("codex", Codex, _codex_opens, _codex_says, _codex_calls, _codex_results, _codex_asks),
    Agent("opencode", OpenCode, _opencode_opens, _opencode_says, _opencode_calls, _opencode_results, _opencode_asks),
    Agent("amp", Amp, _claude_opens, _amp_says, _amp_calls, _amp_results, _amp_asks),
]
every_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)


@every_agent
def test_every_call_of_a_turn_is_told_with_its_result(agent: Agent):
    talk = agent.talk()
    for command in "abc":
        agent.says(talk, f"now {command}")
        agent.calls(talk, [command])
        agent.ask(talk, command)
        agent.results(talk, [(command, f"{command} done")])
    assert talk.pairs() == [("a", "a done"), ("b", "b done"), ("c", "c done")]
    assert [said for said in talk.messages() if said.startswith("now")] == ["now a", "now b", "now c"]
    assert talk.asked() == [_call_id(item) for item in talk.items if item.kind == "tool_call"]
    assert talk.asked()[0] == ID, "an id that is used once stays as it is"


@every_agent
def test_what_another_process_of_the_session_says_is_told_too(agent: Agent):
    ledger = Ledger()
    told: list[str] = []
    for command in "ab":
        talk = agent.talk(ledger, command)
        agent.says(talk, command)
        agent.calls(talk, [command])
        agent.results(talk, [(command, f"{command} done")])
        assert talk.pairs() == [(command, f"{command} done")]
        assert command in talk.messages()
        told += [_call_id(item) for item in talk.items if item.kind == "tool_call"]
        list(ledger.end_turn("failed"))
    assert len(set(told)) == 2


@every_agent
def test_calls_of_one_message_are_told_apart(agent: Agent):
    talk = agent.talk()
    agent.calls(talk, ["a", "b"])
    for command in "ba":
        agent.ask(talk, command)
    agent.results(talk, [("a", "a done"), ("b", "b done")])
    calls = [item for item in talk.items if item.kind == "tool_call"]
    assert talk.pairs() == [("a", "a done"), ("b", "b done")]
    assert talk.asked() == [_call_id(calls[1]), _call_id(calls[0])]


@pytest.mark.parametrize("agent", AGENTS[1:3], ids=lambda agent: agent.name)
def test_results_that_come_in_another_order_go_to_their_calls(agent: Agent):
    talk = agent.talk()
    agent.calls(talk, ["a", "b"])
    agent.results(talk, [("b", "b done"), ("a", "a done")])
    assert talk.pairs() == [("b", "b done"), ("a", "a done")]


@pytest.mark.parametrize("agent", [AGENTS[0], AGENTS[3]], ids=lambda agent: agent.name)
def test_a_result_that_may_be_of_either_of_two_calls_says_so(agent: Agent):
    """Claude and Amp tell of a result the id of its call alone."""
    talk = agent.talk()
    agent.calls(talk, ["a", "b"])
    agent.results(talk, [("", "first"), ("", "second")])
    marks = [
        [part.detail for part in item.content if isinstance(part, StatusPart)]
        for item in talk.items
        if item.kind == "tool_result"
    ]
    assert marks == [[f"the agent gave one id to {ID}, {ID}~2: this is the result of one of them"], []]
    same = agent.talk()
    agent.calls(same, ["a", "a"])
    agent.results(same, [("", "first"), ("", "second")])
    assert not any(isinstance(part, StatusPart) for item in same.items for part in item.content)


@every_agent
def test_an_item_that_is_told_twice_is_told_once(agent: Agent):
    talk = agent.talk()
    agent.calls(talk, ["a"])
    for _ in range(2):
        agent.results(talk, [("a", "a done")])
    assert talk.pairs() == [("a", "a done")]


def test_claudes_results_go_by_what_claude_says_of_them():
    talk = AGENTS[0].talk()
    _streams(talk, {"type": "message_start", "message": {"id": "msg_0"}})
    for name, arguments in (("Bash", {"command": "a"}), ("Read", {"file_path": "/1"}), ("Read", {"file_path": "/2"})):
        talk.hear(_assistant({"type": "tool_use", "id": ID, "name": name, "input": arguments}))
    for facts in ({"file": {"filePath": "/2"}}, {"file": {"filePath": "/1"}}, {"stdout": "a"}):
        talk.hear({"type": "user", "message": {"content": [_tool_result("x")]}, "tool_use_result": facts})
    calls = {item.item_id: _call_id(item) for item in talk.items if item.kind == "tool_call"}
    results = [item for item in talk.items if item.kind == "tool_result"]
    assert [calls[item.parent_id or ""] for item in results] == [f"{ID}~3", f"{ID}~2", ID]
    assert not any(isinstance(part, StatusPart) for item in results for part in item.content)


def test_claudes_sub_agents_hang_below_their_own_calls():
    talk = AGENTS[0].talk()
    _streams(talk, {"type": "message_start", "message": {"id": "msg_0"}})
    for prompt in ("one", "two"):
        talk.hear(_assistant({"type": "tool_use", "id": ID, "name": "Agent", "input": {"prompt": prompt}}))
    for agent, prompt in (("B", "two"), ("A", "one")):
        started = {"subtype": "task_started", "task_id": agent, "tool_use_id": ID, "prompt": prompt, "uuid": agent}
        talk.hear({"type": "system", **started})
    for agent in "AB":
        sub = {"parent_tool_use_id": ID, "agent_id": agent}
        talk.hear(_assistant(_use(f"{agent} works"), **sub))
        talk.hear({"type": "user", "message": {"content": [_tool_result("done")]}, **sub})
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": ID, "agent_id": "A", "input": {}}
    talk.hear(_assistant(_use("more"), parent_tool_use_id=ID, agent_id="A"))
    talk.hear({"type": "control_request", "request_id": "r", "request": request})
    for agent in "BA":
        facts = {"agentId": agent}
        talk.hear({"type": "user", "message": {"content": [_tool_result(agent)]}, "tool_use_result": facts})
    calls = {_call_id(item): item for item in talk.items if item.kind == "tool_call"}
    assert list(calls) == [ID, f"{ID}~2", f"{ID}~3", f"{ID}~4", f"{ID}~5"]
    below = {name: item.parent_id for name, item in calls.items()}
    assert below[f"{ID}~3"] == below[f"{ID}~5"] == calls[ID].item_id
    assert below[f"{ID}~4"] == calls[f"{ID}~2"].item_id
    assert talk.asked() == [f"{ID}~5"]
    results = {item.parent_id: item for item in talk.items if item.kind == "tool_result"}
    assert results[calls[ID].item_id].content[0].output == "A"  # type: ignore[union-attr]
    assert results[calls[f"{ID}~2"].item_id].content[0].output == "B"  # type: ignore[union-attr]


def test_claudes_questions_have_ids_of_their_own_in_another_process_too():
    ledger, ids = Ledger(), list[str]()
    asked = {"questions": [{"question": "Which?", "options": []}]}
    for _ in range(2):
        talk = AGENTS[0].talk(ledger)
        talk.hear(_assistant({"type": "tool_use", "id": ID, "name": "AskUserQuestion", "input": asked}))
        request = {"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "tool_use_id": ID, "input": asked}
        talk.hear({"type": "control_request", "request_id": "r", "request": request})
        ids += [effect.data.question_id for effect in talk.effects if isinstance(effect, RequestQuestion)]
    assert ids == [ID, f"{ID}~2"]


def test_codexs_items_go_by_their_start():
    """Two commands that are alike, which end in the other order, and one of a sub-agent's."""
    talk = AGENTS[1].talk()
    for started in (1, 2):
        _codex_item(talk, "started", "commandExecution", command="a", startedAtMs=started)
    params = {"threadId": "S", "turnId": "V", "item": {"type": "commandExecution", "id": ID, "command": "a"}}
    talk.hear({"method": "item/started", "params": params})
    delta = {"threadId": "S", "turnId": "V", "itemId": ID, "delta": "sub"}
    talk.hear({"method": "item/commandExecution/outputDelta", "params": delta})
    for started in (2, 1):
        done = {"command": "a", "startedAtMs": started, "aggregatedOutput": str(started)}
        _codex_item(talk, "completed", "commandExecution", **done)
    # Codex has told the end of a quick command alone.
    _codex_item(talk, "completed", "commandExecution", command="a", startedAtMs=3, aggregatedOutput="3")
    calls = {item.item_id: _call_id(item) for item in talk.items if item.kind == "tool_call"}
    results = [item for item in talk.items if item.kind == "tool_result"]
    assert [(calls[item.parent_id or ""], item.content[0].output) for item in results] == [  # type: ignore[union-attr]
        (f"{ID}~2", "2"), (ID, "1"), (f"{ID}~4", "3"),
    ]  # fmt: skip
    assert f"{ID}~3" in calls.values()


def test_codexs_start_of_one_command_may_be_told_of_another():
    """As it was seen: codex keeps the time of the start by the id."""
    talk = AGENTS[1].talk()
    _codex_item(talk, "started", "commandExecution", command="b", startedAtMs=1)
    _codex_item(talk, "completed", "commandExecution", command="a", startedAtMs=1, aggregatedOutput="a done")
    _codex_item(talk, "completed", "commandExecution", command="b", startedAtMs=2, aggregatedOutput="b done")
    assert talk.pairs() == [("a", "a done"), ("b", "b done")]


def test_codexs_patch_is_refused_when_it_may_be_another_one():
    talk = AGENTS[1].talk()
    for number, path in enumerate(("/w/a", "/etc/b")):
        changes = [{"path": path, "kind": {"type": "add"}, "diff": "x"}]
        _codex_item(talk, "started", "fileChange", changes=changes, startedAtMs=number)
    ask = {"threadId": "T", "turnId": "U", "itemId": ID}
    talk.effects.clear()
    talk.hear({"method": "item/fileChange/requestApproval", "id": 7, "params": ask})
    refused, answer = talk.effects
    assert isinstance(refused, PermissionRefused)
    assert "another patch" in refused.reason
    assert isinstance(answer, Write)
    assert json.loads(answer.data) == {"id": 7, "result": {"decision": "decline"}}


def test_codexs_patch_is_known_whenever_codex_began_to_ask():
    """The request's time is its own, also where it happens to be that of an item."""
    talk = AGENTS[1].talk()
    for number, path in enumerate(("/w/a", "/w/a")):
        changes = [{"path": path, "kind": {"type": "add"}, "diff": "x"}]
        _codex_item(talk, "started", "fileChange", changes=changes, startedAtMs=number)
    ask = {"threadId": "T", "turnId": "U", "itemId": ID, "startedAtMs": 3}
    talk.effects.clear()
    talk.hear({"method": "item/fileChange/requestApproval", "id": 8, "params": ask})
    (asked,) = talk.effects
    assert isinstance(asked, RequestPermission)
    assert asked.metadata["paths"] == ["/w/a"]
    _codex_item(talk, "started", "fileChange", changes=[], startedAtMs=9)
    assert any(isinstance(effect, WithdrawApproval) for effect in talk.effects), "it may be this one that is approved"
    talk.effects.clear()
    talk.hear({"method": "item/fileChange/requestApproval", "id": 9, "params": {**ask, "startedAtMs": 9}})
    assert isinstance(talk.effects[0], PermissionRefused)


def test_opencodes_permission_never_tells_the_arguments_of_another_call():
    """It is asked before the part that tells its call, and names the call by message and id."""
    talk = AGENTS[2].talk()
    _opencode_calls(talk, ["a"])
    _opencode_asks(talk, "b")
    _opencode_state(talk, talk.last, "running", "b", metadata={"output": "from b"})
    talk.hear({"type": "permission.asked", "properties": {
        "id": "per_x", "permission": "bash", "metadata": {"command": "c"},
        "tool": {"messageID": "msg_other", "callID": ID},
    }})  # fmt: skip
    assert talk.asked() == [f"{ID}~2", f"{ID}~3"]
    assert [_call_id(item) for item in talk.items if item.kind == "tool_call"] == [ID, f"{ID}~2"]
