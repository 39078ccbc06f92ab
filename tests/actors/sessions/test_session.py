"""Sessions with the real mock agent: turns in order, each ended once, whatever the agent does."""

import json
import os
import signal

import pytest
import trio

from sandbox_agent.schema.api.sessions import CreateSessionRequest, MessageRequest
from sandbox_agent.schema.problems import Problem

from ..house import events_of, house, said, tail


async def test_a_prompt_becomes_a_turn_with_its_items():
    async with house() as h:
        log = await h.create()
        assert [said(e) for e in await h.turn(log, "echo hello")] == [
            "turn.started",
            "item.started message user in_progress",
            "item.completed message user completed",
            "item.started message assistant in_progress",
            "item.delta hello",
            "item.completed message assistant completed",
            "turn.ended completed",
        ]
        info = await h.daemon.session_info("s")
        assert (info.status, info.event_count, info.native_session_id) == ("idle", 8, "mock-s")


async def test_prompts_to_a_busy_session_run_one_after_the_other_in_order():
    async with house() as h:
        log = await h.create()
        turns = [await h.send(f"echo {n}") for n in range(5)]
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == turns[-1])
        started = [e["data"]["turn_id"] for e in events_of(log) if e["type"] == "turn.started"]
        assert started == turns == [f"turn_{n}" for n in range(1, 6)]
        said_back = [e["data"]["delta"] for e in events_of(log) if e["type"] == "item.delta"]
        assert said_back == ["0", "1", "2", "3", "4"]


async def test_a_full_queue_refuses_and_keeps_what_it_has():
    async with house(max_queued_prompts=2) as h:
        log = await h.create()
        await h.send("hang")
        await h.until_status("running")
        await h.send("echo 1")
        last = await h.send("echo 2")
        with pytest.raises(Problem) as refused:
            await h.send("echo 3")
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
        assert refused.value.body()["retryAfter"] == 1
        assert (await h.daemon.session_info("s")).queued == 2
        assert (await h.daemon.interrupt("s")).interrupted
        await h.until(log, lambda e: e["type"] == "turn.ended" and e["data"]["turn_id"] == last)


async def test_an_interrupt_ends_the_turn_and_says_whether_there_was_one():
    async with house() as h:
        log = await h.create()
        assert not (await h.daemon.interrupt("s")).interrupted
        await h.send("hang")
        await h.until_type(log, "turn.started")
        assert (await h.daemon.interrupt("s")).interrupted
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended interrupted"
        assert said((await h.turn(log, "echo on"))[-1]) == "turn.ended completed"


async def test_an_interrupt_that_the_agent_ignores_is_enforced():
    async with house(interrupt_timeout=0.2) as h:
        log = await h.create()
        await h.send("hang hard")
        await h.until_type(log, "item.delta")  # deaf from now on
        await h.daemon.interrupt("s")
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended interrupted"
        assert "error interrupt_timeout" in [said(e) for e in events_of(log)]
        assert said((await h.turn(log, "echo again"))[-1]) == "turn.ended completed"


@pytest.mark.parametrize(
    ("prompt", "told"), [("crash", "exit code 1"), ("crash 42", "exit code 42"), ("crash KILL", "signal 9")]
)
async def test_an_agent_that_crashes_in_mid_turn_ends_the_turn_and_the_next_prompt_starts_it_again(prompt, told):
    async with house() as h:
        log = await h.create()
        crashed = await h.turn(log, prompt)
        assert said(crashed[-1]) == "turn.ended failed"
        error = next(e for e in crashed if e["type"] == "error")
        assert error["data"]["message"] == f"mock exited with {told}"
        await h.until_status("suspended")
        again = await h.turn(log, "echo back")
        assert said(again[-1]) == "turn.ended completed"
        restarted = [e for e in again if e["type"] == "item.completed" and e["data"]["item"]["kind"] == "status"]
        assert restarted[0]["data"]["item"]["content"][0]["detail"] == "resumed its conversation"


