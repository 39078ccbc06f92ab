"""Codex's turns: how they open and close, whatever comes in between."""

from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.codex.launch import initialize
from sandbox_agent.schema.agents.effects import (
    ConversationOpened,
    Errored,
    NativeSessionNamed,
    Ready,
    Unparsed,
    WithdrawApproval,
)
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.events import ErrorData

from ...playbook import Playbook, any_of, begins, exits, interrupts, prompts, says, writes
from .spec import SPEC

THREAD = {"cwd": "/sandbox/work", "approvalPolicy": "on-request", "sandbox": "workspace-write"}
INITIALIZED = {"method": "initialized"}


def request(request_id: str, method: str, **params: Any) -> dict[str, Any]:
    return {"id": request_id, "method": method, "params": params}


def answer(request_id: str, **result: Any) -> Any:
    return says({"id": request_id, "result": result})


def refusal(request_id: str, message: str = "no") -> Any:
    return says({"id": request_id, "error": {"code": -32600, "message": message}})


def notice(method: str, thread: str = "T", **params: Any) -> Any:
    return says({"method": method, "params": {"threadId": thread, **params}})


def turn_started(turn: str = "U", thread: str = "T") -> Any:
    return notice("turn/started", thread, turn={"id": turn, "status": "inProgress"})


def turn_completed(status: str = "completed", turn: str = "U", thread: str = "T", **rest: Any) -> Any:
    return notice("turn/completed", thread, turn={"id": turn, "status": status, **rest})


def turn_start(number: int = 2, prompt: int = 1) -> Any:
    text = {"type": "text", "text": "hi", "text_elements": []}
    return writes(
        request(f"turn_{number}", "turn/start", threadId="T", clientUserMessageId=f"user_{prompt}", input=[text])
    )


def interrupt(number: int = 3, turn: str = "U") -> Any:
    return writes(request(f"interrupt_{number}", "turn/interrupt", threadId="T", turnId=turn))


def clean(number: int = 4) -> Any:
    return writes(request(f"clean_{number}", "thread/backgroundTerminals/clean", threadId="T"))


def starting(**spec: Any) -> Playbook:
    return (
        Playbook(Codex(evolve(SPEC, **spec)), Ledger())
        >> begins()
        << writes(initialize())
        >> answer("initialize", userAgent="codex")
        << writes(INITIALIZED)
    )


def idle() -> Playbook:
    """A codex that is ready, in the thread T."""
    return (
        starting()
        << writes(request("thread_1", "thread/start", threadSource="user", **THREAD))
        >> answer("thread_1", thread={"id": "T"}, model="gpt")
        << NativeSessionNamed("T", resumable=False)
        << Ready()
    )


def prompted(number: int = 1) -> Playbook:
    """Codex has got a prompt and has not answered."""
    return (
        idle()
        >> prompts("hi", number)
        << "S turn.started turn_1"
        << f"S item.started itm_1 user_{number} message user 'hi'"
        << f"S item.completed itm_1 user_{number} message user completed 'hi'"
        << turn_start(prompt=number)
    )


def running() -> Playbook:
    """The turn is named U, and has started."""
    return prompted() >> answer("turn_2", turn={"id": "U"}) >> turn_started()


def test_prompts_wait_for_the_thread():
    dialect = Codex(SPEC)
    assert "starting" in repr(dialect)
    assert idle()


def test_a_turn_ends_with_codexs_word_for_it():
    assert running() >> turn_completed(durationMs=7) << "turn.ended turn_1 completed"


@pytest.mark.parametrize(("status", "outcome"), [("failed", "failed"), ("surprise", "failed"), (None, "failed")])
def test_what_is_not_completed_has_failed_with_the_reason(status: Any, outcome: str):
    error = {"message": "it broke", "codexErrorInfo": "other"}
    assert (
        running() >> turn_completed(status, error=error) << "error agent_error: it broke" << "turn.ended turn_1 failed"
    )


def test_an_error_is_told_once():
    error = {"message": "it broke", "codexErrorInfo": {"httpConnectionFailed": {"httpStatusCode": 401}}}
    assert (
        running()
        >> notice("error", error=error, willRetry=False, turnId="U")
        << "error api_error: it broke"
        >> turn_completed("failed", error=error)
        << "turn.ended turn_1 failed"
    )


