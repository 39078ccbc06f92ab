"""Amp's turns and asks: what the transcripts of a well-behaved amp do not show."""

from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.dialect import Attachment, HookedDialect
from sandbox_agent.schema.agents.effects import (
    AnswerHook,
    ConversationOpened,
    EndProcess,
    Errored,
    NativeSessionNamed,
    Ready,
    RequestPermission,
    SignalAgent,
    TurnEnded,
    Unparsed,
    WithdrawApproval,
)
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.events import ErrorData

from ...playbook import Playbook, Said, allows, any_of, begins, exits, interrupts, prompts, rejects, says, writes
from .spec import SPEC


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": list(content)}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(name: str = "shell_command", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "TU-1", "name": name, "input": arguments}


def assistant(*content: dict[str, Any], stop: str | None = "end_turn", **members: Any) -> dict[str, Any]:
    return {"type": "assistant", "message": {"content": list(content), "stop_reason": stop, **members}}


def result(**members: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, **members}


CANCELLED = result(is_error=True, error="User cancelled (SIGINT/SIGTERM)")


def hooks(hook_id: str, **request: Any) -> Said:
    return Said(f"{hook_id} asks {request}", lambda dialect: dialect.hooked(hook_id, request))  # type: ignore[attr-defined]


def hook_goes(hook_id: str) -> Said:
    return Said(f"{hook_id} goes", lambda dialect: dialect.hook_gone(hook_id))  # type: ignore[attr-defined]


def prompted() -> Playbook:
    return (
        Playbook(Amp(SPEC), Ledger())
        >> begins()
        << Ready()
        >> prompts("hi")
        << "S turn.started turn_1"
        << "S item.started itm_1 user_1 message user 'hi'"
        << "S item.completed itm_1 user_1 message user completed 'hi'"
        << writes(user(text("hi")))
    )


def test_amp_asks_by_hooks():
    assert isinstance(Amp(SPEC), HookedDialect)


def test_the_thread_is_what_init_names():
    assert prompted() >> says({"type": "system", "subtype": "init", "session_id": "T-1"}) << NativeSessionNamed("T-1")


@pytest.mark.parametrize("stop", ["end_turn", "max_tokens", "stop_sequence", "refusal"])
def test_a_message_without_a_call_ends_the_turn(stop: str):
    assert (
        prompted()
        >> says(assistant(text("yes"), stop=stop))
        << "S item.started itm_2 seed#1.0 message assistant 'yes'"
        << "S item.delta itm_2 'yes'"
        << "item.completed itm_2 seed#1.0 message assistant completed 'yes'"
        << "turn.ended turn_1 completed"
    )


@pytest.mark.parametrize("stop", [None, "tool_use", "pause_turn"])
def test_a_message_that_goes_on_does_not_end_the_turn(stop: str | None):
    assert prompted() >> says(assistant(stop=stop)) >> says(result()) << "turn.ended turn_1 completed" << EndProcess()


def test_a_call_keeps_the_turn_open_whatever_the_stop_reason_says():
    assert (
        prompted()
        >> says(assistant(call(command="ls"), stop="end_turn"))
        << "S item.started itm_2 TU-1 tool_call assistant"
        << "item.completed itm_2 TU-1 tool_call assistant completed"
    )


def test_a_block_that_cannot_be_read_does_not_keep_the_turn_open():
    assert prompted() >> says(assistant({"type": 7})) << any_of(object) << "turn.ended turn_1 completed"


def test_usage_is_summed_over_the_messages_of_one_turn():
    dialect = Amp(SPEC)
    ended = []
    for number in (1, 2):
        prompts("hi", number).say(dialect)
        for stop in ("tool_use", "end_turn"):
            usage = {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 3, "service_tier": "standard"}
            effects = says(assistant(text("so"), stop=stop, usage=usage)).say(dialect)
            ended += [effect.metadata for effect in effects if isinstance(effect, TurnEnded)]
    tokens = {"input_tokens": 20, "output_tokens": 4, "cache_read_tokens": 6, "cache_write_tokens": 0}
    assert ended == [{"usage": tokens, "num_turns": 2}] * 2


def test_an_error_fails_the_turn_and_ends_the_process():
    assert (
        prompted()
        >> says(result(is_error=True, error="out of credit"))
        << "error agent_error: out of credit"
        << "turn.ended turn_1 failed"
        << EndProcess()
        >> says(assistant(text("late")))
    )


def test_an_interrupt_signals_once_and_the_process_that_ends_of_it_is_no_crash():
    assert (
        prompted()
        >> interrupts()
        << SignalAgent()
        >> interrupts()
        >> says(CANCELLED)
        << "turn.ended turn_1 interrupted"
        << EndProcess()
    )


