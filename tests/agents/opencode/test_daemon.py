"""The real OpenCode through a really started daemon: what it does, seen over plain HTTP and SSE.

Its server takes seconds to start and half a gigabyte of memory, so that each session here tells a whole story.
"""

import pytest

from ...models.server import ModelServer
from ..daemon import Event, RunningDaemon, Session, allow_commands, deciders, items, last_words, of_type, outcome, parts
from ..install import versions
from ..sandbox import PNG, Sandbox
from .home import MODEL

pytestmark = pytest.mark.agents


def check_history(session: Session) -> None:
    """Nothing unknown was said, and every item was closed."""
    assert of_type(session.events, "agent.unparsed") == []
    started = [event["data"]["item"]["item_id"] for event in of_type(session.events, "item.started")]
    assert sorted(started) == sorted(item["item_id"] for item in items(session.events))
    assert {item["parent_id"] for item in items(session.events)} <= {None, *started}


def streamed(events: list[Event], item: dict[str, object]) -> str:
    deltas = of_type(events, "item.delta")
    return "".join(delta["data"]["delta"] for delta in deltas if delta["data"]["item_id"] == item["item_id"])


async def test_the_agent_is_listed_with_its_pinned_version(daemon: RunningDaemon):
    agents = (await daemon.http.get("/v1/agents")).json()["agents"]
    (opencode,) = [agent for agent in agents if agent["id"] == "opencode"]
    assert (opencode["installed"], opencode["version"]) == (True, versions()["opencode"])
    modes = (await daemon.http.get("/v1/agents/opencode/modes")).json()["modes"]
    assert [mode["id"] for mode in modes] == ["build", "plan", "custom"]


