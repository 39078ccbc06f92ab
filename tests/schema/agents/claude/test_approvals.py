"""Claude's asks: what is written back, byte for byte in meaning, for every answer."""

from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.effects import RequestPermission, RequestQuestion, Unparsed, WithdrawApproval
from sandbox_agent.schema.events import QuestionEventData, QuestionOption, QuestionPart

from ...playbook import Playbook, allows, answers, any_of, rejects, says, writes
from .spec import SPEC

COMMAND = {"command": "touch x", "timeout": 1.0}
PLAN = {"plan": "1. do it"}
RULES = {
    "type": "addRules",
    "rules": [{"toolName": "Bash", "ruleContent": "touch x *"}],
    "behavior": "allow",
    "destination": "localSettings",
}
DIRECTORIES = {"type": "addDirectories", "directories": ["/d"], "destination": "session"}
ACCEPT_EDITS = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}


def approvals(tool: str, arguments: Any, **members: Any) -> Any:
    request = {"subtype": "can_use_tool", "tool_name": tool, "tool_use_id": "t1", "input": arguments, **members}
    return says({"type": "control_request", "request_id": "r1", "request": request})


def responds(response: dict[str, Any]) -> Any:
    return writes(
        {
            "type": "control_response",
            "response": {"subtype": "success", "request_id": "r1", "response": response},
        }
    )


def allowing(arguments: Any, *permissions: Any) -> Any:
    extra = {"updatedPermissions": list(permissions)} if permissions else {}
    return responds({"behavior": "allow", "updatedInput": arguments} | extra)


def denying(message: str) -> Any:
    return responds({"behavior": "deny", "message": message})


def permission(**members: Any) -> Playbook:
    return Playbook(Claude(SPEC)) >> approvals("Bash", COMMAND, **members) << any_of(RequestPermission)


def plan(**spec: Any) -> Playbook:
    return Playbook(Claude(evolve(SPEC, **spec))) >> approvals("ExitPlanMode", PLAN) << any_of(RequestQuestion)


def test_a_permission_carries_what_a_client_needs_to_decide():
    metadata = {
        "toolName": "Bash",
        "input": COMMAND,
        "permissionSuggestions": [RULES],
        "blockedPath": "/d/x",
        "toolUseId": "t1",
        "description": "make a file",
        "decisionReason": None,
    }
    assert (
        Playbook(Claude(SPEC))
        >> approvals("Bash", COMMAND, permission_suggestions=[RULES], blocked_path="/d/x", description="make a file")
        << RequestPermission("r1", "Bash", metadata)
    )


WHY = {
    "title": "Claude wants to make a file",
    "display_name": "Terminal",
    "decision_reason_type": "rule",
    "matched_ask_rule": {"source": "userSettings", "tool_name": "Bash"},
}


def test_a_permission_tells_its_title_and_why_it_is_asked():
    (ask,) = (Playbook(Claude(SPEC)) >> approvals("Bash", COMMAND, **WHY))._pending
    told = ("title", "displayName", "decisionReasonType", "matchedAskRule")
    assert [ask.metadata[name] for name in told] == list(WHY.values())
    assert ask.always is not None


@pytest.mark.parametrize("member", ["suppress_always_allow_rule", "requires_user_interaction"])
@pytest.mark.parametrize(("said", "offered"), [(True, False), ("new", False), (False, True), (None, True)])
def test_what_wants_a_decision_each_time_is_never_allowed_always(member: str, said: Any, offered: bool):
    (ask,) = (Playbook(Claude(SPEC)) >> approvals("Bash", COMMAND, **{member: said}))._pending
    assert (ask.always is not None) is offered
    assert ("always" in ask.data().metadata) is offered


def test_what_is_said_beside_a_permission_is_bounded():
    (ask,) = (Playbook(Claude(SPEC)) >> approvals("Bash", COMMAND, title="x" * 10_000))._pending
    assert len(ask.metadata["title"]) <= 4096