def test_an_error_that_codex_retries_is_not_the_end():
    error = {"message": "again", "codexErrorInfo": "other", "additionalDetails": "why"}
    said = {"method": "error", "params": {"threadId": "T", "error": error, "willRetry": True}}
    details = {"status": None, "kind": "other", "retryable": True}
    assert (
        Playbook(Codex(evolve(SPEC, resume="T")))
        >> begins()
        << any_of(object)
        >> says({**said, "params": {**said["params"], "threadId": ""}})
        << Errored(ErrorData("again: why", "agent_error", details), retryable=True)
    )


def test_a_refused_request_with_a_json_body_is_told_in_the_apis_words():
    error = {"message": '{"error": {"message": "too long", "type": "x"}}', "codexErrorInfo": "other"}
    assert (
        running() >> turn_completed("failed", error=error) << "error api_error: too long" << "turn.ended turn_1 failed"
    )


def test_a_turn_that_codex_refuses_has_failed():
    assert (
        prompted() >> refusal("turn_2", "no such model") << "error jsonrpc.error: no such model"
        << "turn.ended turn_1 failed"
    )  # fmt: skip


def test_a_turn_of_codexs_own_is_a_turn():
    assert (
        idle()
        >> turn_started("V")
        << "turn.started turn_1"
        >> turn_completed(turn="V")
        << "turn.ended turn_1 completed"
    )


def test_a_prompt_that_follows_a_turn_of_codexs_own_does_not_end_with_it():
    assert (
        prompted()
        >> turn_started("V")
        >> turn_completed(turn="V")
        >> answer("turn_2", turn={"id": "U"})
        >> turn_started("U")
        >> turn_completed()
        << "turn.ended turn_1 completed"
    )


def test_a_prompt_that_joins_a_turn_of_codexs_own_ends_with_it():
    assert (
        prompted()
        >> turn_started("V")
        >> answer("turn_2", turn={"id": "V"})
        >> turn_completed(turn="V")
        << "turn.ended turn_1 completed"
    )


def test_a_turn_that_is_over_before_it_is_named_ends():
    assert prompted() >> turn_completed() >> answer("turn_2", turn={"id": "U"}) << "turn.ended turn_1 completed"


def test_a_turn_ends_once():
    assert running() >> turn_completed() << "turn.ended turn_1 completed" >> turn_completed()


def test_a_sub_agents_turn_is_none_of_the_sessions():
    assert running() >> turn_started("W", "sub") >> turn_completed(turn="W", thread="sub") >> turn_completed("completed") << "turn.ended turn_1 completed"  # fmt: skip # noqa: E501


def test_a_sub_agents_error_is_a_status_and_no_error_of_the_turn():
    error = {"message": "it broke", "codexErrorInfo": "other"}
    assert (
        running()
        >> notice("error", "sub", error=error, willRetry=False)
        << "S item.started itm_2 status_seed_1 status system"
        << "item.completed itm_2 status_seed_1 status system completed"
    )


def test_an_interrupt_ends_the_turn_once_its_commands_are_gone():
    assert (
        running()
        >> interrupts()
        << interrupt()
        >> answer("interrupt_3")
        >> turn_completed("interrupted")
        << clean()
        >> answer("clean_4")
        << "turn.ended turn_1 interrupted"
    )


def test_a_second_interrupt_does_nothing():
    assert running() >> interrupts() << interrupt() >> interrupts()


def test_an_interrupt_waits_until_codex_takes_it():
    assert prompted() >> interrupts() >> answer("turn_2", turn={"id": "U"}) >> turn_started() << interrupt()
    assert prompted() >> interrupts() >> turn_started() >> answer("turn_2", turn={"id": "U"}) << interrupt()


def test_an_interrupt_that_comes_too_late_is_no_fault():
    assert (
        running()
        >> interrupts()
        << interrupt()
        >> turn_completed()
        << clean()
        >> refusal("interrupt_3", "no active turn to interrupt")
        << any_of(object)
        >> refusal("clean_4")
        << "turn.ended turn_1 completed"
    )


def test_an_interrupt_stops_the_sub_agents():
    assert (
        running()
        >> turn_started("W", "sub")
        >> interrupts()
        << interrupt()
        << writes(request("stop_4", "turn/interrupt", threadId="sub", turnId="W"))
        << writes(request("stop_5", "thread/backgroundTerminals/clean", threadId="sub"))
        >> refusal("stop_4")
        >> answer("stop_5")
    )


def test_an_interrupt_between_turns_does_nothing():
    assert idle() >> interrupts()


def test_a_turn_that_codex_interrupts_by_itself_ends_its_commands_too():
    assert (
        running() >> turn_completed("interrupted") << clean(3) >> answer("clean_3") << "turn.ended turn_1 interrupted"
    )


