"""The real Amp through a really started daemon: what it does, seen over plain HTTP and SSE."""

import pytest

from ...models.amp import AmpServer
from ..daemon import RunningDaemon, deciders, items, last_words, leave_open, of_type, outcome, parts
from ..install import versions
from ..sandbox import PNG, Sandbox

pytestmark = pytest.mark.agents


async def test_the_agent_is_listed_with_its_pinned_version(amp_daemon: RunningDaemon):
    agents = (await amp_daemon.http.get("/v1/agents")).json()["agents"]
    (amp,) = [agent for agent in agents if agent["id"] == "amp"]
    assert (amp["installed"], amp["version"]) == (True, versions()["amp"])
    assert (amp["capabilities"]["permissions"], amp["capabilities"]["questions"]) == (True, False)
    models = (await amp_daemon.http.get("/v1/agents/amp/models")).json()
    assert models["models"][0]["variants"] == ["low", "medium", "high", "ultra"]


async def test_two_turns_in_one_process_and_the_second_remembers_the_first(
    amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer
):
    session = await amp_daemon.session(sandbox, agent="amp")
    first = await session.turn("SCN_HELLO")
    agents = amp_daemon.descendants()
    second = await session.turn("SCN_HELLO again")
    assert (last_words(first), last_words(second)) == ("Hello from the model.", "Hello from the model. again")
    assert amp_daemon.descendants() == agents
    assert len(amps.thread.messages) == 4
    assert of_type(session.events, "agent.unparsed") == []
    assert [event["sequence"] for event in session.events] == list(range(1, len(session.events) + 1))
    metadata = of_type(second, "turn.ended")[0]["data"]["metadata"]
    assert metadata["usage"] == {
        "input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30,
    }  # fmt: skip
    info = await session.info()
    assert (info["nativeSessionId"], info["status"]) == (amps.thread.id, "idle")


async def test_reasoning_is_told(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, agent="amp")
    turn = await session.turn("SCN_THINK")
    assert [part["text"] for part in parts(turn, "reasoning")] == ["First I ponder. Then I decide."]
    assert last_words(turn) == "Answer after thinking."


async def test_a_command_runs_in_the_sessions_directory_and_its_output_is_plain(
    amp_daemon: RunningDaemon, sandbox: Sandbox
):
    session = await amp_daemon.session(sandbox, agent="amp")
    turn = await session.turn("SCN_BASH pwd")
    (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
    assert result["content"][0]["output"] == f"{sandbox.work}\n"
    assert (result["parent_id"], result["status"]) == (call["item_id"], "completed")
    failed = await session.turn("SCN_BASH 'exit 3'")
    (result,) = items(failed, "tool_result")
    assert (result["status"], result["content"][1]["json"]) == ("failed", {"exitCode": 3})
    assert of_type(failed, "turn.ended")[0]["data"]["metadata"]["usage"]["output_tokens"] == 40


async def test_edits_are_told_as_diffs(amp_daemon: RunningDaemon, sandbox: Sandbox):
    file = sandbox.work / "a.txt"
    session = await amp_daemon.session(sandbox, leave_open, agent="amp", permissionMode="acceptEdits")
    written = await session.turn(f"SCN_WRITE {file} hello")
    edited = await session.turn(f"SCN_EDIT {file} hello HELLO")
    patched = await session.turn(f"SCN_PATCH {file} HELLO bye")
    assert deciders(session.events) == ["mode"] * 3
    assert [part["diff"] for part in parts(written, "file_ref")] == [
        f"--- /dev/null\n+++ {file}\n@@ -0,0 +1,1 @@\n+hello\n"
    ]
    for turn, diff in ((edited, "-hello\n+HELLO\n"), (patched, "-HELLO\n+bye\n")):
        (patch,) = [part for part in parts(turn, "file_ref") if part["action"] == "patch"]
        assert patch == {
            "type": "file_ref", "path": str(file), "action": "patch",
            "diff": f"--- {file}\n+++ {file}\n@@ -1,1 +1,1 @@\n{diff}",
        }  # fmt: skip
    assert file.read_text() == "bye\n"
    assert of_type(session.events, "agent.unparsed") == []


async def test_an_image_goes_inline_and_another_file_is_named(
    amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer
):
    image, notes = sandbox.work / "p.png", sandbox.work / "notes.txt"
    image.write_bytes(PNG)
    notes.write_text("notes")
    session = await amp_daemon.session(sandbox, agent="amp")
    turn = await session.turn("SCN_IMAGE", [image, notes])
    assert last_words(turn).startswith("Images: image/png:")
    assert f"Attachments:\\n- {notes}" in str(amps.thread.messages)


async def test_a_prompt_of_200_kb_arrives_whole(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, agent="amp")
    text = "SCN_LEN\n" + "x" * 200_000
    assert last_words(await session.turn(text)) == f"Prompt has {len(text)} characters."


async def test_an_error_of_the_model_fails_the_turn_and_the_thread_goes_on(
    amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer
):
    session = await amp_daemon.session(sandbox, agent="amp")
    await session.send("SCN_FAIL")
    await session.send("SCN_HELLO")  # waits while the process that failed goes
    await session.wait_for("turn.ended", 2)
    (error,) = of_type(session.events, "error")
    assert (error["data"]["code"], error["data"]["message"]) == ("agent_error", "the scripted model refuses")
    outcomes = [event["data"]["metadata"]["outcome"] for event in of_type(session.events, "turn.ended")]
    assert outcomes == ["failed", "completed"]
    assert last_words(session.events) == "Hello from the model."
    assert len(amps.threads) == 1


async def test_the_mode_is_the_sessions_variant_and_the_title_its_own(
    amp_daemon: RunningDaemon, sandbox: Sandbox, amps: AmpServer
):
    session = await amp_daemon.session(sandbox, agent="amp", variant="ultra", title="my work")
    await session.turn("SCN_FAIL")
    assert (amps.thread.mode, amps.thread.title) == ("ultra", "my work")
    await session.turn("SCN_HELLO")
    assert (amps.thread.mode, amps.thread.title) == ("ultra", "my work")
    refused = await amp_daemon.create(agent="amp", directory=str(sandbox.work), model="gpt-5")
    assert (refused.status_code, refused.json()["details"]) == (400, {"supported": ["low", "medium", "high", "ultra"]})
    unplanned = await amp_daemon.create(agent="amp", directory=str(sandbox.work), permissionMode="plan")
    assert unplanned.status_code == 400


async def test_a_turns_stream_tells_the_turn_and_ends(amp_daemon: RunningDaemon, sandbox: Sandbox):
    session = await amp_daemon.session(sandbox, agent="amp")
    response = await session.post("/messages/stream", message="SCN_HELLO")
    frames = [line for line in response.text.splitlines() if line.startswith("data: ")]
    assert '"turn.started"' in frames[0]
    assert '"turn.ended"' in frames[-1]
    assert '"item.delta"' in response.text
    # The session's own stream is another connection: it may be a moment behind.
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "completed"