def test_once_sends_the_input_back():
    assert permission() >> allows("r1", "once") << allowing(COMMAND)


@pytest.mark.parametrize("suggested", [None, [RULES, DIRECTORIES], [ACCEPT_EDITS], "nonsense", [7, None]])
def test_always_leaves_nothing_with_claude_whatever_it_suggests(suggested: Any):
    """Its rules are prefixes and folders, and nobody could take them back."""
    assert permission(permission_suggestions=suggested) >> allows("r1", "always") << allowing(COMMAND)


def test_reject_denies():
    assert permission() >> rejects("r1") << denying("The user does not allow this.")


def test_a_withdrawn_ask_takes_no_answer():
    cancel = says({"type": "control_cancel_request", "request_id": "r1"})
    assert permission() >> cancel << WithdrawApproval("r1") >> allows("r1") >> cancel


def test_a_withdrawn_question_goes_by_the_id_that_the_client_knows():
    cancel = says({"type": "control_cancel_request", "request_id": "r1"})
    assert plan() >> cancel << WithdrawApproval("t1") >> answers("t1", [["Approve"]])


QUESTIONS = {
    "questions": [
        {"question": "Which?", "header": "H", "options": [{"label": "A", "description": "a"}, {"label": "B"}]},
        {"question": "How many?", "multiSelect": True, "options": [{"label": "1"}, {"label": "2"}]},
    ]
}


def question() -> Playbook:
    return Playbook(Claude(SPEC)) >> approvals("AskUserQuestion", QUESTIONS) << any_of(RequestQuestion)


def test_questions_are_asked_together():
    parts = (
        QuestionPart("Which?", (QuestionOption("A", "a"), QuestionOption("B")), "H"),
        QuestionPart("How many?", (QuestionOption("1"), QuestionOption("2")), None, True),
    )
    data = QuestionEventData("t1", "Which?", ("A", "B"), None, "requested", parts)
    assert Playbook(Claude(SPEC)) >> approvals("AskUserQuestion", QUESTIONS) << RequestQuestion(data)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([["A"], ["1", "2"]], {"Which?": "A", "How many?": "1, 2"}),
        ([["my own words"], []], {"Which?": "my own words", "How many?": ""}),
        ([["A"]], {"Which?": "A"}),
        ([["A"], ["1"], ["too many"]], {"Which?": "A", "How many?": "1"}),
    ],
)
def test_answers_go_by_the_questions_text(given: list[list[str]], said: dict[str, str]):
    assert question() >> answers("t1", given) << allowing(QUESTIONS | {"answers": said})


def test_rejected_questions_are_denied():
    assert question() >> answers("t1", None) << denying("The user does not want to answer these questions.")


@pytest.mark.parametrize("arguments", [{}, {"questions": []}, {"questions": "x"}, {"questions": [{"q": 1}]}, 7, None])
def test_questions_of_a_shape_that_we_do_not_know_are_a_permission(arguments: Any):
    assert Playbook(Claude(SPEC)) >> approvals("AskUserQuestion", arguments) << any_of(RequestPermission)


def test_a_plan_is_shown_in_the_question():
    data = Claude(SPEC).receive(_line("ExitPlanMode", PLAN))[0]
    assert isinstance(data, RequestQuestion)
    assert data.data.prompt == "Approve plan execution?\n\n1. do it"
    assert data.data.options == ("Approve", "Approve and accept edits", "Reject")


CALLED = {"type": "tool_use", "id": "t1", "name": "ExitPlanMode", "input": {"plan": "1. as called"}}