async def test_an_agent_killed_from_outside_in_mid_turn():
    async with house() as h:
        log = await h.create()
        await h.send("hang")
        await h.until_type(log, "turn.started")
        (pid,) = h.agents_alive()
        os.kill(pid, signal.SIGKILL)
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended failed"
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"


async def test_an_agent_killed_while_idle_is_reported_and_resumed():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "echo 1")
        (pid,) = h.agents_alive()
        os.kill(pid, signal.SIGKILL)
        assert said(await h.until_type(log, "error")) == "error process_exit"
        await h.until_status("suspended")
        assert said((await h.turn(log, "echo 2"))[-1]) == "turn.ended completed"


async def test_an_agent_that_keeps_dying_makes_the_session_failed_and_the_others_do_not_notice():
    async with house(agent_restarts=3) as h:
        log = await h.create()
        other = await h.create("other")
        for _ in range(3):
            await h.turn(log, "crash 7")
        ended = await h.until_type(log, "session.ended")
        assert said(ended) == "session.ended error agent"
        assert ended["data"]["exit_code"] == 7
        info = await h.daemon.session_info("s")
        assert (info.status, info.ended) == ("failed", True)
        with pytest.raises(Problem) as refused:
            await h.send("echo late")
        assert refused.value.kind == "agent_process_exited"
        assert said((await h.turn(other, "echo fine", "other"))[-1]) == "turn.ended completed"


async def test_a_silent_agent_is_ended_when_the_idle_timeout_is_on():
    async with house(idle_timeout=2.0) as h:
        log = await h.create()
        events = await h.turn(log, "hang hard")
        assert "error idle_timeout" in [said(e) for e in events]
        assert said(events[-1]) == "turn.ended failed"
        assert said((await h.turn(log, "echo back"))[-1]) == "turn.ended completed"


async def test_a_human_who_thinks_is_not_an_idle_agent():
    async with house(idle_timeout=2.0) as h:
        log = await h.create()
        await h.send("permission")
        asked = await h.until_type(log, "permission.requested", 2)
        await trio.sleep(2.5)
        assert (await h.daemon.session_info("s")).status == "waiting"
        for ask in (await h.daemon.pending_permissions()).permissions:
            await h.daemon.reply_permission("s", ask.permission.permission_id, "once")
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended completed"
        assert asked["data"]["status"] == "requested"


async def test_garbage_ends_no_turn_and_is_kept():
    async with house(max_line_bytes=1 << 20) as h:
        log = await h.create()
        events = await h.turn(log, "garbage")
        unparsed = [e for e in events if e["type"] == "agent.unparsed"]
        assert len(unparsed) == 4
        assert "is longer than 1048576" in "".join(e["data"]["error"] for e in unparsed)
        assert said(events[-1]) == "turn.ended completed"
        raw = [json.loads(e.full)["raw"] for e in tail(log) if e.type == "agent.unparsed"]
        assert all(isinstance(r, str) and r for r in raw)


async def test_what_an_agent_prints_on_its_terminal_is_no_event():
    async with house() as h:
        log = await h.create()
        events = await h.turn(log, "stderr 2000")
        assert {e["type"] for e in events} <= {
            "turn.started",
            "item.started",
            "item.delta",
            "item.completed",
            "turn.ended",
        }


async def test_terminate_ends_the_agent_and_all_its_descendants():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "spawn")
        assert len(h.agents_alive()) >= 5
        await h.daemon.terminate("s")
        assert h.agents_alive() == []
        assert said(events_of(log)[-1]) == "session.ended terminated daemon"
        await h.daemon.terminate("s")
        with pytest.raises(Problem, match="session terminated"):
            await h.send("echo late")


