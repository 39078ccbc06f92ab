"""Keys with the real daemon: what had an effect has its answer, whatever happens to the session or the daemon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from sandbox_agent.actors.commands import Commands
from sandbox_agent.actors.journal.kept_answers import Answer
from sandbox_agent.schema.api.commands import (
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QueueCancelCommand,
    Receipt,
    TerminateCommand,
)

from ..house import House, events_of, house, said
from .test_crashes import crash, session_mailbox


@asynccontextmanager
async def obeying(**settings) -> AsyncIterator[tuple[House, Commands]]:
    async with house(**settings) as h, trio.open_nursery() as nursery:
        yield h, Commands(h.daemon, nursery)
        nursery.cancel_scope.cancel()


def problem_of(answer: Answer) -> tuple[int, str]:
    assert answer.problem is not None
    return answer.problem.status, answer.problem.kind


async def test_an_answer_is_kept_with_its_effect_and_bounded():
    async with obeying(answers_kept=2) as (h, commands):
        log = await h.create()
        first = await commands.execute("s", MessageCommand("echo 1"), "k1")
        assert first == Answer(Receipt("turn_1", 1))
        assert await commands.execute("s", MessageCommand("echo 1"), "k1") == first.again()
        for key in ("k2", "k3"):
            await commands.execute("s", InterruptCommand(), key)
        anew = await commands.execute("s", MessageCommand("echo 1"), "k1")
        assert (anew.result.turn_id, anew.replayed) == ("turn_2", False)
        await h.until_type(log, "turn.ended", 2)


async def test_a_key_survives_a_crash_of_its_session():
    async with obeying() as (h, commands):
        log = await h.create()
        first = await commands.execute("s", MessageCommand("hang"), "k")
        await h.until_status("running")
        await crash(await session_mailbox(h))
        assert await commands.execute("s", MessageCommand("hang"), "k") == first.again()
        await h.until_type(log, "turn.ended")
        assert [said(e) for e in events_of(log) if e["type"].startswith("turn.")] == [
            "turn.started",
            "turn.ended failed",
        ]


async def test_a_permission_is_answered_once_and_a_wrong_answer_is_told_again():
    async with obeying() as (h, commands):
        log = await h.create()
        await h.send("permission")
        ask = (await h.until_type(log, "permission.requested"))["data"]["permission_id"]
        unknown = PermissionReplyCommand("perm_0", "once")
        refused = await commands.execute("s", unknown, "wrong")
        assert problem_of(refused) == (400, "invalid_request")
        again = await commands.execute("s", unknown, "wrong")
        assert (problem_of(again), again.replayed) == (problem_of(refused), True)
        right = PermissionReplyCommand(ask, "once")
        assert await commands.execute("s", right, "k") == Answer()
        assert await commands.execute("s", right, "k") == Answer(replayed=True)
        assert problem_of(await commands.execute("s", right, "another key")) == (400, "invalid_request")
        resolved = [e for e in events_of(log) if e["type"] == "permission.resolved"]
        assert [e["data"]["permission_id"] for e in resolved] == [ask]


async def test_commands_to_a_session_that_has_ended_have_keys_too():
    async with obeying() as (h, commands):
        await h.create()
        assert await commands.execute("s", TerminateCommand(), "k") == Answer()
        assert await commands.execute("s", TerminateCommand(), "k") == Answer(replayed=True)
        assert await commands.execute("s", TerminateCommand(), "k2") == Answer()
        assert await commands.execute("s", TerminateCommand(), "k2") == Answer(replayed=True)
        assert problem_of(await commands.execute("s", MessageCommand("x"), "k2")) == (422, "key_reused")
        for replayed in (False, True):
            refused = await commands.execute("s", MessageCommand("x"), "k3")
            assert (problem_of(refused), refused.replayed) == ((400, "invalid_request"), replayed)
        assert problem_of(await commands.execute("s", QueueCancelCommand("turn_1"), "k4")) == (404, "prompt_not_queued")


async def test_first_answers_are_repeated_after_a_restart_of_the_daemon(tmp_path):
    hang, wrong = MessageCommand("hang"), QueueCancelCommand("turn_9")
    told: dict[str, Answer] = {}
    given = {"hang": hang, "wait": MessageCommand("echo 2"), "stop": InterruptCommand(), "wrong": wrong}
    async with obeying(data_dir=str(tmp_path)) as (h, commands):
        log = await h.create()
        await commands.execute("s", hang, "hang")
        await h.until_type(log, "turn.started")
        for key, command in given.items():
            told[key] = await commands.execute("s", command, key)
        await h.until_type(log, "turn.ended", 2)
        await h.create("ended")
        await commands.execute("ended", TerminateCommand(), "end")
    async with obeying(data_dir=str(tmp_path)) as (h, commands):
        log = await h.daemon.log("s")
        last = log.last
        for key, command in given.items():
            again = await commands.execute("s", command, key)
            assert again.replayed
            assert again.result == told[key].result
            if (problem := told[key].problem) is not None:
                assert again.problem is not None
                assert (again.problem.body(), again.problem.headers) == (problem.body(), problem.headers)
        assert await commands.execute("ended", TerminateCommand(), "end") == Answer(replayed=True)
        assert problem_of(await commands.execute("s", hang, "stop")) == (422, "key_reused")
        assert log.last == last


async def test_a_session_that_took_an_id_over_has_none_of_its_keys(tmp_path):
    async with obeying(data_dir=str(tmp_path)) as (h, commands):
        for _ in range(2):
            await h.create()
            assert not (await commands.execute("s", MessageCommand("echo"), "k")).replayed
            assert (await commands.execute("s", MessageCommand("echo"), "k")).replayed
            await h.daemon.delete_session("s")
        assert problem_of(await commands.execute("s", MessageCommand("echo"), "k")) == (404, "session_not_found")
