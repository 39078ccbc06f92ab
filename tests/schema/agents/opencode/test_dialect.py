"""OpenCode's turns: how they open and close, whatever comes in between."""

import pytest

from sandbox_agent.schema.agents.effects import ConversationOpened, NativeSessionNamed, Ready, WithdrawApproval
from sandbox_agent.schema.agents.opencode.dialect import MOST_CHECKS

from ...playbook import allows, any_of, exits, interrupts, prompts
from .talk import (
    BUSY,
    OWN,
    aborts,
    answering,
    answers_call,
    asks_history,
    asks_status,
    calls,
    connected,
    done,
    idle,
    message,
    prompted,
    spoken,
    tells,
    tool,
)


def test_a_turn_ends_when_the_session_is_idle_and_its_answer_complete():
    assert (
        answering()
        >> tells("message.part.updated", part=spoken("", finished=False))
        >> tells("message.part.delta", messageID="msg_assistant", partID="prt_text", field="text", delta="Hel")
        << "item.started itm_2 prt_text message assistant"
        << "item.delta itm_2 'Hel'"
        >> tells("message.part.updated", part=spoken("Hello"))
        << "item.completed itm_2 prt_text message assistant completed 'Hello'"
        >> tells("message.updated", info=done())
        >> tells("session.idle")
        << "turn.ended turn_1 completed"
        >> tells("session.idle")
    )


def test_an_idle_of_the_turn_before_ends_nothing():
    assert (
        prompted()
        >> tells("session.idle")
        >> tells("message.updated", info=message("user"))
        >> tells("session.idle")
        << asks_status()
        >> answers_call("status 1", BUSY)
    )


def test_an_answer_to_a_call_of_the_turn_before_ends_nothing():
    assert answering() >> answers_call("status 0", {}) >> answers_call("prompt 0", status=500)


def test_an_idle_in_the_middle_of_an_answer_waits_for_its_end():
    assert (
        answering()
        >> tells("session.idle")
        << asks_status()
        >> answers_call("status 1", {})
        << asks_history()
        << asks_status()
        >> answers_call(
            "messages 1", [{"info": message("user"), "parts": []}, {"info": done(), "parts": [spoken("Hi")]}]
        )
        << "S item.started itm_2 prt_text message assistant 'Hi'"
        << "S item.delta itm_2 'Hi'"
        << "item.completed itm_2 prt_text message assistant completed 'Hi'"
        >> answers_call("status 1", {})
        << "S turn.ended turn_1 completed"
    )


def test_an_answer_that_never_ends_does_not_keep_an_idle_turn_open():
    playbook = answering() >> tells("session.idle") << asks_status()
    for _ in range(MOST_CHECKS):
        playbook = playbook >> answers_call("status 1", {}) << asks_history() << asks_status()
    assert playbook >> answers_call("status 1", {}) << "S turn.ended turn_1 completed"


def test_an_error_is_told_once_and_ends_the_turn_without_an_idle():
    said = {"name": "UnknownError", "data": {"message": "Agent not found"}}
    trace = {"name": "UnknownError", "data": {"message": "UnknownError: UnknownError\n    at x"}}
    assert (
        prompted()
        >> tells("session.error", error=said)
        << "error agent_error: Agent not found"
        << asks_status()
        >> tells("session.error", error=trace)
        << asks_status()
        >> answers_call("status 1", {})
        << "S turn.ended turn_1 failed"
        >> answers_call("status 1", {})
        >> tells("session.error", error=trace)
    )


@pytest.mark.parametrize("status", [0, 400, 500])
def test_a_prompt_that_is_refused_fails_the_turn_and_is_stopped_all_the_same(status: int):
    body = {"name": "BadRequest", "data": {"message": "no"}} if status else None
    playbook = prompted() >> answers_call("prompt 1", body, status, "no answer")
    playbook = playbook << ("error prompt_failed: no" if status else "S error prompt_failed: no answer")
    assert playbook << aborts() << "S turn.ended turn_1 failed" >> answers_call("abort 1", True)


