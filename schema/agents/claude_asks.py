"""What claude asks of a human: leave to use a tool, answers to questions, approval of a plan.

All three come as ``can_use_tool``. AskUserQuestion and ExitPlanMode are questions to the client; the rest are
permissions. To allow means to send the tool's input back: without ``updatedInput`` the tool fails.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from ..events import QuestionEventData, QuestionOption, QuestionPart
from ..sessions import PermissionReply
from .claude_wire import ControlRequest, ToolRequest
from .effects import AskPermission, AskQuestion, Effect, WithdrawAsk, Write
from .native import elements, line, members, plain

APPROVE = "Approve"
APPROVE_AND_ACCEPT_EDITS = "Approve and accept edits"
REJECT = "Reject"

_DENIED = "The user does not allow this."
_NOT_ANSWERED = "The user does not want to answer these questions."
_KEEP_PLANNING = "The user does not approve the plan: keep planning."

_PLAN_OPTIONS = (
    QuestionOption(APPROVE, "leave plan mode and carry the plan out"),
    QuestionOption(APPROVE_AND_ACCEPT_EDITS, "the same, and edit files without asking"),
    QuestionOption(REJECT, "stay in plan mode and go on planning"),
)


@frozen
class _Ask:
    """``ask_id`` is what the client names it by: the request id of a permission, the tool call id of a question."""

    ask_id: str
    request_id: str
    request: ToolRequest = field(eq=False)
    questions: tuple[QuestionPart, ...] = ()


class Asks:
    """What is asked and not yet answered. ``after_plan`` is claude's permission mode once a plan is approved."""

    def __init__(self, after_plan: str) -> None:
        self._after_plan = after_plan
        self._open: dict[str, _Ask] = {}

    def __repr__(self) -> str:
        return f"<Asks open={sorted(self._open)}>"

    def asked(self, control: ControlRequest, raw: bytes) -> Effect:
        request, request_id = control.request, control.request_id
        arguments = plain(request.input)
        questions = _questions(request.tool_name, arguments)
        if questions:
            ask_id = request.tool_use_id or request_id
            self._open[ask_id] = _Ask(ask_id, request_id, request, questions)
            first = questions[0]
            labels = tuple(option.label for option in first.options)
            return AskQuestion(QuestionEventData(ask_id, first.question, labels, None, "requested", questions), raw)
        self._open[request_id] = _Ask(request_id, request_id, request)
        metadata = {
            "toolName": request.tool_name,
            "input": arguments,
            "permissionSuggestions": request.permission_suggestions,
            "blockedPath": request.blocked_path,
            "toolUseId": request.tool_use_id,
            "description": request.description,
            "decisionReason": request.decision_reason,
        }
        return AskPermission(request_id, request.tool_name, metadata, raw)

    def withdrawn(self, request_id: str) -> Iterable[Effect]:
        """Claude no longer waits. Unknown when the answer crossed the withdrawal on its way."""
        for ask in [ask for ask in self._open.values() if ask.request_id == request_id]:
            del self._open[ask.ask_id]
            yield WithdrawAsk(ask.ask_id)

    def permission_answered(self, permission_id: str, reply: PermissionReply) -> Iterable[Effect]:
        ask = self._open.pop(permission_id, None)
        if ask is None:
            return
        match reply:
            case "once":
                yield _allow(ask)
            case "always":
                yield _allow(ask, _session_rules(ask.request))
            case "reject":
                yield _deny(ask, _DENIED)

    def question_answered(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Iterable[Effect]:
        ask = self._open.pop(question_id, None)
        if ask is None:
            return
        if ask.request.tool_name == "ExitPlanMode":
            yield self._plan_answered(ask, answers)
        elif answers is None:
            yield _deny(ask, _NOT_ANSWERED)
        else:
            # By the question's text; several labels as one string: that is how claude takes them.
            said = {part.question: ", ".join(given) for part, given in zip(ask.questions, answers, strict=False)}
            yield _allow(ask, input=members(plain(ask.request.input)) | {"answers": said})

    def _plan_answered(self, ask: _Ask, answers: Sequence[Sequence[str]] | None) -> Write:
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


def _questions(tool: str, arguments: Any) -> tuple[QuestionPart, ...]:
    """None when the tool asks nothing, or in a shape that we do not know: then it is a permission like any other."""
    match tool:
        case "AskUserQuestion":
            asked = [members(question) for question in elements(members(arguments).get("questions"))]
            return tuple(map(_question, asked)) if all(isinstance(q.get("question"), str) for q in asked) else ()
        case "ExitPlanMode":
            plan = members(arguments).get("plan")
            text = f"Approve plan execution?\n\n{plan}" if isinstance(plan, str) else "Approve plan execution?"
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


def _session_rules(request: ToolRequest) -> list[Any]:
    """Claude's own suggestions, but for this process only: in its settings files they count only in a workspace that
    someone has trusted by hand. A suggested change of the permission mode is left out; nobody asked for that."""
    updates = [
        {**members(update), "destination": "session"}
        for update in elements(request.permission_suggestions)
        if members(update).get("type") in ("addRules", "addDirectories")
    ]
    if any(update["type"] == "addRules" for update in updates):
        return updates
    rule = {"toolName": request.tool_name}
    return [{"type": "addRules", "rules": [rule], "behavior": "allow", "destination": "session"}, *updates]


def _set_mode(mode: str) -> dict[str, str]:
    return {"type": "setMode", "mode": mode, "destination": "session"}


def _allow(ask: _Ask, permissions: Sequence[Any] = (), input: Any = None) -> Write:  # noqa: A002 - the protocol's word
    response: dict[str, Any] = {
        "behavior": "allow",
        "updatedInput": ask.request.input if input is None else input,
    }
    if permissions:
        response["updatedPermissions"] = list(permissions)
    return _answer(ask, response)


def _deny(ask: _Ask, message: str) -> Write:
    return _answer(ask, {"behavior": "deny", "message": message})


def _answer(ask: _Ask, response: dict[str, Any]) -> Write:
    body = {"subtype": "success", "request_id": ask.request_id, "response": response}
    return Write(line({"type": "control_response", "response": body}))