def test_a_running_tool_is_closed_with_what_it_printed():
    item = {"type": "commandExecution", "id": "c", "command": "sleep 9", "cwd": "/", "status": "inProgress"}
    assert (
        running()
        >> notice("item/started", item=item)
        << "item.started itm_2 c tool_call assistant"
        << "item.completed itm_2 c tool_call assistant completed"
        << "item.started itm_3 c#result tool_result tool in itm_2"
        >> notice("item/commandExecution/outputDelta", itemId="c", delta="out\n")
        << "item.delta itm_3 'out\\n'"
        >> turn_completed("interrupted")
        << clean(3)
        >> answer("clean_3")
        << "S item.completed itm_3 c#result tool_result tool failed in itm_2"
        << "turn.ended turn_1 interrupted"
        >> notice("item/commandExecution/outputDelta", itemId="c", delta="late")
    )


def test_asks_of_the_turn_are_withdrawn_before_it_ends_and_a_sub_agents_are_not():
    def ask(number: int, thread: str) -> Any:
        method = "item/commandExecution/requestApproval"
        return says({"id": number, "method": method, "params": {"threadId": thread, "itemId": "c", "command": "ls"}})

    assert (
        running()
        >> ask(0, "T")
        << any_of(object)
        >> ask(1, "sub")
        << any_of(object)
        >> turn_completed()
        << WithdrawApproval("ask_seed_0")
        << "turn.ended turn_1 completed"
        >> notice("serverRequest/resolved", requestId=0)
        >> notice("serverRequest/resolved", "sub", requestId=1)
        << WithdrawApproval("ask_seed_1")
    )


def test_a_conversation_is_resumable_from_its_first_item():
    item = {"type": "userMessage", "id": "u", "clientId": "user_1", "content": []}
    assert (
        running()
        >> notice("item/started", item=item)
        >> notice("item/completed", item=item)
        << NativeSessionNamed("T", resumable=True)
        >> notice("item/completed", item=item)
    )


def test_a_thread_is_resumed_without_its_history():
    assert (
        starting(resume="T")
        << writes(request("thread_1", "thread/resume", threadId="T", excludeTurns=True, **THREAD))
        >> answer("thread_1", thread={"id": "T"}, model="gpt")
        << NativeSessionNamed("T", resumable=True)
        << ConversationOpened(resumed=True)
        << Ready()
    )


def test_a_thread_that_is_not_there_is_told_and_another_is_started():
    assert (
        starting(resume="gone")
        << any_of(object)
        >> refusal("thread_1", "no rollout found for thread id gone")
        << "error resume_failed: no rollout found for thread id gone"
        << writes(request("thread_2", "thread/start", threadSource="user", **THREAD))
        >> answer("thread_2", thread={"id": "T"})
        << NativeSessionNamed("T", resumable=False)
        << ConversationOpened(resumed=False)
        << Ready()
    )


def test_a_thread_that_cannot_be_opened_keeps_no_prompt_back_and_each_one_tries_again():
    resume = request("thread_2", "thread/resume", threadId="T", excludeTurns=True, **THREAD)
    assert (
        starting(resume="T")
        << any_of(object)
        >> refusal("thread_1", "the file is broken")
        << "error resume_failed: the file is broken"
        << Ready()
        >> prompts("hi")
        << "S turn.started turn_1"
        << any_of(object)
        << any_of(object)
        << writes(resume)
        >> refusal("thread_2", "still broken")
        << "error resume_failed: still broken"
        << "S turn.ended turn_1 failed"
        >> prompts("hi", 2)
        << "S turn.started turn_2"
        << any_of(object)
        << any_of(object)
        << writes({**resume, "id": "thread_3"})
        >> answer("thread_3", thread={"id": "T"})
        << NativeSessionNamed("T", resumable=True)
        << ConversationOpened(resumed=True)
        << turn_start(4, 2)
        >> answer("turn_4", turn={"id": "U"})
        >> turn_started()
        >> turn_completed()
        << "turn.ended turn_2 completed"
    )


def test_an_interrupt_of_a_prompt_that_waits_for_a_thread_ends_it():
    assert (
        starting()
        << any_of(object)
        >> refusal("thread_1")
        << "error start_failed: no"
        << Ready()
        >> prompts("hi")
        << "S turn.started turn_1"
        << any_of(object)
        << any_of(object)
        << any_of(object)
        >> interrupts()
        << "S turn.ended turn_1 interrupted"
        >> answer("thread_2", thread={"id": "T"})
        << NativeSessionNamed("T", resumable=False)
    )


