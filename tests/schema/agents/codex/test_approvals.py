"""Codex's asks: what is written back for every answer. No request of codex's is left without one."""

import json
from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.codex.approvals import NOT_OFFERED
from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.effects import (
    ItemCompleted,
    ItemStarted,
    PermissionRefused,
    RequestPermission,
    RequestQuestion,
    Unparsed,
    WithdrawApproval,
    Write,
)
from sandbox_agent.schema.events import Elicitation, QuestionEventData, QuestionOption, QuestionPart
from sandbox_agent.schema.items import StatusPart

from ...playbook import Playbook, allows, answers, any_of, says, writes
from .spec import SPEC

COMMAND = {
    "threadId": "T",
    "turnId": "U",
    "itemId": "c",
    "command": "/bin/bash -lc 'touch x'",
    "cwd": "/w",
    "reason": "r",
}
CHANGES = [{"path": "/w/a", "kind": {"type": "add"}, "diff": "one\n"}]
DIFF = "--- /dev/null\n+++ /w/a\n@@ -0,0 +1,1 @@\n+one\n"
PROFILE = {"network": {"enabled": True}, "fileSystem": None}

RUN = "item/commandExecution/requestApproval"
PATCH = "item/fileChange/requestApproval"
PERMIT = "item/permissions/requestApproval"
ASK = "item/tool/requestUserInput"
ELICIT = "mcpServer/elicitation/request"


def approvals(method: str, request_id: int | str = 0, **params: Any) -> Any:
    return says({"id": request_id, "method": method, "params": {"threadId": "T", **params}})


def responds(request_id: int | str = 0, **result: Any) -> Any:
    return writes({"id": request_id, "result": result})


def codex(**spec: Any) -> Playbook:
    return Playbook(Codex(evolve(SPEC, **spec)))


def patching(**spec: Any) -> Playbook:
    item = {"type": "fileChange", "id": "p", "changes": CHANGES, "status": "inProgress"}
    started = says({"method": "item/started", "params": {"threadId": "T", "item": item}})
    return codex(**spec) >> started << any_of(object) << any_of(object) << any_of(object)


def test_a_command_is_shown_as_it_runs():
    metadata = {
        "toolName": "shell",
        "input": {"command": "touch x", "cwd": "/w"},
        "toolUseId": "c",
        "description": "r",
        "codexRequestKind": "commandExecution",
        "codexRequestId": 0,
        **COMMAND,
    }
    assert codex() >> approvals(RUN, **COMMAND) << RequestPermission("ask_seed_0", "shell", metadata)


TYPED_IN = {
    "kind": "writeStdin",
    "approvalId": "a",
    "environmentId": "local",
    "networkApprovalContext": {"host": "example.com", "protocol": "https"},
    "additionalPermissions": {"network": {"enabled": True}},
    "proposedExecpolicyAmendment": ["touch", "x"],
    "proposedNetworkPolicyAmendments": [{"host": "example.com", "action": "allow"}],
    "availableDecisions": ["accept", {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["touch"]}}, "cancel"],
}


def test_all_that_codex_says_of_a_command_is_shown():
    ask = asked(codex() >> approvals(RUN, **COMMAND, **TYPED_IN))
    assert {name: ask.metadata[name] for name in TYPED_IN} == TYPED_IN
    assert ask.always is not None
    assert "example.com" in ask.always.text
    assert "writeStdin" in ask.always.text


def test_what_codex_says_beside_is_bounded_and_what_is_approved_is_whole():
    long = ["word"] * 5000
    ask = asked(
        codex() >> approvals(RUN, **COMMAND, proposedExecpolicyAmendment=long, additionalPermissions={"x": long})
    )
    assert len(ask.metadata["proposedExecpolicyAmendment"]) <= 4096
    assert ask.metadata["additionalPermissions"] == {"x": long}


def test_a_decision_that_codex_does_not_offer_is_not_sent():
    offered = ["acceptForSession", {"acceptWithExecpolicyAmendment": {"execpolicy_amendment": ["touch"]}}, "cancel"]
    playbook = codex() >> approvals(RUN, **COMMAND, availableDecisions=offered)
    assert playbook._pending[0].reason == NOT_OFFERED
    assert playbook << any_of(PermissionRefused) << responds(decision="decline")


def test_a_command_that_codex_wants_a_fresh_decision_about_is_never_allowed_always():
    assert asked(codex() >> approvals(RUN, **COMMAND, kind="humanCommand")).always is None


