"""The mock dialect, as transcripts. The real program is held against it in tests/actors/test_mock_*.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.agents.dialect import AgentSpec, Attachment, Dialect, ExitStatus
from sandbox_agent.schema.agents.effects import (
    ConversationOpened,
    Errored,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    NativeSessionNamed,
    Ready,
    RequestPermission,
    RequestQuestion,
    SessionEnded,
    TurnEnded,
    TurnStarted,
    Unparsed,
    WithdrawApproval,
    Write,
)
from sandbox_agent.schema.agents.ledger import Ledger
from sandbox_agent.schema.agents.mock.dialect import Mock
from sandbox_agent.schema.events import ErrorData, QuestionEventData, QuestionOption, QuestionPart
from sandbox_agent.schema.items import JsonPart, TextPart

from ...playbook import Playbook, allows, answers, any_of, begins, exits, interrupts, prompts, rejects, says, writes

HELLO = {"type": "hello", "session": "mock-s"}
ITEM = {"id": "mock_1_a", "kind": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}
PERMISSION = {"type": "permission", "id": "p", "action": "file_change", "metadata": {"path": "a"}}
QUESTION = {"type": "question", "id": "q", "question": "Which?", "options": ["A", "B"]}


def mock(**rest) -> Mock:
    return Mock(AgentSpec("s", ("mock",), "/", "build", "default", "seed", **rest))


def ready(dialect: Mock | None = None, ledger: Ledger | None = None) -> Playbook:
    """A play that starts after the handshake."""
    return (
        Playbook(dialect or mock(), ledger)
        >> begins()
        << any_of(NativeSessionNamed)
        << writes(HELLO)
        >> says(HELLO)
        << any_of(NativeSessionNamed)
        << Ready()
    )


def test_the_command_line_carries_the_step_only_if_it_is_set():
    assert mock().launch().argv == ("mock",)
    assert mock(settings={"step_ms": "0"}).launch().argv == ("mock", "--step-ms", "0")


def test_the_handshake_names_the_session_at_once_and_is_ready_once():
    dialect: Dialect = mock()
    assert (
        Playbook(dialect)
        >> begins()
        << NativeSessionNamed("mock-s", resumable=False)
        << writes(HELLO)
        >> says(HELLO)
        << NativeSessionNamed("mock-s", resumable=True)
        << Ready()
        >> says(HELLO)
    )
    assert repr(dialect) == "<Mock 'mock-s' ready asks=[]>"


def test_a_resumed_session_keeps_its_native_id():
    assert (
        Playbook(mock(resume="mock-before"))
        >> begins()
        << NativeSessionNamed("mock-before")
        << writes({"type": "hello", "session": "mock-before", "resume": True})
    )


@pytest.mark.parametrize("lost", [False, True])
def test_whether_a_conversation_is_resumed_is_what_the_program_says(lost: bool):
    told = Playbook(mock(resume="mock-s")) >> begins() << any_of(NativeSessionNamed) << any_of(Write)
    told = told >> says(HELLO | {"lost": lost}) << NativeSessionNamed("mock-s")
    told = told << any_of(Errored) if lost else told
    assert told << ConversationOpened(resumed=not lost) << Ready()


def test_a_conversation_that_the_program_cannot_keep_is_not_resumable():
    assert (
        Playbook(mock())
        >> begins()
        << any_of(NativeSessionNamed)
        << writes(HELLO)
        >> says(HELLO | {"kept": False})
        << NativeSessionNamed("mock-s", resumable=False)
        << Ready()
    )


def test_a_variant_may_be_how_the_start_goes_wrong():
    assert mock(variant="crash").launch().argv == ("mock", "--start", "crash")
    assert mock(variant="high").launch().argv == ("mock",)


def test_a_turn_starts_with_the_prompt_and_ends_with_the_programs_word():
    line = {"type": "turn_ended", "outcome": "failed"}
    assert (
        ready()
        >> prompts("hi", 7)
        << TurnStarted(synthetic=True)
        << writes({"type": "prompt", "number": 7, "text": "hi"})
        >> says(line)
        << TurnEnded("failed", synthetic=True, raw=json.dumps(line).encode())
    )


def test_attachments_are_listed_below_the_text():
    files = (Attachment("/a", None, None), Attachment("/b c", "text/plain", "b"))
    assert (
        ready()
        >> prompts("hi", attachments=files)
        << TurnStarted()
        << writes({"type": "prompt", "number": 1, "text": "hi\n\nAttachments:\n- /a\n- /b c"})
    )


def test_items_are_native_and_keep_what_the_agent_said():
    started, completed = {"type": "item_started"} | ITEM, {"type": "item_completed"} | ITEM
    assert (
        ready()
        >> says(started)
        << ItemStarted("mock_1_a", "message", "assistant", (TextPart("x"),), raw=json.dumps(started).encode())
        >> says({"type": "delta", "id": "mock_1_a", "text": "y"})
        << ItemDelta("mock_1_a", "y")
        >> says(completed)
        << ItemCompleted("mock_1_a", "message", "assistant", (TextPart("x"),))
        >> says(completed | {"failed": True, "content": [{"type": "json", "json": [1]}]})
        << ItemCompleted("mock_1_a", "message", "assistant", (JsonPart([1]),), failed=True)
    )


def test_a_permission_goes_out_and_its_answer_back():
    assert (
        ready()
        >> says(PERMISSION)
        << RequestPermission("p", "file_change", {"path": "a"})
        >> allows("p", "always")
        << writes({"type": "permission", "id": "p", "reply": "always"})
        >> says(PERMISSION | {"id": "p2"})
        << any_of(RequestPermission)
        >> rejects("p2")
        << writes({"type": "permission", "id": "p2", "reply": "reject"})
    )


def test_a_question_goes_out_and_its_answer_back():
    part = QuestionPart("Which?", (QuestionOption("A"), QuestionOption("B")))
    assert (
        ready()
        >> says(QUESTION)
        << RequestQuestion(QuestionEventData("q", "Which?", ("A", "B"), None, "requested", (part,)))
        >> answers("q", [["A"]])
        << writes({"type": "question", "id": "q", "answers": [["A"]]})
        >> says(QUESTION | {"id": "q2"})
        << any_of(RequestQuestion)
        >> answers("q2", None)
        << writes({"type": "question", "id": "q2", "answers": None})
    )


def test_an_interrupt_withdraws_only_what_is_still_asked():
    assert (
        ready()
        >> says(PERMISSION)
        << any_of(RequestPermission)
        >> says(QUESTION)
        << any_of(RequestQuestion)
        >> allows("p")
        << writes({"type": "permission", "id": "p", "reply": "once"})
        >> interrupts()
        << writes({"type": "interrupt"})
        >> says({"type": "withdraw", "id": "q"})
        << WithdrawApproval("q")
        >> says({"type": "withdraw", "id": "p"})
        >> says({"type": "turn_ended", "outcome": "interrupted"})
        << TurnEnded("interrupted")
    )


def test_asks_outlive_their_turn_but_not_the_program():
    dialect = mock()
    assert (
        ready(dialect)
        >> says(PERMISSION)
        << any_of(RequestPermission)
        >> says({"type": "turn_ended", "outcome": "completed"})
        << TurnEnded()
        >> exits(1)
        << WithdrawApproval("p")
        >> exits(1)
    )
    assert repr(dialect) == "<Mock 'mock-s' ended asks=[]>"


def test_the_end_of_the_session_withdraws_every_ask():
    assert (
        ready()
        >> says(PERMISSION)
        << any_of(RequestPermission)
        >> says(QUESTION)
        << any_of(RequestQuestion)
        >> says({"type": "session_ended", "reason": "completed"})
        << WithdrawApproval("p")
        << WithdrawApproval("q")
        << SessionEnded("completed", synthetic=True)
    )


def test_an_error_does_not_end_the_turn():
    assert (
        ready()
        >> says({"type": "error", "code": "mock_error", "message": "no"})
        << Errored(ErrorData("no", "mock_error"), synthetic=True)
    )


def test_an_unknown_line_is_unparsed_and_keeps_its_words():
    assert ready() >> says({"raw": "mock"}) << Unparsed("unsupported payload", "mock.stream", b'{"raw": "mock"}')


def test_the_events_of_a_turn_as_clients_see_them():
    text = {"content": [{"type": "text", "text": "OK"}]}
    assert (
        ready(ledger=Ledger())
        >> prompts("hi")
        << "S turn.started turn_1"
        << writes({"type": "prompt", "number": 1, "text": "hi"})
        >> says({"type": "item_started"} | ITEM | text)
        << "item.started itm_1 mock_1_a message assistant 'OK'"
        >> says({"type": "item_completed"} | ITEM | text)
        << "S item.delta itm_1 'OK'"
        << "item.completed itm_1 mock_1_a message assistant completed 'OK'"
        >> says({"type": "turn_ended", "outcome": "completed"})
        << "S turn.ended turn_1 completed"
    )


@pytest.mark.parametrize(
    "line",
    [
        b"\xff",
        b"{",
        b"[" * 100_000,
        b"null",
        b'{"type":"delta","id":"a","text":"\xff"}',
        b'{"type":"delta","id":"a","text":"\\ud800"}',
        b'{"type":"delta","id":1,"text":"a"}',
        b'{"type":"item_started","id":"a","kind":"nope","role":null}',
        b'{"type":"item_started","id":"a","kind":"message","role":null,"content":[{"type":"text"}]}',
        b'{"type":"item_started","id":"a","kind":"message","role":null,"content":[{"type":"nope"}]}',
        b'{"type":"item_started","id":"a","kind":"message","role":null,"content":["\xff"]}',
        b'{"type":"item_started","id":"a","kind":"message","role":null,"content":[{"type":"json","json":'
        + b"[" * 50_000
        + b"]" * 50_000
        + b"}]}",
        b'{"type":"turn_ended","outcome":"perhaps"}',
    ],
)
def test_a_line_of_the_wrong_shape_is_unparsed(line: bytes):
    [unparsed] = mock().receive(line)
    assert isinstance(unparsed, Unparsed)
    assert unparsed.raw == line


ODD = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none() | st.text(max_size=3), max_size=2)
PARTS = st.fixed_dictionaries({"type": st.sampled_from(["text", "json", "image", "nope"])}, optional={"text": ODD})
TYPES = ["hello", "item_started", "delta", "item_completed", "permission", "question", "withdraw", "error"]
MEMBERS = {
    "type": st.sampled_from([*TYPES, "turn_ended", "session_ended", "nope"]),
    "id": st.sampled_from(["a", "b"]),
    "kind": st.sampled_from(["message", "tool_call"]),
    "role": st.sampled_from([None, "assistant"]),
    "content": st.lists(PARTS, max_size=2),
    "text": st.just("text"),
    "action": st.just("act"),
    "outcome": st.sampled_from(["completed", "failed"]),
    "reason": st.just("completed"),
    "options": st.just(["A"]),
    "question": st.just("which"),
    "session": st.just("s"),
    "code": st.just("c"),
    "message": st.just("m"),
}
LINES = st.builds(
    lambda good, odd: json.dumps(good | odd).encode(),
    st.fixed_dictionaries(MEMBERS),
    st.dictionaries(st.sampled_from(list(MEMBERS)), ODD, max_size=1),
)


@given(st.lists(LINES | st.binary(max_size=10), max_size=20))
def test_whatever_the_agent_says_the_dialect_answers_with_effects(lines: list[bytes]):
    dialect, ledger, open_asks = mock(), Ledger(), set[str]()
    for effect in [*(effect for line in lines for effect in dialect.receive(line)), *dialect.exited(ExitStatus(1))]:
        match effect:
            case (
                RequestPermission(permission_id=approval_id)
                | RequestQuestion(data=QuestionEventData(question_id=approval_id))
            ):
                open_asks.add(approval_id)
            case WithdrawApproval(approval_id=approval_id):
                open_asks.remove(approval_id)
            case Ready():
                pass
            case draft:
                list(ledger.apply(draft))
    assert not open_asks