def test_an_interrupt_ends_the_turn_as_interrupted_and_withdraws_what_is_asked():
    aborted = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}
    assert (
        answering()
        >> tells("permission.asked", id="per_1", permission="bash", patterns=[], metadata={}, always=[])
        << any_of(object)
        >> interrupts()
        << aborts()
        << WithdrawApproval("per_1")
        << calls("reply per_1", "POST", "/permission/per_1/reply", {"reply": "reject"})
        >> tells("session.error", error=aborted)
        << asks_status()
        >> tells("session.idle")
        << asks_status()
        >> answers_call("reply per_1", {}, 404)
        >> tells("message.updated", info=message("assistant", time={"completed": 2}, error=aborted))
        >> tells("session.idle")
        << "turn.ended turn_1 interrupted"
    )


def test_an_interrupt_that_comes_before_the_prompt_is_taken_up_is_repeated():
    assert (
        prompted()
        >> interrupts()
        << aborts()
        >> answers_call("abort 1", True)
        << asks_status()
        >> answers_call("status 1", {})
        >> tells("message.updated", info=message("user"))
        << aborts()
        >> answers_call("abort 1", True)
        << asks_status()
        >> answers_call("status 1", {})
        << "S turn.ended turn_1 interrupted"
    )


def test_an_interrupt_that_was_early_is_repeated_also_when_its_answer_comes_late():
    assert (
        prompted()
        >> interrupts()
        << aborts()
        >> tells("message.updated", info=message("user"))
        << aborts()
        >> answers_call("abort 1", True)
        << asks_status()
        >> answers_call("status 1", {OWN: {"type": "busy"}})
        >> answers_call("abort 1", True)
        << asks_status()
        >> answers_call("status 1", {})
        << "S turn.ended turn_1 interrupted"
    )


def test_an_interrupt_that_meets_the_end_of_the_answer_changes_nothing():
    assert (
        answering()
        >> interrupts()
        << aborts()
        >> tells("message.updated", info=done())
        >> tells("session.idle")
        << "turn.ended turn_1 completed"
        >> interrupts()
    )


def test_a_stream_that_was_broken_in_a_turn_is_made_up_for_without_repetition():
    again = {"id": "per_1", "sessionID": OWN, "permission": "bash", "metadata": {}}
    assert (
        answering()
        >> tells("message.part.updated", part=spoken("Hi"))
        << "S item.started itm_2 prt_text message assistant 'Hi'"
        << "S item.delta itm_2 'Hi'"
        << "item.completed itm_2 prt_text message assistant completed 'Hi'"
        >> tells("permission.asked", **again)
        << any_of(object)
        >> tells("server.connected")
        << asks_history()
        << calls("permission 1", "GET", "/permission")
        << calls("question 1", "GET", "/question")
        << asks_status()
        >> answers_call(
            "messages 1",
            [
                {"info": message("user"), "parts": []},
                {"info": message("assistant"), "parts": [spoken("Hi"), tool("running", input={"command": "x"})]},
            ],
        )
        << "S item.started itm_3 prt_tool tool_call assistant"
        << "item.completed itm_3 prt_tool tool_call assistant completed"
        >> answers_call("permission 1", [again, again | {"id": "per_2", "sessionID": "ses_unheard_of"}])
        << any_of(object)
        >> answers_call("question 1", [])
        >> answers_call("status 1", BUSY)
    )


def test_a_history_without_the_new_prompt_is_the_turn_befores():
    assert (
        answering()
        >> tells("message.updated", info=done())
        >> tells("session.idle")
        << "turn.ended turn_1 completed"
        >> prompts("again", 2)
        << "S turn.started turn_2"
        << any_of(object)
        << any_of(object)
        << any_of(object)
        >> tells("server.connected")
        << asks_history(2)
        << any_of(object)
        << any_of(object)
        << asks_status(2)
        >> answers_call("messages 2", [{"info": message("user"), "parts": []}, {"info": done(), "parts": []}])
        >> answers_call("status 2", {})
    )


