"""The real Claude Code through a really started daemon: what it does, seen over plain HTTP and SSE."""

import pytest

from ...models.server import ModelServer
from ..daemon import RunningDaemon, items, last_words, of_type, outcome, parts
from ..install import versions
from ..sandbox import PNG, Sandbox

pytestmark = pytest.mark.agents


async def test_the_agent_is_listed_with_its_pinned_version(daemon: RunningDaemon):
    agents = (await daemon.http.get("/v1/agents")).json()["agents"]
    (claude,) = [agent for agent in agents if agent["id"] == "claude"]
    assert (claude["installed"], claude["version"]) == (True, versions()["claude"])
    assert claude["credentialsAvailable"] is True
    modes = (await daemon.http.get("/v1/agents/claude/modes")).json()["modes"]
    assert [mode["id"] for mode in modes] == ["build", "plan"]
    models = (await daemon.http.get("/v1/agents/claude/models")).json()
    assert [model["id"] for model in models["models"]] == ["default", "sonnet", "opus", "haiku"]
    assert models["defaultModel"] == "default"


async def test_two_turns_stream_in_order_and_the_second_remembers_the_first(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    session = await daemon.session(sandbox)
    first = await session.turn("SCN_THINK")
    second = await session.turn("SCN_HELLO again")
    assert last_words(first) == "Answer after thinking."
    assert [part["text"] for part in parts(first, "reasoning")] == ["First I ponder. Then I decide."]
    assert last_words(second) == "Hello from the model. again"
    assert "Answer after thinking." in str(models.asked()[-1]["messages"])
    assert [event["sequence"] for event in session.events] == list(range(1, len(session.events) + 1))
    assert of_type(session.events, "agent.unparsed") == []
    assert [event["data"]["turn_id"] for event in of_type(session.events, "turn.ended")] == ["turn_1", "turn_2"]
    usage = of_type(second, "turn.ended")[0]["data"]["metadata"]["usage"]
    assert usage == {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30}
    info = await session.info()
    assert info["nativeSessionId"] == second[-1]["native_session_id"]
    assert (info["status"], info["ended"]) == ("idle", False)


async def test_a_turns_stream_tells_the_turn_and_ends(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    response = await session.post("/messages/stream", message="SCN_HELLO")
    frames = [line for line in response.text.splitlines() if line.startswith("data: ")]
    assert '"turn.started"' in frames[0]
    assert '"turn.ended"' in frames[-1]


async def test_a_command_runs_in_the_sessions_directory_and_its_output_is_plain(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox)
    turn = await session.turn("SCN_BASH pwd")
    (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
    assert result["content"][0]["output"] == str(sandbox.work)
    assert result["parent_id"] == call["item_id"]
    failed = await session.turn("SCN_BASH 'exit 3'")
    assert items(failed, "tool_result")[0]["status"] == "failed"


async def test_edits_are_told_as_diffs(daemon: RunningDaemon, sandbox: Sandbox):
    file = sandbox.work / "a.txt"
    session = await daemon.session(sandbox, permissionMode="acceptEdits")
    written = await session.turn(f"SCN_WRITE {file} hello")
    edited = await session.turn(f"SCN_EDIT {file} hello HELLO")
    assert of_type(session.events, "permission.requested") == []
    assert [part["diff"] for part in parts(written, "file_ref")] == [
        f"--- /dev/null\n+++ {file}\n@@ -0,0 +1,1 @@\n+hello\n"
    ]
    (patch,) = [part for part in parts(edited, "file_ref") if part["action"] == "patch"]
    assert patch["diff"].endswith("@@ -1,1 +1,1 @@\n-hello\n+HELLO\n")
    assert file.read_text() == "HELLO\n"


async def test_an_image_goes_inline_and_another_file_is_named(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    image, notes = sandbox.work / "p.png", sandbox.work / "notes.txt"
    image.write_bytes(PNG)
    notes.write_text("notes")
    session = await daemon.session(sandbox)
    turn = await session.turn("SCN_IMAGE", [image, notes])
    assert last_words(turn).startswith("Images: image/png:")
    assert f"Attachments:\\n- {notes}" in str(models.asked()[-1]["messages"])


async def test_a_sub_agents_items_hang_below_its_call(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    turn = await session.turn("SCN_SUBAGENT")
    agent, bash = items(turn, "tool_call")
    assert bash["parent_id"] == agent["item_id"]
    assert [item["parent_id"] for item in items(turn, "tool_result")] == [bash["item_id"], agent["item_id"]]


async def test_what_sub_agents_say_and_think_hangs_below_their_calls_also_when_one_starts_another(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox)
    turn = await session.turn("SCN_SUBAGENT SCN_SUBAGENT SCN_TALK")
    outer, inner, command = items(turn, "tool_call")
    assert (inner["parent_id"], command["parent_id"]) == (outer["item_id"], inner["item_id"])
    said = [item for item in items(turn, "message") if item["parent_id"] == inner["item_id"] and item["role"] != "user"]
    assert [item["content"][0]["text"] for item in said] == [
        "The helper ponders.", "The helper begins.", "The helper is done.",
    ]  # fmt: skip
    assert [part["text"] for part in parts(turn, "reasoning")] == ["The helper ponders."]
    told = [event["data"]["delta"] for event in of_type(turn, "item.delta")]
    assert told.count("The helper is done.") == 1
    assert of_type(session.events, "agent.unparsed") == []


async def test_a_prompt_of_200_kb_arrives_whole(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    text = "SCN_LEN\n" + "x" * 200_000
    assert last_words(await session.turn(text)) == f"Prompt has {len(text)} characters."


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
async def test_an_error_of_the_model_fails_the_turn_and_the_session_goes_on(
    daemon: RunningDaemon, sandbox: Sandbox, status: int
):
    session = await daemon.session(sandbox)
    turn = await session.turn(f"SCN_{status}")
    (error,) = of_type(turn, "error")
    assert (error["data"]["code"], error["data"]["details"]["status"]) == ("api_error", status)
    assert outcome(turn) == "failed"
    retried = "api_retry" in {part["label"] for part in parts(turn, "status")}
    assert retried == (status != 400)
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_a_background_task_wakes_a_turn_of_its_own(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    await session.turn("SCN_BACKGROUND")
    await session.wait_for("turn.ended", 2)
    assert of_type(session.events, "agent.unparsed") == []
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_the_model_is_the_sessions(daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer):
    session = await daemon.session(sandbox, model="sonnet", variant="low")
    await session.turn("SCN_HELLO")
    assert "sonnet" in models.asked()[-1]["model"]
    assert models.asked()[-1]["output_config"] == {"effort": "low"}


async def test_prompts_to_a_busy_session_run_in_turn(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox)
    for number in range(3):
        await session.send(f"SCN_ECHO {number}")
    await session.wait_for("turn.ended", 3)
    said = [i["content"][0]["text"] for i in items(session.events, "message") if i["role"] == "assistant"]
    assert said == ["SCN_ECHO 0", "SCN_ECHO 1", "SCN_ECHO 2"]