async def test_terminate_in_mid_turn_closes_the_turn_first():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await h.send("echo never")
        await h.daemon.terminate("s")
        said_last = [said(e) for e in events_of(log)]
        assert said_last[said_last.index("permission.resolved mock_1_permission reject") :] == [
            "permission.resolved mock_1_permission reject",
            "permission.resolved mock_1_permission_denied reject",
            "turn.ended interrupted",
            # The prompt that waited: accepted, so it is in the log.
            "turn.started",
            "item.started message user in_progress",
            "item.completed message user completed",
            "turn.ended interrupted",
            "session.ended terminated daemon",
        ]


async def test_the_agent_may_end_the_session_itself():
    async with house() as h:
        log = await h.create()
        await h.send("end")
        assert said(await h.until_type(log, "session.ended")) == "session.ended completed agent"
        await h.until_status("ended")
        with pytest.raises(Problem):
            await h.send("echo late")


async def test_a_deleted_session_is_gone_and_its_id_free():
    async with house() as h:
        first = await h.create()
        await h.send("hang")
        await h.daemon.delete_session("s")
        assert first.closed
        with pytest.raises(Problem, match="session not found: s"):
            await h.daemon.session_info("s")
        second = await h.create()
        assert second.log_id != first.log_id
        assert said((await h.turn(second, "echo new"))[-1]) == "turn.ended completed"


@pytest.mark.parametrize(
    ("request_", "kind", "mend"),
    [
        (CreateSessionRequest("nobody"), "unsupported_agent", "known agents: claude, "),
        (CreateSessionRequest("mock", agent_mode="dance"), "mode_not_supported", "mock dance"),
        (CreateSessionRequest("mock", permission_mode="maybe"), "invalid_request", "invalid permission mode: maybe"),
        (CreateSessionRequest("mock", model="m\0"), "invalid_request", "model holds a NUL character"),
        (CreateSessionRequest("mock", variant="\0"), "invalid_request", "variant holds a NUL character"),
        (CreateSessionRequest("opencode", agent_mode="\0"), "invalid_request", "agentMode holds a NUL character"),
        (CreateSessionRequest("mock", directory="relative"), "invalid_request", "must be an absolute path"),
        (CreateSessionRequest("mock", directory="/nonexistent"), "invalid_request", "directory not found"),
    ],
)
async def test_a_session_that_cannot_be_is_refused_and_leaves_nothing(request_, kind, mend):
    async with house() as h:
        with pytest.raises(Problem) as refused:
            await h.daemon.create_session("s", request_)
        assert refused.value.kind == kind
        assert mend in refused.value.detail
        assert (await h.daemon.list_sessions()).sessions == ()
        await h.create()


async def test_the_default_agent_mode_is_told_as_what_it_is():
    async with house() as h:
        await h.create(agent_mode="default")
        assert (await h.daemon.session_info("s")).agent_mode == "build"


async def test_two_creates_of_one_id_at_once_make_one_session(tmp_path):
    async with house(data_dir=str(tmp_path)) as h:
        outcomes: list[str] = []

        async def create() -> None:
            try:
                await h.create()
                outcomes.append("created")
            except Problem as problem:
                outcomes.append(problem.kind)
            await h.daemon.log("s")  # whoever is told that it exists finds it

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(create)
        assert sorted(outcomes) == ["created"] + ["session_already_exists"] * 4
        assert len(h.agents_alive()) == 1


async def test_an_attachment_that_is_not_there_is_refused_before_the_prompt_counts(tmp_path):
    from sandbox_agent.schema.api.sessions import MessageAttachment

    async with house() as h:
        log = await h.create(directory=str(tmp_path))
        with pytest.raises(Problem, match="attachment not found: no\\.txt"):
            await h.daemon.send("s", MessageRequest("look", (MessageAttachment("no.txt"),)))
        (tmp_path / "yes.txt").write_text("here")
        receipt = await h.daemon.send("s", MessageRequest("look", (MessageAttachment("yes.txt"),)))
        assert receipt.turn_id == "turn_1"
        user = await h.until_type(log, "item.completed")
        assert str(tmp_path / "yes.txt") in json.dumps(user)