def test_an_mcp_tool_is_shown_with_what_it_says_of_itself():
    meta = {"codex_approval_kind": "mcp_tool_call", "tool_name": "echo", "tool_params": {}, "tool_description": "d"}
    ask = asked(codex() >> approvals(ELICIT, serverName="lab", mode="form", message="m", _meta=meta))
    assert ask.metadata["tool_description"] == "d"


@pytest.mark.parametrize(("reply", "decision"), [("once", "accept"), ("always", "accept"), ("reject", "decline")])
@pytest.mark.parametrize("method", [RUN, PATCH])
def test_each_answer_about_a_command_or_a_patch(method: str, reply: Any, decision: str):
    assert (
        codex() >> approvals(method, 7) << any_of(RequestPermission) >> allows("ask_seed_7", reply)
        << responds(7, decision=decision) >> allows("ask_seed_7", reply)
    )  # fmt: skip


def test_a_patch_is_shown_with_what_its_item_told():
    playbook = patching() >> approvals(PATCH, itemId="p")
    ask = playbook._pending[0]
    assert playbook << any_of(RequestPermission)
    assert ask.action == "apply_patch"
    assert (ask.metadata["paths"], ask.metadata["diff"]) == (["/w/a"], DIFF)
    assert ask.metadata["input"] == {"changes": CHANGES}


def test_a_patch_that_has_grown_is_shown_whole():
    more = [*CHANGES, {"path": "/w/b", "kind": {"type": "delete"}, "diff": "two\n"}]
    grown = says({"method": "item/fileChange/patchUpdated", "params": {"itemId": "p", "changes": more}})
    playbook = patching() >> grown >> approvals(PATCH, itemId="p")
    assert playbook._pending[0].metadata["paths"] == ["/w/a", "/w/b"]


def asked(playbook: Any) -> RequestPermission:
    (ask,) = playbook._pending
    return ask


def test_accept_edits_accepts_patches_inside_of_the_workspace_and_asks_about_commands():
    """Where a path leads only the session can tell: it looks, and answers like a human."""
    assert asked(patching(permission_mode="acceptEdits") >> approvals(PATCH, itemId="p")).accept_inside
    assert not asked(patching() >> approvals(PATCH, itemId="p")).accept_inside
    assert not asked(
        patching(permission_mode="acceptEdits") >> approvals(PATCH, itemId="p", grantRoot="/w")
    ).accept_inside
    assert not asked(codex(permission_mode="acceptEdits") >> approvals(RUN)).accept_inside


def test_a_patch_that_is_not_told_is_nothing_that_always_could_be_about():
    ask = asked(codex(permission_mode="acceptEdits") >> approvals(PATCH, itemId="unknown"))
    assert ask.always is None
    strange = [*CHANGES, {"path": "/etc/passwd", "kind": {"type": "link"}, "diff": ""}]
    grown = says({"method": "item/fileChange/patchUpdated", "params": {"itemId": "p", "changes": strange}})
    assert asked(patching() >> grown >> approvals(PATCH, itemId="p")).always is None


def test_a_move_is_about_both_paths():
    moved = [{"path": "/w/a", "kind": {"type": "update", "move_path": "/etc/b"}, "diff": "@@\n"}]
    grown = says({"method": "item/fileChange/patchUpdated", "params": {"itemId": "p", "changes": moved}})
    always = asked(patching() >> grown >> approvals(PATCH, itemId="p")).always
    assert always is not None
    assert (always.paths, always.text) == (("/w/a", "/etc/b"), "move /w/a, write /etc/b")


def test_a_patch_that_changes_while_a_human_looks_at_it_is_refused():
    other = [{"path": "/etc/passwd", "kind": {"type": "add"}, "diff": "x"}]
    grown = says({"method": "item/fileChange/patchUpdated", "params": {"itemId": "p", "changes": other}})
    started = {"item": {"type": "fileChange", "id": "p", "changes": other}, "threadId": "T", "turnId": "U"}
    for swap in (grown, says({"method": "item/started", "params": started})):
        playbook = patching() >> approvals(PATCH, itemId="p") << any_of(RequestPermission) >> swap
        told = [effect for effect in playbook._pending if not isinstance(effect, ItemStarted | ItemCompleted)]
        assert [type(effect) for effect in told] == [Write, WithdrawApproval]
        assert json.loads(told[0].data)["result"] == {"decision": "decline"}