async def test_turns_stream_and_the_conversation_is_remembered(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    image, notes, archive = (sandbox.work / name for name in ("p.png", "notes.txt", "a.zip"))
    image.write_bytes(PNG)
    notes.write_text("the text of the notes")
    archive.write_bytes(b"\0")
    session = await daemon.session(sandbox, agent="opencode", variant="low")
    first = await session.turn("SCN_THINK")
    thought, said = [item for item in items(first, "message") if item["role"] == "assistant"]
    assert thought["content"] == [
        {"type": "reasoning", "text": "First I ponder. Then I decide.", "visibility": "public"}
    ]
    assert said["content"] == [{"type": "text", "text": "Answer after thinking."}]
    assert streamed(first, thought) == "First I ponder. Then I decide."
    assert streamed(first, said) == "Answer after thinking."
    ended = of_type(first, "turn.ended")[0]["data"]["metadata"]
    assert ended["usage"] == {
        "input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 0, "cache_read_tokens": 20,
        "cache_write_tokens": 0,
    }  # fmt: skip
    assert (ended["cost_usd"], ended["stop_reason"]) == (0.00014, "stop")
    assert list(ended["models"]) == [MODEL]
    assert models.asked()[-1]["reasoning_effort"] == "low"

    second = await session.turn("SCN_IMAGE", [image, notes, archive])
    assert last_words(second).startswith("Images: image/png:")
    asked = str(models.asked()[-1]["messages"])
    assert "Answer after thinking." in asked
    assert "the text of the notes" in asked
    assert f"Attachments:\\n- {archive}" in asked

    text = "SCN_LEN\n" + "x" * 200_000
    assert last_words(await session.turn(text)) == f"Prompt has {len(text)} characters."
    for number in range(3):
        await session.send(f"SCN_ECHO {number}")
    await session.wait_for("turn.ended", 6)
    said = [i["content"][0]["text"] for i in items(session.events, "message") if i["role"] == "assistant"]
    assert said[-3:] == ["SCN_ECHO 0", "SCN_ECHO 1", "SCN_ECHO 2"]
    info = await session.info()
    assert (info["status"], info["ended"]) == ("idle", False)
    assert info["nativeSessionId"] == session.events[-1]["native_session_id"]
    check_history(session)


async def test_tools_tell_output_as_it_comes_exit_codes_diffs_todos_and_sub_agents(
    daemon: RunningDaemon, sandbox: Sandbox
):
    file = sandbox.work / "a.txt"
    (sandbox.work / "p.png").write_bytes(PNG)
    session = await daemon.session(sandbox, agent="opencode")
    live = await session.turn("SCN_LIVE")
    (call,), (result,) = items(live, "tool_call"), items(live, "tool_result")
    assert (result["status"], result["parent_id"]) == ("failed", call["item_id"])
    assert result["content"] == [
        {"type": "tool_result", "call_id": call["content"][0]["call_id"], "output": "one\ntwo\nthree\n"},
        {"type": "json", "json": {"exit_code": 3}},
    ]
    assert streamed(live, result) == "one\ntwo\nthree\n"
    assert sum(delta["data"]["item_id"] == result["item_id"] for delta in of_type(live, "item.delta")) >= 2
    here = await session.turn("SCN_BASH pwd")
    assert items(here, "tool_result")[0]["content"][0]["output"] == f"{sandbox.work}\n"

    written = await session.turn(f"SCN_WRITE {file} one two")
    edited = await session.turn(f"SCN_EDIT {file} one ONE")
    rewritten = await session.turn(f"SCN_WRITE {file} three")
    change = f"--- {file}\n+++ {file}\n@@ -1,1 +1,1 @@\n"
    assert [
        (part["action"], part["diff"]) for turn in (written, edited, rewritten) for part in parts(turn, "file_ref")
    ] == [
        ("write", f"--- /dev/null\n+++ {file}\n@@ -0,0 +1,1 @@\n+one two\n"),
        ("read", None),
        ("patch", f"{change}-one two\n+ONE two\n"),
        ("write", f"{change}-ONE two\n+three\n"),
    ]
    assert file.read_text() == "three\n"
    image = await session.turn(f"SCN_READ {sandbox.work / 'p.png'}")
    assert [part["mime"] for part in parts(image, "image")] == ["image/png"]

    parallel = await session.turn("SCN_PARALLEL")
    outputs = {item["parent_id"]: item["content"][0]["output"] for item in items(parallel, "tool_result")}
    assert [outputs[item["item_id"]] for item in items(parallel, "tool_call")] == ["first\n", "second\n"]
    todo = await session.turn("SCN_TODO")
    (status,) = [item for item in items(todo, "status") if item["content"][0]["label"] == "todo"]
    assert status["content"][0]["detail"] == "1 of 2 completed"
    assert [entry["content"] for entry in status["content"][1]["json"]["todos"]] == ["Read", "Write"]
    unknown = await session.turn("SCN_UNKNOWNTOOL")
    assert "unavailable tool" in items(unknown, "tool_result")[0]["content"][0]["output"]

    nested = await session.turn("SCN_SUBAGENT")
    task, bash = items(nested, "tool_call")
    assert [task["content"][0]["name"], bash["content"][0]["name"]] == ["task", "bash"]
    assert bash["parent_id"] == task["item_id"]
    assert [item["parent_id"] for item in items(nested, "tool_result")] == [bash["item_id"], task["item_id"]]
    assert [ask["data"]["action"] for ask in of_type(nested, "permission.requested")] == ["bash"]
    assert of_type(nested, "turn.ended")[0]["data"]["metadata"]["usage"]["input_tokens"] == 400
    assert {outcome(turn) for turn in (live, written, edited, image, todo, unknown, nested)} == {"completed"}
    check_history(session)


async def test_permission_modes_ask_for_what_they_say(daemon: RunningDaemon, sandbox: Sandbox):
    edits = await daemon.session(sandbox, allow_commands, agent="opencode", permissionMode="acceptEdits")
    await edits.turn(f"SCN_WRITE {sandbox.work}/made text")
    assert deciders(edits.events) == ["mode"]
    await edits.turn("SCN_BASH touch other")
    assert deciders(edits.events) == ["mode", "token"]
    await edits.post("/terminate")

    bypass = await daemon.session(sandbox, agent="opencode", permissionMode="bypass")
    await bypass.turn("SCN_BASH touch third")
    await bypass.turn("SCN_SUBAGENT")
    await bypass.turn("SCN_READ /etc/hostname")
    assert of_type(bypass.events, "permission.requested") == []
    assert (sandbox.work / "third").exists()
    check_history(bypass)


async def test_the_plan_agent_edits_nothing(daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer):
    session = await daemon.session(sandbox, agent="opencode", permissionMode="plan")
    turn = await session.turn(f"SCN_WRITE {sandbox.work}/made text")
    assert of_type(turn, "permission.requested") == []
    assert items(turn, "tool_result")[0]["status"] == "failed"
    assert not (sandbox.work / "made").exists()
    assert outcome(turn) == "completed"
    check_history(session)


async def test_an_agent_of_the_users_own_keeps_its_rules(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="opencode", agentMode="poet", model=MODEL)
    turn = await session.turn(f"SCN_WRITE {sandbox.work}/made text")
    assert of_type(turn, "permission.requested") == []
    assert not (sandbox.work / "made").exists()
    assert outcome(await session.turn("SCN_BASH true")) == "completed"
    assert [ask["data"]["action"] for ask in of_type(session.events, "permission.requested")] == ["bash"]


async def test_what_there_is_not_fails_each_turn_and_says_why(daemon: RunningDaemon, sandbox: Sandbox):
    agent = await daemon.session(sandbox, agent="opencode", agentMode="nosuch")
    for _ in range(2):
        turn = await agent.turn("SCN_HELLO")
        (error,) = of_type(turn, "error")
        assert error["data"]["message"].startswith('Agent not found: "nosuch"')
        assert outcome(turn) == "failed"
    await agent.post("/terminate")
    model = await daemon.session(sandbox, agent="opencode", model="scripted/nosuch")
    turn = await model.turn("SCN_HELLO")
    (error,) = of_type(turn, "error")
    assert error["data"]["message"].startswith("Model not found: scripted/nosuch")
    assert outcome(turn) == "failed"
    check_history(model)
