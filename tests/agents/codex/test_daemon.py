"""The real Codex through a really started daemon: what it does, seen over plain HTTP and SSE."""

import pytest

from ...models.server import ModelServer
from ..daemon import RunningDaemon, items, last_words, of_type, outcome, parts, running_daemon
from ..install import versions
from ..sandbox import PNG, Sandbox
from .home import CODE_MODEL, with_mcp_server

pytestmark = pytest.mark.agents


async def test_the_agent_is_listed_with_its_pinned_version(daemon: RunningDaemon):
    agents = (await daemon.http.get("/v1/agents")).json()["agents"]
    (codex,) = [agent for agent in agents if agent["id"] == "codex"]
    assert (codex["installed"], codex["version"]) == (True, versions()["codex"])
    modes = (await daemon.http.get("/v1/agents/codex/modes")).json()["modes"]
    assert [mode["id"] for mode in modes] == ["build", "plan"]
    models = (await daemon.http.get("/v1/agents/codex/models")).json()
    assert models["defaultModel"] == models["models"][0]["id"] == "default"
    assert {"gpt-6.1-sol", "gpt-5.5"} <= {model["id"] for model in models["models"]}


async def test_two_turns_stream_in_order_and_the_second_remembers_the_first(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    session = await daemon.session(sandbox, agent="codex")
    first = await session.turn("SCN_THINK")
    second = await session.turn("SCN_HELLO again")
    assert last_words(first) == "Answer after thinking."
    assert [part["text"] for part in parts(first, "reasoning")] == ["First I ponder. Then I decide."]
    assert last_words(second) == "Hello from the model. again"
    assert "Answer after thinking." in str(models.asked()[-1]["input"])
    assert [event["sequence"] for event in session.events] == list(range(1, len(session.events) + 1))
    assert of_type(session.events, "agent.unparsed") == []
    assert [event["data"]["turn_id"] for event in of_type(session.events, "turn.ended")] == ["turn_1", "turn_2"]
    usage = of_type(second, "turn.ended")[0]["data"]["metadata"]["usage"]
    assert usage == {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30}
    info = await session.info()
    assert info["nativeSessionId"] == second[-1]["native_session_id"]
    assert (info["status"], info["ended"]) == ("idle", False)


async def test_a_command_runs_in_the_sessions_directory_and_streams(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex")
    turn = await session.turn("SCN_BASH pwd")
    (call,), (result,) = items(turn, "tool_call"), items(turn, "tool_result")
    assert result["content"][0]["output"] == f"{sandbox.work}\n"
    assert result["parent_id"] == call["item_id"]
    failed = await session.turn("SCN_LIVE")
    (result,) = items(failed, "tool_result")
    assert (result["status"], result["content"][1]["json"]["exit_code"]) == ("failed", 3)
    deltas = [e["data"]["delta"] for e in of_type(failed, "item.delta") if e["data"]["item_id"] == result["item_id"]]
    assert "two\n" in deltas


async def test_edits_are_told_as_diffs(daemon: RunningDaemon, sandbox: Sandbox):
    file = sandbox.work / "a.txt"
    session = await daemon.session(sandbox, agent="codex", permissionMode="acceptEdits")
    written = await session.turn(f"SCN_WRITE {file} hello")
    edited = await session.turn(f"SCN_EDIT {file} hello HELLO")
    assert of_type(session.events, "permission.requested") == []
    assert [part["diff"] for part in parts(written, "file_ref")] == [
        f"--- /dev/null\n+++ {file}\n@@ -0,0 +1,1 @@\n+hello\n"
    ]
    (patch,) = [part for part in parts(edited, "file_ref") if part["action"] == "patch"]
    assert patch["diff"].endswith("@@ -1 +1 @@\n-hello\n+HELLO\n")
    assert file.read_text() == "HELLO\n"


async def test_an_image_goes_inline_and_another_file_is_named(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    image, notes = sandbox.work / "p.png", sandbox.work / "notes.txt"
    image.write_bytes(PNG)
    notes.write_text("notes")
    session = await daemon.session(sandbox, agent="codex")
    turn = await session.turn("SCN_IMAGE", [image, notes])
    assert "Images: image/png:" in last_words(turn)
    assert f"Attachments:\\n- {notes}" in str(models.asked()[-1]["input"])


async def test_a_prompt_of_200_kb_arrives_whole(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex")
    text = "SCN_LEN\n" + "x" * 200_000
    assert last_words(await session.turn(text)) == f"Prompt has {len(text)} characters."


@pytest.mark.parametrize(("status", "told"), [(400, None), (401, 401), (429, 429), (500, None)])
async def test_an_error_of_the_model_fails_the_turn_and_the_session_goes_on(
    daemon: RunningDaemon, sandbox: Sandbox, status: int, told: int | None
):
    session = await daemon.session(sandbox, agent="codex")
    turn = await session.turn(f"SCN_{status}")
    *retries, error = of_type(turn, "error")
    assert (error["data"]["code"], error["data"]["details"]["status"]) == ("api_error", told)
    assert all(retry["data"]["details"]["retryable"] for retry in retries)
    assert outcome(turn) == "failed"
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_the_default_model_works_in_code_mode(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex", model=CODE_MODEL)
    turn = await session.turn("SCN_CODE 'text((await tools.exec_command({cmd: \"echo from-code\"})).output)'")
    assert [item["content"][0]["output"] for item in items(turn, "tool_result")] == ["from-code\n"]
    assert of_type(session.events, "agent.unparsed") == []


async def test_the_users_mcp_servers_are_there(sandbox: Sandbox):
    with_mcp_server(sandbox.home)
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, agent="codex")
        turn = await session.turn("SCN_MCP a word")
        assert [part["name"] for part in parts(turn, "tool_call")] == ["lab.echo"]
        assert [part["output"] for part in parts(turn, "tool_result")] == ["echo:a word"]


async def test_the_model_and_the_effort_are_the_sessions(daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer):
    session = await daemon.session(sandbox, agent="codex", model="gpt-5.4", variant="low")
    await session.turn("SCN_HELLO")
    asked = models.asked()[-1]
    assert (asked["model"], asked["reasoning"]["effort"]) == ("gpt-5.4", "low")


async def test_what_codex_prints_on_its_terminal_is_no_event(sandbox: Sandbox):
    sandbox.environment["RUST_LOG"] = "debug"
    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, agent="codex")
        turn = await session.turn("SCN_HELLO")
        assert of_type(turn, "error") == of_type(session.events, "agent.unparsed") == []