def test_an_interrupt_that_finds_amp_not_begun_ends_in_its_death_by_the_signal():
    assert (
        prompted()
        >> interrupts()
        << SignalAgent()
        >> exits(None, 2)
        << "S turn.ended turn_1 interrupted"
        << EndProcess()
    )


def test_an_interrupt_that_comes_too_late_completes_the_turn_and_still_ends_the_process():
    assert (
        prompted()
        >> interrupts()
        << SignalAgent()
        >> says(assistant())
        << "turn.ended turn_1 completed"
        << EndProcess()
        >> says(CANCELLED)
    )


def test_between_turns_there_is_nothing_to_interrupt():
    assert Playbook(Amp(SPEC)) >> interrupts()


def test_a_crash_is_the_sessions_to_tell():
    assert prompted() >> exits(1)


def test_a_login_that_waits_is_an_error_and_the_end():
    message = "amp has no credentials: set AMP_API_KEY for the daemon, or log in with `amp login`"
    assert (
        prompted()
        >> says(b"No API key found. Starting login flow...")
        << f"error login_required: {message}"
        << "turn.ended turn_1 failed"
        << EndProcess()
        >> says(b"If your browser does not open automatically, visit:")
    )


def test_empty_lines_are_nothing_and_others_are_kept():
    assert (
        Playbook(Amp(SPEC))
        >> says(b"")
        >> says(b"Hello")
        << any_of(Unparsed)
        >> says({"type": "new"})
        << Unparsed("unknown message type 'new'", "amp stdout")
    )


def test_a_hook_asks_and_its_answer_lets_it_go():
    metadata = {"toolName": "Bash", "input": {"cmd": "ls"}, "threadId": "T-1", "toolUseId": "TU-9"}
    request = {"tool": "Bash", "input": {"cmd": "ls"}, "thread": "T-1", "toolUseId": "TU-9"}
    assert (
        Playbook(Amp(SPEC))
        >> hooks("hook_1", **request)
        << RequestPermission("seed.hook_1", "Bash", metadata)
        >> hooks("hook_2", **request)
        << RequestPermission("seed.hook_2", "Bash", metadata)
        >> allows("seed.hook_2", "always")
        << AnswerHook("hook_2", True)
        >> rejects("seed.hook_1")
        << AnswerHook("hook_1", False, "The user does not allow this.")
        >> rejects("seed.hook_1")
    )


def test_two_processes_of_a_session_never_use_an_id_twice():
    first, second = (Amp(evolve(SPEC, seed=seed)).hooked("hook_1", {"tool": "Bash"})[0] for seed in ("a", "b"))
    assert first != second


def test_a_request_without_a_tool_is_refused_unasked():
    refused = AnswerHook("hook_1", False, "This request names no tool.")
    assert Playbook(Amp(SPEC)) >> hooks("hook_1", input={}) << refused >> hooks("hook_1", tool=3) << refused


def test_a_hook_that_goes_withdraws_its_ask_only():
    assert (
        Playbook(Amp(SPEC))
        >> hooks("hook_1", tool="Bash")
        << any_of(RequestPermission)
        >> hooks("hook_2", tool="Bash")
        << any_of(RequestPermission)
        >> hook_goes("hook_1")
        << WithdrawApproval("seed.hook_1")
        >> hook_goes("hook_1")
        >> exits(0)
        << WithdrawApproval("seed.hook_2")
    )


def test_images_go_inline_and_other_files_are_named():
    image = Attachment("/d/a.png", "image/png", None, b"\x01\x02\x03")
    notes = Attachment("/d/notes.txt", "text/plain", None)
    source = {"type": "base64", "media_type": "image/png", "data": "AQID"}
    assert (
        Playbook(Amp(SPEC))
        >> prompts("look", attachments=(image, notes))
        << any_of(object)
        << any_of(object)
        << any_of(object)
        << writes(user({"type": "image", "source": source}, text("look\n\nAttachments:\n- /d/notes.txt")))
    )


def test_an_error_without_words_still_says_something():
    dialect = Amp(SPEC)
    (error, *_) = says(result(is_error=True)).say(dialect)
    assert isinstance(error, Errored)
    assert error.data == ErrorData(
        "amp reports an error without words", "agent_error", {"subtype": "success", "retryable": False}
    )


@pytest.mark.parametrize(("thread", "resumed"), [("T-1", True), ("T-2", False)])
def test_a_thread_is_resumed_when_amp_names_it_and_not_before(thread: str, resumed: bool):
    told = Playbook(Amp(evolve(SPEC, resume="T-1"))) >> begins() << any_of(Ready) >> prompts("hi")
    for _ in range(4):
        told = told << any_of(object)
    opened = ConversationOpened(resumed=resumed)
    told = told >> says({"type": "system", "subtype": "init", "session_id": thread}) << opened
    assert told << NativeSessionNamed(thread)
