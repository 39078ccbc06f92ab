"""What claude asks of a human: leave to use a tool, answers to questions, approval of a plan.

All three come as ``can_use_tool``. AskUserQuestion and ExitPlanMode are questions to the client; the rest are
permissions. What an MCP server elicits comes as ``elicitation``, and is a question too. To allow means to send the
tool's input back: without ``updatedInput`` the tool fails. So what runs is the very input that was asked about.

An `always` is the daemon's to remember. Claude is told nothing of it: its own rules are prefixes and folders, and
could not be taken back.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from ...api.sessions import PermissionReply
from ...approvals.approval_ids import ApprovalIds
from ...bounds import shortened
from ...events import QuestionEventData, QuestionOption, QuestionPart
from ..effects import Effect, PermissionRefused, RequestPermission, RequestQuestion, WithdrawApproval, Write
from ..elicitation.fields import Unaskable
from ..elicitation.form import Form, declined, elicited
from ..json_lines import as_text, elements, fitting, line, members, plain
from ..outline import MAX_TEXT, TOO_DEEP
from .always import always_of
from .calls import ClaudeCalls, plan_of
from .wire import ControlElicitation, ControlRequest, ToolRequest

APPROVE = "Approve"
APPROVE_AND_ACCEPT_EDITS = "Approve and accept edits"
REJECT = "Reject"

_DENIED = "The user does not allow this."
_NOT_ANSWERED = "The user does not want to answer these questions."
_KEEP_PLANNING = "The user does not approve the plan: keep planning."

_DECLINED = {"action": "decline"}

_PLAN_OPTIONS = (
    QuestionOption(APPROVE, "leave plan mode and carry the plan out"),
    QuestionOption(APPROVE_AND_ACCEPT_EDITS, "the same, and edit files without asking"),
    QuestionOption(REJECT, "stay in plan mode and go on planning"),
)


@frozen
class _Approval:
    """``approval_id`` is what the client names it by: the request id of a permission, the tool call id of a question,
    unless claude has used that before. ``request_id`` is where the answer goes."""

    approval_id: str
    request_id: str
    request: ToolRequest = field(eq=False)
    questions: tuple[QuestionPart, ...] = ()


@frozen
class _Elicited:
    """An MCP server asks, through claude."""

    approval_id: str
    request_id: str
    form: Form = field(eq=False)


class Approvals:
    """What is asked and not yet answered. ``after_plan`` is claude's permission mode once a plan is approved."""

    def __init__(self, after_plan: str) -> None:
        self._after_plan = after_plan
        self._open: dict[str, _Approval | _Elicited] = {}
        self._ids = ApprovalIds()

    def __repr__(self) -> str:
        return f"<Approvals open={sorted(self._open)}>"

    def asked(self, control: ControlRequest, raw: bytes, calls: ClaudeCalls) -> Effect:
        request, request_id = control.request, control.request_id
        arguments = plain(request.input)
        call = calls.asked(request, arguments)
        call_id = call.name if call is not None else request.tool_use_id
        questions = _questions(request.tool_name, arguments, plan_of(call))
        if questions:
            approval_id = self._ids.give(call_id or request_id)
            self._open[approval_id] = _Approval(approval_id, request_id, request, questions)
            first = questions[0]
            labels = tuple(option.label for option in first.options)
            return RequestQuestion(
                QuestionEventData(approval_id, first.question, labels, None, "requested", questions), raw
            )
        approval_id = self._ids.give(request_id)
        self._open[approval_id] = _Approval(approval_id, request_id, request)
        metadata = {
            "toolName": request.tool_name,
            "input": arguments,
            "permissionSuggestions": request.permission_suggestions,
            "blockedPath": request.blocked_path,
            "toolUseId": call_id,
            "description": request.description,
            "decisionReason": request.decision_reason,
            **_told(request),
        }
        always = None if _is_for_once(request) else always_of(request.tool_name, arguments)
        return RequestPermission(approval_id, request.tool_name, metadata, raw, always)

    def elicited(self, control: ControlElicitation, raw: bytes) -> Iterable[Effect]:
        asked = control.request
        url = (asked.url or "") if asked.mode == "url" else None
        approval_id = self._ids.give(control.request_id)
        try:
            form = elicited(asked.mcp_server_name, asked.message, schema=asked.requested_schema, url=url)
        except Unaskable as why:
            yield _answer(control.request_id, _DECLINED)
            yield declined(approval_id, asked.mcp_server_name, asked.message, why, raw)
            return
        self._open[approval_id] = _Elicited(approval_id, control.request_id, form)
        yield RequestQuestion(form.question(approval_id), raw)

    def unreadable(self, told: dict[str, Any], raw: bytes) -> Iterable[Effect]:
        """``told`` is the outline of a request that cannot be decoded."""
        request_id, request = told.get("request_id"), members(told.get("request"))
        subtype = request.get("subtype") if told.get("type") == "control_request" else None
        if subtype not in ("can_use_tool", "elicitation") or not isinstance(request_id, str):
            return
        tool = as_text(request.get("tool_name") or ("elicitation" if subtype == "elicitation" else "tool"))
        metadata = {"toolName": tool, "input": shortened(raw.decode(errors="replace"), MAX_TEXT)}
        yield PermissionRefused(self._ids.give(request_id), tool, TOO_DEEP, metadata)
        refused = {"behavior": "deny", "message": f"This is refused: {TOO_DEEP}."}
        yield _answer(request_id, _DECLINED if subtype == "elicitation" else refused)

    def withdrawn(self, request_id: str) -> Iterable[Effect]:
        """Claude no longer waits. Unknown when the answer crossed the withdrawal on its way."""
        for ask in [ask for ask in self._open.values() if ask.request_id == request_id]:
            del self._open[ask.approval_id]
            yield WithdrawApproval(ask.approval_id)

    def permission_answered(self, permission_id: str, reply: PermissionReply) -> Iterable[Effect]:
        ask = self._open.pop(permission_id, None)
        if not isinstance(ask, _Approval):
            return
        yield _deny(ask, _DENIED) if reply == "reject" else _allow(ask)

    def question_answered(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Iterable[Effect]:
        ask = self._open.pop(question_id, None)
        if ask is None:
            return
        if isinstance(ask, _Elicited):
            content = ask.form.content(answers)
            yield _answer(ask.request_id, _DECLINED if content is None else {"action": "accept", "content": content})
        elif ask.request.tool_name == "ExitPlanMode":
            yield self._plan_answered(ask, answers)
        elif answers is None:
            yield _deny(ask, _NOT_ANSWERED)
        else:
            # By the question's text; several labels as one string: that is how claude takes them.
            said = {part.question: ", ".join(given) for part, given in zip(ask.questions, answers, strict=False)}
            yield _allow(ask, input=members(plain(ask.request.input)) | {"answers": said})

    def _plan_answered(self, ask: _Approval, answers: Sequence[Sequence[str]] | None) -> Write:
        said = answers[0][0].strip() if answers and answers[0] else REJECT
        match said.casefold():
            case "approve":
                return _allow(ask, [_set_mode(self._after_plan)] if self._after_plan != "default" else [])
            case "approve and accept edits":
                return _allow(ask, [_set_mode("acceptEdits")])
            case "reject":
                return _deny(ask, _KEEP_PLANNING)
            case _:
                return _deny(ask, f"{_KEEP_PLANNING} The user says: {said}")


def _told(request: ToolRequest) -> dict[str, Any]:
    """What claude says of some asks only."""
    said = {
        "title": request.title,
        "displayName": request.display_name if request.display_name != request.tool_name else None,
        "decisionReasonType": request.decision_reason_type,
        "matchedAskRule": request.matched_ask_rule,
        "suppressAlwaysAllowRule": request.suppress_always_allow_rule,
        "requiresUserInteraction": request.requires_user_interaction,
    }
    return {name: fitting(value) for name, value in said.items() if value is not None}


def _is_for_once(request: ToolRequest) -> bool:
    """Claude wants a fresh decision each time: no earlier one may stand for this, and this for no later one. Whatever
    it says there that is not a plain no counts."""
    return any(
        said not in (None, False) for said in (request.suppress_always_allow_rule, request.requires_user_interaction)
    )


def _questions(tool: str, arguments: Any, plan: str | None) -> tuple[QuestionPart, ...]:
    """None when the tool asks nothing, or in a shape that we do not know: then it is a permission like any other."""
    match tool:
        case "AskUserQuestion":
            asked = [members(question) for question in elements(members(arguments).get("questions"))]
            return tuple(map(_question, asked)) if all(isinstance(q.get("question"), str) for q in asked) else ()
        case "ExitPlanMode":
            plan = filed if isinstance(filed := members(arguments).get("plan"), str) else plan
            text = "Approve plan execution?" if plan is None else f"Approve plan execution?\n\n{plan}"
            return (QuestionPart(text, _PLAN_OPTIONS, "Plan"),)
        case _:
            return ()


def _question(asked: dict[str, Any]) -> QuestionPart:
    header = asked.get("header")
    return QuestionPart(
        asked["question"],
        tuple(_option(option) for option in elements(asked.get("options"))),
        header if isinstance(header, str) else None,
        asked.get("multiSelect") is True,
    )


def _option(option: Any) -> QuestionOption:
    match option:
        case {"label": str(label), "description": str(description)}:
            return QuestionOption(label, description)
        case {"label": str(label)}:
            return QuestionOption(label)
        case _:
            return QuestionOption(str(option))


def _set_mode(mode: str) -> dict[str, str]:
    return {"type": "setMode", "mode": mode, "destination": "session"}


def _allow(ask: _Approval, permissions: Sequence[Any] = (), input: Any = None) -> Write:  # noqa: A002 - the protocol's word
    response: dict[str, Any] = {
        "behavior": "allow",
        "updatedInput": ask.request.input if input is None else input,
    }
    if permissions:
        response["updatedPermissions"] = list(permissions)
    return _answer(ask.request_id, response)


def _deny(ask: _Approval, message: str) -> Write:
    return _answer(ask.request_id, {"behavior": "deny", "message": message})


def _answer(request_id: str, response: dict[str, Any]) -> Write:
    body = {"subtype": "success", "request_id": request_id, "response": response}
    return Write(line({"type": "control_response", "response": body}))
