"""What codex asks of a human: leave to run a command, to patch files, to use an MCP tool, and answers to questions.

Each is a request of codex's that waits for its answer; the turn waits with it. No request is left without one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from ...api.sessions import PermissionReply
from ...approvals.always import Always, of_input
from ...approvals.approval_ids import REPEATED, ApprovalIds
from ...bounds import MAX_NAME, shortened
from ...events import QuestionEventData, QuestionOption, QuestionPart
from ..effects import Effect, PermissionRefused, RequestPermission, RequestQuestion, Unparsed, WithdrawApproval, Write
from ..elicitation.fields import Unaskable
from ..elicitation.form import Form, declined, elicited
from ..json_lines import as_text, elements, fitting, line, members
from ..outline import MAX_TEXT, TOO_DEEP
from .always import of_patch, of_run, of_tool
from .open_items import Begun, Place
from .tools import APPLY_PATCH, SHELL, command_arguments, file_refs
from .wire import RequestId, answer, refusal

SAME_ID = "its id is that of another patch under way, so it is not known which of them it is"
"""Why a patch is refused."""

NOT_OFFERED = "codex does not offer to allow it this once"
"""Why something is refused. That it is allowed for longer is not ours to say: nobody could take that back."""


@frozen
class _Results:
    """Codex's answers to a permission. An `always` is the daemon's to remember: codex is allowed this once."""

    allow: Any
    reject: Any


_DECISIONS = _Results({"decision": "accept"}, {"decision": "decline"})  # the turn goes on; "cancel" would end it

_TOOL_DECISIONS = _Results(
    {"action": "accept", "content": {}, "_meta": None}, {"action": "decline", "content": None, "_meta": None}
)

_NOTHING: Mapping[str, Any] = {"permissions": {}, "scope": "turn"}

_DECLINED = _TOOL_DECISIONS.reject


@frozen
class _Permission:
    request_id: RequestId
    thread: Any
    results: _Results
    patch: Place | None = None
    """Where the item stands whose changes are to be approved."""


@frozen
class _Question:
    """``result`` makes codex's answer of the human's; None when the human rejects to answer."""

    request_id: RequestId
    thread: Any
    result: Callable[[Sequence[Sequence[str]] | None], Any]


class Approvals:
    """What is asked and not yet answered, by the id that the client knows. Codex's own ids start at 0 in each process;
    ``seed`` makes ours unique in the session."""

    def __init__(self, seed: str, directory: str, *, accept_edits: bool) -> None:
        """``directory`` is the session's; ``accept_edits``: its mode accepts patches inside of the workspace."""
        self._seed = seed
        self._directory = directory
        self._accept_edits = accept_edits
        self._ids = ApprovalIds()
        self._open: dict[str, _Permission | _Question] = {}

    def __repr__(self) -> str:
        return f"<Approvals open={sorted(self._open)}>"

    def asked(
        self, method: str, request_id: RequestId, params: dict[str, Any], about: Sequence[Begun], raw: bytes
    ) -> Iterator[Effect]:
        """``about`` are the items that the request may be about: it does not tell what a patch changes."""
        changes, place = None, Place.told_in(params)
        if about:
            changes, params = about[0].changes, {**params, "itemId": about[0].name}
        match method:
            case "item/commandExecution/requestApproval":
                tool_input = command_arguments(params)
                always = of_run(params, self._directory)
                yield from self._permission(method, request_id, params, SHELL, tool_input, _DECISIONS, raw, always)
            case "item/fileChange/requestApproval" if any(other.changes != changes for other in about):
                yield PermissionRefused(self._ids.give(self._name(request_id)), APPLY_PATCH, SAME_ID, {"input": params})
                yield Write(line(answer(request_id, _DECISIONS.reject)))
            case "item/fileChange/requestApproval":
                files = file_refs(changes)
                told = {
                    "paths": [file.path for file in files],
                    "diff": "".join(file.diff or "" for file in files),
                }
                tool_input, always = {"changes": changes}, of_patch(changes)
                yield from self._permission(
                    method, request_id, params, APPLY_PATCH, tool_input, _DECISIONS, raw, always, place, **told
                )
            case "item/permissions/requestApproval":
                wanted = params.get("permissions")
                results, always = _permission_profiles(wanted), of_input("permissions", wanted)
                yield from self._permission(method, request_id, params, "permissions", wanted, results, raw, always)
            case "item/tool/requestUserInput":
                yield from self._user_input(request_id, params, raw)
            case "mcpServer/elicitation/request":
                yield from self._elicited(method, request_id, params, raw)
            case _:
                what = f"unsupported server request {method!r}"
                yield Write(line(refusal(request_id, what)))
                yield Unparsed(what, "codex server request", raw)

    def resolved(self, request_id: RequestId) -> Iterator[Effect]:
        """Codex no longer waits. Of an ask that was answered it says so too."""
        for approval_id in [approval_id for approval_id, ask in self._open.items() if ask.request_id == request_id]:
            del self._open[approval_id]
            yield WithdrawApproval(approval_id)

    def changed(self, place: Place) -> Iterator[Effect]:
        """What is to be approved is another patch now than the one that was shown, or may be: nobody has approved
        that."""
        for approval_id, ask in list(self._open.items()):
            if isinstance(ask, _Permission) and ask.patch is not None and ask.patch.may_be(place):
                del self._open[approval_id]
                yield Write(line(answer(ask.request_id, ask.results.reject)))
                yield WithdrawApproval(approval_id)

    def unreadable(self, told: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        """``told`` is the outline of a request that cannot be decoded."""
        method, request_id = told.get("method"), told.get("id")
        if not isinstance(method, str) or not isinstance(request_id, (int, str)):
            return
        shown = {"codexRequestKind": _KINDS.get(method), "input": shortened(raw.decode(errors="replace"), MAX_TEXT)}
        yield PermissionRefused(self._ids.give(self._name(request_id)), _KINDS.get(method, method), TOO_DEEP, shown)
        result = _REJECTED.get(method)
        what = f"this is refused: {TOO_DEEP}"
        yield Write(line(refusal(request_id, what) if result is None else answer(request_id, result)))

    def turn_ended(self, thread: str) -> Iterator[Effect]:
        """Codex tells that it no longer waits only after the turn has ended. A sub-agent's turn goes on, and so do its
        asks."""
        for approval_id in [approval_id for approval_id, ask in self._open.items() if ask.thread == thread]:
            del self._open[approval_id]
            yield WithdrawApproval(approval_id)

    def permission_answered(self, permission_id: str, reply: PermissionReply) -> Iterator[Effect]:
        ask = self._open.pop(permission_id, None)
        if isinstance(ask, _Permission):
            yield Write(line(answer(ask.request_id, ask.results.reject if reply == "reject" else ask.results.allow)))

    def question_answered(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Iterator[Effect]:
        ask = self._open.pop(question_id, None)
        if isinstance(ask, _Question):
            yield Write(line(answer(ask.request_id, ask.result(answers))))

    def _name(self, request_id: RequestId) -> str:
        return f"ask_{self._seed}_{request_id}"

    def _permission(
        self,
        method: str,
        request_id: RequestId,
        params: dict[str, Any],
        tool: str,
        tool_input: Any,
        results: _Results,
        raw: bytes,
        always: Always | None,
        patch: Place | None = None,
        **told: Any,
    ) -> Iterator[Effect]:
        ask = _Permission(request_id, params.get("threadId"), results, patch)
        metadata = {
            "toolName": tool,
            "input": tool_input,
            "toolUseId": params.get("itemId"),
            "description": params.get("reason") or params.get("message"),
            "codexRequestKind": _KINDS.get(method),
            "codexRequestId": request_id,
            **{name: params[name] for name in _PASSED_ON if params.get(name) is not None},
            **{name: fitting(params[name]) for name in _TOLD_BESIDE if params.get(name) is not None},
            **told,
        }
        approval_id = self._ids.give(self._name(request_id))
        refused = REPEATED if self._is_open(request_id) else None if _can_be_allowed(params) else NOT_OFFERED
        if refused is not None:
            yield PermissionRefused(approval_id, tool, refused, metadata)
            yield Write(line(answer(request_id, results.reject)))
            return
        self._open[approval_id] = ask
        inside = tool == APPLY_PATCH and self._accept_edits and params.get("grantRoot") is None
        yield RequestPermission(approval_id, tool, metadata, raw, always, accept_inside=inside)

    def _is_open(self, request_id: RequestId) -> bool:
        """An answer names its request by the id alone, so of two with one id only the first can be answered."""
        return any(ask.request_id == request_id for ask in self._open.values())

    def _question(
        self,
        request_id: RequestId,
        params: dict[str, Any],
        data: Callable[[str], QuestionEventData],
        result: Callable[[Sequence[Sequence[str]] | None], Any],
        raw: bytes,
    ) -> Iterator[Effect]:
        approval_id = self._ids.give(self._name(request_id))
        if self._is_open(request_id):
            yield PermissionRefused(approval_id, "question", REPEATED, {"input": params})
            yield Write(line(answer(request_id, result(None))))
            return
        self._open[approval_id] = _Question(request_id, params.get("threadId"), result)
        yield RequestQuestion(data(approval_id), raw)

    def _user_input(self, request_id: RequestId, params: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        asked = [members(said) for said in elements(params.get("questions"))]
        if not asked:
            yield Write(line(answer(request_id, {"answers": {}})))
            return
        names = [as_text(said.get("id")) for said in asked]

        def result(answers: Sequence[Sequence[str]] | None) -> Any:
            given = zip(names, answers or (), strict=False)
            return {"answers": {name: {"answers": list(labels)} for name, labels in given}}

        parts = tuple(map(_part, asked))
        labels = tuple(option.label for option in parts[0].options)

        def data(approval_id: str) -> QuestionEventData:
            return QuestionEventData(approval_id, parts[0].question, labels, None, "requested", parts)

        yield from self._question(request_id, params, data, result, raw)

    def _elicited(self, method: str, request_id: RequestId, params: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        meta = members(params.get("_meta"))
        server = as_text(params.get("serverName"))
        if meta.get("codex_approval_kind") == "mcp_tool_call":
            tool = f"{server}.{meta.get('tool_name')}"
            tool_input = meta.get("tool_params")
            always = of_tool(params.get("serverName"), meta.get("tool_name"), tool_input)
            told = {name: fitting(meta[name]) for name in _TOLD_OF_TOOL if meta.get(name) is not None}
            yield from self._permission(
                method, request_id, params, tool, tool_input, _TOOL_DECISIONS, raw, always, **told
            )
            return
        try:
            form = _form(params)
        except Unaskable as why:
            yield Write(line(answer(request_id, _DECLINED)))
            yield declined(self._name(request_id), server, params.get("message"), why, raw)
            return

        def result(answers: Sequence[Sequence[str]] | None) -> Any:
            content = form.content(answers)
            return _DECLINED if content is None else {"action": "accept", "content": content, "_meta": None}

        yield from self._question(request_id, params, form.question, result, raw)


_KINDS: Mapping[str, str] = {
    "item/commandExecution/requestApproval": "commandExecution",
    "item/fileChange/requestApproval": "fileChange",
    "item/permissions/requestApproval": "permissions",
    "mcpServer/elicitation/request": "mcpToolCall",
}
"""Wire 0.1's names, for clients that go by them."""

_PASSED_ON = (
    "threadId", "turnId", "itemId", "command", "cwd", "reason", "grantRoot", "serverName",
    "kind", "networkApprovalContext", "additionalPermissions",
)  # fmt: skip
"""What is approved: whole, as the input is."""

_TOLD_BESIDE = (
    "approvalId", "environmentId", "availableDecisions", "proposedExecpolicyAmendment",
    "proposedNetworkPolicyAmendments",
)  # fmt: skip
"""What codex says about it: as much as fits."""

_TOLD_OF_TOOL = ("tool_title", "tool_description", "connector_name")
"""Members of ``_meta`` that say what an MCP tool is."""

_REJECTED: Mapping[str, Any] = {
    "item/commandExecution/requestApproval": _DECISIONS.reject,
    "item/fileChange/requestApproval": _DECISIONS.reject,
    "item/permissions/requestApproval": _NOTHING,
    "item/tool/requestUserInput": {"answers": {}},
    "mcpServer/elicitation/request": _DECLINED,
}


def _can_be_allowed(params: dict[str, Any]) -> bool:
    """Codex may list the decisions that a human is to choose from. That it declines is in no list, and understood."""
    offered = params.get("availableDecisions")
    return offered is None or "accept" in elements(offered)


def _permission_profiles(wanted: Any) -> _Results:
    """To grant is to send back what was wanted, to reject is to grant nothing."""
    granted = {name: value for name, value in members(wanted).items() if value is not None}
    return _Results({"permissions": granted, "scope": "turn"}, _NOTHING)


def _part(said: dict[str, Any]) -> QuestionPart:
    header = said.get("header")
    return QuestionPart(
        as_text(said.get("question") or ""),
        tuple(map(_option, elements(said.get("options")))),
        header if isinstance(header, str) else None,
        secret=True if said.get("isSecret") is True else None,
    )


def _form(params: dict[str, Any]) -> Form:
    """Raises :class:`Unaskable`."""
    server, message = params.get("serverName"), params.get("message")
    match params.get("mode"):
        case "form" | "openai/form" | "openaiForm":
            return elicited(server, message, schema=params.get("requestedSchema"))
        case "url":
            return elicited(server, message, url=params.get("url") or "")
        case other:
            raise Unaskable(f"{shortened(as_text(other), MAX_NAME)} is nothing that a human can answer here")


def _option(option: Any) -> QuestionOption:
    match option:
        case {"label": str(label), "description": str(description)}:
            return QuestionOption(label, description)
        case {"label": str(label)}:
            return QuestionOption(label)
        case _:
            return QuestionOption(as_text(option))