@pytest.mark.parametrize(
    ("call", "arguments", "shown"),
    [
        ("t1", {}, "\n\n1. as called"),
        ("t1", PLAN, "\n\n1. do it"),
        ("another", {}, ""),
    ],
)
def test_the_plan_is_the_models_own_when_claude_has_no_file_of_it(call: str, arguments: Any, shown: str):
    """Claude 2.1.332 leaves out of its question what the model said in the call."""
    dialect = Claude(SPEC)
    said = {"type": "assistant", "message": {"id": "m1", "content": [CALLED | {"id": call}]}}
    says(said).say(dialect)
    (asked,) = approvals("ExitPlanMode", arguments).say(dialect)
    assert isinstance(asked, RequestQuestion)
    assert asked.data.prompt == f"Approve plan execution?{shown}"


@pytest.mark.parametrize(
    ("mode", "permissions"),
    [
        ("default", []),
        ("plan", []),
        ("acceptEdits", [ACCEPT_EDITS]),
        ("bypass", [{"type": "setMode", "mode": "bypassPermissions", "destination": "session"}]),
    ],
)
def test_an_approved_plan_goes_on_in_the_sessions_mode(mode: str, permissions: list[Any]):
    assert plan(permission_mode=mode) >> answers("t1", [["Approve"]]) << allowing(PLAN, *permissions)


def test_a_plan_approved_with_edits_sets_the_mode():
    assert plan() >> answers("t1", [["Approve and accept edits"]]) << allowing(PLAN, ACCEPT_EDITS)


@pytest.mark.parametrize("given", [None, [], [[]], [["Reject"]]])
def test_a_plan_without_approval_is_rejected(given: Any):
    assert plan() >> answers("t1", given) << denying("The user does not approve the plan: keep planning.")


def test_other_words_about_a_plan_reach_the_model():
    said = "The user does not approve the plan: keep planning. The user says: smaller steps"
    assert plan() >> answers("t1", [["smaller steps"]]) << denying(said)


def test_a_control_request_that_we_do_not_know_is_answered_so_that_claude_does_not_wait():
    what = "unsupported control request 'hook_callback'"
    refused = {"subtype": "error", "request_id": "r9", "error": what}
    assert (
        Playbook(Claude(SPEC))
        >> says({"type": "control_request", "request_id": "r9", "request": {"subtype": "hook_callback"}})
        << writes({"type": "control_response", "response": refused})
        << Unparsed(what, "claude control_request")
    )


def _line(tool: str, arguments: Any) -> bytes:
    said: list[bytes] = []

    class Ear:
        def receive(self, line: bytes) -> tuple[()]:
            said.append(line)
            return ()

    approvals(tool, arguments).say(Ear())
    return said[0]


def elicits(**members: Any) -> Any:
    request = {"subtype": "elicitation", "mcp_server_name": "lab", "message": "Please", **members}
    return says({"type": "control_request", "request_id": "r1", "request": request})


AGE = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("given", "response"),
    [
        ([["36"]], {"action": "accept", "content": {"age": 36}}),
        ([["old"]], {"action": "decline"}),
        (None, {"action": "decline"}),
    ],
)
def test_what_an_mcp_server_elicits_is_a_question(given: Any, response: dict[str, Any]):
    playbook = Playbook(Claude(SPEC)) >> elicits(mode="form", requested_schema=AGE)
    assert playbook << any_of(RequestQuestion) >> answers("r1", given) << responds(response)


def test_what_is_elicited_can_be_withdrawn():
    cancel = says({"type": "control_cancel_request", "request_id": "r1"})
    asked = Playbook(Claude(SPEC)) >> elicits(requested_schema=AGE) << any_of(RequestQuestion)
    assert asked >> cancel << WithdrawApproval("r1") >> answers("r1", [["36"]])


def test_what_cannot_be_shown_is_declined_and_told():
    _, told = (Playbook(Claude(SPEC)) >> elicits(mode="url", url="javascript:x"))._pending
    assert told.content[0].label == "elicitation.declined"
    deep: Any = {}
    for _ in range(200):
        deep = {"a": deep}
    refused, answered = (Playbook(Claude(SPEC)) >> elicits(requested_schema=deep))._pending
    assert refused.action == "elicitation"
    assert b'"action":"decline"' in answered.data