def test_a_conversation_that_is_gone_is_told_and_a_fresh_one_begins():
    assert (
        connected(resume="ses_gone")
        >> answers_call("config", {})
        >> answers_call("providers", {"default": {"p": "m"}})
        >> answers_call("session", {"name": "NotFoundError", "data": {"message": "Session not found: ses_gone"}}, 404)
        << "error resume_failed: Session not found: ses_gone"
        << calls("session", "POST", "/session", {})
        >> answers_call("session", {"id": OWN})
        << NativeSessionNamed(OWN)
        << ConversationOpened(resumed=False)
        << Ready()
    )


def test_a_conversation_that_is_there_is_gone_on_with():
    assert (
        connected(resume=OWN)
        >> answers_call("config", {})
        >> answers_call("providers", {"default": {"p": "m"}})
        >> answers_call("session", {"id": OWN})
        << NativeSessionNamed(OWN)
        << ConversationOpened(resumed=True)
        << Ready()
    )


def test_a_configuration_that_opencode_refuses_fails_each_prompt_with_a_reason():
    refusal = {"name": "ConfigInvalidError", "data": {"message": "bad config"}}
    assert (
        connected()
        >> answers_call("config", refusal, 400)
        >> answers_call("providers", refusal, 400)
        >> answers_call("session", refusal, 400)
        << "error start_failed: bad config"
        << Ready()
        >> prompts("hi")
        << "S turn.started turn_1"
        << any_of(object)
        << any_of(object)
        << "S error no_session: opencode has no session: bad config"
        << "S turn.ended turn_1 failed"
    )


def test_a_process_that_is_gone_leaves_no_turn_to_interrupt():
    assert answering() >> exits(None, 9) >> interrupts()


def test_what_is_not_known_is_unparsed_and_ends_no_turn():
    assert (
        answering()
        >> tells("something.new")
        << "S agent.unparsed opencode event: unknown event 'something.new'"
        >> tells("message.part.updated", part=spoken("x") | {"type": "hologram"})
        << "S agent.unparsed opencode message.part.updated: unknown part type 'hologram'"
        >> tells("server.heartbeat")
        >> tells("session.next.text.delta")
        >> tells("message.updated", info=done())
        >> tells("session.idle")
        << "turn.ended turn_1 completed"
    )


def test_a_retry_a_compaction_and_a_failing_sub_agent_are_told_and_end_nothing():
    assert (
        answering()
        >> tells("session.status", status={"type": "retry", "attempt": 2, "message": "overloaded"})
        << "S item.started itm_2 evt_1 status system"
        << "item.completed itm_2 evt_1 status system completed"
        << calls("mcp", "GET", "/mcp")
        >> tells("message.part.updated", part=spoken("") | {"type": "compaction", "id": "prt_c", "auto": True})
        << "S item.started itm_3 prt_c status system"
        << "item.completed itm_3 prt_c status system completed"
        >> tells("session.created", sessionID="ses_child", info={"id": "ses_child", "parentID": OWN})
        >> tells("session.error", sessionID="ses_child", error={"name": "APIError", "data": {"message": "no"}})
        << "error agent_error: no"
        >> tells("session.idle", sessionID="ses_child")
        >> tells("session.idle", sessionID="ses_of_nobody")
    )


def test_nothing_is_heard_between_turns():
    assert idle() >> tells("session.idle") >> tells("message.updated", info=message("user")) >> tells("todo.updated")


def test_an_id_is_one_step_of_a_path_whatever_it_holds():
    assert (
        answering()
        >> tells("permission.asked", id="../a b?c", permission="bash")
        << any_of(object)
        >> allows("../a b?c")
        << calls("reply ../a b?c", "POST", "/permission/..%2Fa%20b%3Fc/reply", {"reply": "once"})
    )