@pytest.mark.parametrize(
    ("reply", "granted", "scope"),
    [("once", {"network": {"enabled": True}}, "turn"), ("always", {"network": {"enabled": True}}, "turn"),
     ("reject", {}, "turn")],
)  # fmt: skip
def test_permissions_are_granted_as_they_were_wanted_or_not_at_all(reply: Any, granted: Any, scope: str):
    assert (
        codex() >> approvals(PERMIT, permissions=PROFILE) << any_of(RequestPermission) >> allows("ask_seed_0", reply)
        << responds(permissions=granted, scope=scope)
    )  # fmt: skip


QUESTIONS = [
    {"id": "a", "header": "H", "question": "Which?", "options": [{"label": "A", "description": "d"}, {"label": "B"}]},
    {"id": "b", "question": "Why?", "options": None},
]


def test_questions_are_asked_together():
    parts = (QuestionPart("Which?", (QuestionOption("A", "d"), QuestionOption("B")), "H"), QuestionPart("Why?", ()))
    data = QuestionEventData("ask_seed_0", "Which?", ("A", "B"), None, "requested", parts)
    assert codex() >> approvals(ASK, questions=QUESTIONS) << RequestQuestion(data)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([["A"], ["so"]], {"a": {"answers": ["A"]}, "b": {"answers": ["so"]}}),
        ([["my own words"]], {"a": {"answers": ["my own words"]}}),
        ([["A"], ["1"], ["too many"]], {"a": {"answers": ["A"]}, "b": {"answers": ["1"]}}),
        (None, {}),
    ],
)
def test_answers_go_by_the_questions_id(given: Any, said: Any):
    assert (
        codex() >> approvals(ASK, questions=QUESTIONS) << any_of(RequestQuestion) >> answers("ask_seed_0", given)
        << responds(answers=said)
    )  # fmt: skip


@pytest.mark.parametrize("questions", [None, [], "x"])
def test_no_questions_are_answered_at_once(questions: Any):
    assert codex() >> approvals(ASK, questions=questions) << responds(answers={})


TOOL = {
    "serverName": "lab",
    "mode": "form",
    "message": "Allow it?",
    "_meta": {"codex_approval_kind": "mcp_tool_call", "tool_name": "echo", "tool_params": {"text": "hi"}},
}


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        ("once", {"action": "accept", "content": {}, "_meta": None}),
        ("always", {"action": "accept", "content": {}, "_meta": None}),
        ("reject", {"action": "decline", "content": None, "_meta": None}),
    ],
)
def test_each_answer_about_an_mcp_tool(reply: Any, result: Any):
    playbook = codex() >> approvals(ELICIT, **TOOL)
    ask = playbook._pending[0]
    assert (ask.action, ask.metadata["input"], ask.metadata["description"]) == ("lab.echo", {"text": "hi"}, "Allow it?")
    assert playbook << any_of(RequestPermission) >> allows("ask_seed_0", reply) << responds(**result)