def test_a_turn_tells_what_it_added_to_the_threads_sums():
    def usage(total: int, last: int, thread: str = "T", turn: str = "U") -> Any:
        def sums(tokens: int) -> dict[str, int]:
            return {"inputTokens": 10 * tokens, "cachedInputTokens": 3 * tokens, "outputTokens": tokens}

        counts = {"total": sums(total), "last": sums(last)}
        return {
            "method": "thread/tokenUsage/updated",
            "params": {"threadId": thread, "turnId": turn, "tokenUsage": counts},
        }

    dialect = Codex(evolve(SPEC, resume="T"))
    ended: list[dict[str, Any]] = []
    for line in (
        says({"id": "thread_1", "result": {"thread": {"id": "T"}}}),
        turn_started(),
        says(usage(50, 7, turn="of a former life")),  # codex may tell it only now
        says(usage(51, 1)),
        says(usage(51, 1)),  # codex may say it twice
        turn_started("W", "sub"),
        says(usage(2, 2, "sub", "W")),
        turn_completed(),
        turn_started("V"),
        turn_completed(turn="V"),
    ):
        ended += [effect.metadata for effect in line.say(dialect) if type(effect).__name__ == "TurnEnded"]
    first, second = ended
    assert first["usage"] == {
        "input_tokens": 21, "output_tokens": 3, "cache_read_tokens": 9, "cache_write_tokens": 0,
    }  # fmt: skip
    assert "usage" not in second
    assert first["stop_reason"] == "completed"


@pytest.mark.parametrize(
    ("line", "error", "location"),
    [
        (b"not json", "JSON is malformed", "codex stdout"),
        (b'{"method": 5}', "Expected `str`, got `int`", "codex stdout"),
        (b'{"id": 1.5}', "Expected `int | str | null`, got `float`", "codex stdout"),
        (b"{}", "neither a request nor an answer", "codex stdout"),
        (b'{"id": 9, "result": {}}', "an answer to '9', which was not asked", "codex response"),
        (b'{"method": "news"}', "unknown notification 'news'", "codex notification"),
        (b'{"method": "item/started", "params": {}}', "missing required field `threadId`", "codex stdout"),
        (b'{"method": "item/started", "params": {"threadId": "T", "item": {}}}', "an item without id", "codex stdout"),
        (b'{"method": "turn/started", "params": 7}', "Expected `object`, got `int`", "codex stdout"),
        (b'{"method": "a", "params": ' + b"[" * 100_000, "recursion", "codex stdout"),
        (b'{"method": "\xff"}', "utf-8", "codex stdout"),
    ],
    ids=lambda value: value[:40].decode("latin1") if isinstance(value, bytes) else None,
)
def test_what_is_not_known_is_unparsed_and_ends_no_turn(line: bytes, error: str, location: str):
    (unparsed,) = Codex(SPEC).receive(line)
    assert isinstance(unparsed, Unparsed)
    assert error in unparsed.error
    assert (unparsed.location, unparsed.raw) == (location, line)


def test_noise_is_silent():
    for method in (
        "thread/status/changed",
        "thread/started",
        "account/updated",
        "thread/realtime/sdp",
        "hook/started",
        "item/commandExecution/terminalInteraction",
        "mcpServer/oauthLogin/completed",
    ):
        assert idle() >> notice(method)


def test_an_exit_leaves_no_turn():
    assert running() >> exits(None, 9) >> interrupts()


def compact_start() -> Any:
    return writes(request("compact_2", "thread/compact/start", threadId="T"))


def compacting() -> Playbook:
    return (
        idle()
        >> prompts("/compact")
        << "S turn.started turn_1"
        << "S item.started itm_1 user_1 message user '/compact'"
        << "S item.completed itm_1 user_1 message user completed '/compact'"
        << compact_start()
    )


def test_a_compaction_is_a_turn_that_codex_names_as_it_starts():
    assert (
        compacting()
        >> turn_completed(turn="of before")
        >> answer("compact_2")
        >> turn_started("C")
        >> turn_completed(turn="C")
        << "turn.ended turn_1 completed"
    )


def test_a_compaction_that_is_refused_fails_its_turn():
    assert (
        compacting()
        >> refusal("compact_2", "no such thread")
        << "error jsonrpc.error: no such thread"
        << "turn.ended turn_1 failed"
    )