FIELDS: dict[str, Any] = {
    "color": {"type": "string", "enum": ["r", "b"], "enumNames": ["Red", "Blue"], "description": "Which color?"},
    "size": {"type": "string", "title": "Size", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l"}]},
    "tags": {"type": "array", "items": {"enum": ["x", "y"]}},
    "more": {"type": "array", "items": {"anyOf": [{"const": "m", "title": "M"}]}},
    "sure": {"type": "boolean"},
}


def form(properties: Any, *required: str) -> Any:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return approvals(ELICIT, serverName="lab", mode="form", message="Please", requestedSchema=schema)


def choice(name: str, question: str, *labels: str, required: bool = False, **rest: Any) -> QuestionPart:
    options = tuple(map(QuestionOption, labels))
    return QuestionPart(question, options, name=name, kind="choice", required=required, **rest)


def test_a_form_is_a_question_for_each_field():
    parts = (
        choice("color", "Which color?", "Red", "Blue", header="color", required=True),
        choice("size", "Size", "Small", "l", header="Size"),
        choice("tags", "tags", "x", "y", header="tags", multi_select=True),
        choice("more", "more", "M", header="more", multi_select=True),
        choice("sure", "sure", "Yes", "No", header="sure"),
    )
    prompt, about = "Please\n\nWhich color?", Elicitation("lab", "Please")
    data = QuestionEventData("ask_seed_0", prompt, ("Red", "Blue"), None, "requested", parts, elicitation=about)
    content = {"color": "b", "size": "s", "tags": ["x", "y"], "more": [], "sure": False}
    assert (
        codex()
        >> form(FIELDS, "color")
        << RequestQuestion(data)
        >> answers("ask_seed_0", [["Blue"], ["Small"], ["x", "y"], [], ["No"]])
        << responds(action="accept", content=content, _meta=None)
    )


@pytest.mark.parametrize("given", [None, [["Green"]]])
def test_a_form_that_is_not_filled_in_is_declined(given: Any):
    assert (
        codex() >> form(FIELDS) << any_of(RequestQuestion) >> answers("ask_seed_0", given)
        << responds(action="decline", content=None, _meta=None)
    )  # fmt: skip


def test_text_is_asked_for_and_an_optional_field_may_be_left_out():
    asked = form({"name": {"type": "string"}, "sure": {"type": "boolean"}}, "sure")
    for given, content in (([[], ["Yes"]], {"sure": True}), ([["Ada"], ["No"]], {"name": "Ada", "sure": False})):
        assert (
            codex() >> asked << any_of(RequestQuestion) >> answers("ask_seed_0", given)
            << responds(action="accept", content=content, _meta=None)
        )  # fmt: skip


@pytest.mark.parametrize(
    "asked", [form({}), form(None), approvals(ELICIT, mode="url", message="m", url="https://e.com")]
)
@pytest.mark.parametrize(
    ("given", "result"),
    [
        ([["Accept"]], {"action": "accept", "content": {}, "_meta": None}),
        ([["Decline"]], {"action": "decline", "content": None, "_meta": None}),
        (None, {"action": "decline", "content": None, "_meta": None}),
    ],
)
def test_what_has_no_fields_is_accepted_or_declined_by_a_human(asked: Any, given: Any, result: Any):
    assert codex() >> asked << any_of(RequestQuestion) >> answers("ask_seed_0", given) << responds(**result)


def test_an_answer_that_is_secret_is_marked():
    (ask,) = (codex() >> approvals(ASK, questions=[{"id": "a", "question": "Key?", "isSecret": True}]))._pending
    assert [part.secret for part in ask.data.questions] == [True]


@pytest.mark.parametrize(
    ("elicited", "why"),
    [
        (
            approvals(ELICIT, serverName="lab", mode="url", message="Please", url="javascript:x"),
            "what is to be opened is no",
        ),
        (
            approvals(ELICIT, serverName="lab", mode="openai/userVerification", message="Please"),
            "openai/userVerification is",
        ),
        (form({str(number): {"type": "string"} for number in range(101)}), "the form has 101 fields"),
    ],
    ids=["no address of the web", "a mode of another device", "too many fields"],
)
def test_what_nobody_can_be_asked_is_declined_with_the_reason(elicited: Any, why: str):
    _, told = (codex() >> elicited)._pending
    detail = told.content[0].detail
    assert detail.startswith(f"lab asks: Please. Declined, because {why}")
    part = StatusPart("elicitation.declined", detail)
    assert (
        codex()
        >> elicited
        << responds(action="decline", content=None, _meta=None)
        << ItemCompleted("ask_seed_0#declined", "status", "system", (part,))
    )


@pytest.mark.parametrize(
    "method",
    ["item/tool/call", "currentTime/read", "attestation/generate", "applyPatchApproval", "news"],
)  # fmt: skip
def test_a_request_that_we_do_not_serve_is_refused_so_that_codex_does_not_wait(method: str):
    what = f"unsupported server request {method!r}"
    refused = {"id": "x", "error": {"code": -32601, "message": what}}
    assert codex() >> approvals(method, "x") << writes(refused) << Unparsed(what, "codex server request")


def test_a_withdrawn_ask_takes_no_answer_and_an_answered_one_is_not_withdrawn():
    resolved = says({"method": "serverRequest/resolved", "params": {"threadId": "T", "requestId": 0}})
    assert (
        codex()
        >> approvals(RUN)
        << any_of(RequestPermission)
        >> resolved
        << WithdrawApproval("ask_seed_0")
        >> allows("ask_seed_0")
    )
    assert codex() >> approvals(RUN) << any_of(RequestPermission) >> allows("ask_seed_0") << any_of(object) >> resolved


def test_an_answer_of_the_wrong_kind_is_no_answer():
    assert codex() >> approvals(RUN) << any_of(RequestPermission) >> answers("ask_seed_0", [["A"]])


def test_asks_of_two_processes_have_different_ids():
    first, second = Codex(SPEC), Codex(evolve(SPEC, seed="other"))
    ids = {approvals(RUN).say(dialect)[0].permission_id for dialect in (first, second)}
    assert ids == {"ask_seed_0", "ask_other_0"}
