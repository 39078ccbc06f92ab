"""Codex's notifications that are no items: what becomes of them, and which are of no interest."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..items import ContentPart, JsonPart, StatusPart
from .codex_items import Items
from .codex_wire import ErrorParams, Frame
from .effects import Effect, ItemCompleted, Unparsed
from .native import as_text, members, plain

_IGNORED = frozenset({
    "autoApprovalReview/strictReviewRequired", "command/exec/outputDelta", "deprecationNotice", "fs/changed",
    "hook/started", "item/autoApprovalReview/started", "item/commandExecution/terminalInteraction",
    "model/safetyBuffering/updated", "model/verification", "modelProvider/authRecoveryCompleted",
    "modelProvider/authRecoveryStarted", "project/changed", "rawResponse/completed", "rawResponseItem/completed",
    "skills/changed", "thread/archived", "thread/attachment/updated", "thread/closed", "thread/compacted",
    "thread/deleted", "thread/environment/connected", "thread/environment/disconnected", "thread/goal/cleared",
    "thread/goal/updated", "thread/name/updated", "thread/prediction/updated", "thread/project/updated",
    "thread/queue/changed", "thread/readState/changed", "thread/reverted", "thread/section/changed",
    "thread/settings/updated", "thread/started", "thread/status/changed", "thread/unarchived",
    "turn/moderationMetadata",
})  # fmt: skip
"""Known, and no client's business. Compaction is an item too."""

_IGNORED_FAMILIES = (
    "account/", "app/", "externalAgentConfig/", "fuzzyFileSearch/", "mcpServer/", "process/", "remoteControl/",
    "thread/realtime/", "thread/search/", "windows", "windowsSandbox/",
)  # fmt: skip

_MCP_STARTUP = "mcpServer/startupStatus/updated"
"""Of its family the one that may tell of a failure."""

_TOLD: Mapping[str, tuple[str, str]] = {
    "configWarning": ("config.warning", "summary"),
    "guardianWarning": ("guardian.warning", "message"),
    "item/mcpToolCall/progress": ("mcp.progress", "message"),
    "turn/diff/updated": ("turn.diff.updated", "diff"),
    "warning": ("warning", "message"),
}
"""The label, and the member that is the detail."""


class Statuses:
    """Names status items: they have no ids of their own. ``seed`` makes the names unique in the session."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0
        self._diff: Any = None

    def told(self, frame: Frame, items: Items, raw: bytes) -> Iterator[Effect]:
        if is_ignored(frame.method):
            return
        facts = members(plain(frame.params))
        if frame.method == "turn/diff/updated":
            if facts.get("diff") == self._diff:  # codex says it several times for one patch
                return
            self._diff = facts.get("diff")
        parts = status(frame.method, facts)
        if parts is None:
            yield Unparsed(f"unknown notification {frame.method!r}", "codex notification", raw)
        elif parts:
            yield self._item(parts, items.parent(as_text(facts.get("threadId"))), raw)

    def sub_agent_failed(self, params: ErrorParams, items: Items, raw: bytes) -> Effect:
        """The main thread goes on: this is no error of the turn's."""
        message = as_text(params.error.get("message"))
        return self._item((StatusPart("sub_agent.error", message),), items.parent(params.thread_id), raw)

    def _item(self, parts: tuple[ContentPart, ...], parent: str | None, raw: bytes) -> ItemCompleted:
        self._count += 1
        return ItemCompleted(f"status_{self._seed}_{self._count}", "status", "system", parts, False, parent, raw=raw)


def is_ignored(method: str) -> bool:
    return method in _IGNORED or (method.startswith(_IGNORED_FAMILIES) and method != _MCP_STARTUP)


def status(method: str, facts: dict[str, Any]) -> tuple[ContentPart, ...] | None:
    """The content of a status item: empty when there is nothing to tell, None when the method is not known."""
    match method, facts:
        case "turn/plan/updated", _:
            explanation = facts.get("explanation")
            part = StatusPart("turn.plan.updated", None if explanation is None else as_text(explanation))
            return (part, JsonPart({"plan": facts.get("plan")}))
        case "thread/tokenUsage/updated", _:
            return (StatusPart("thread.token_usage.updated"), JsonPart(facts.get("tokenUsage")))
        case "model/rerouted", _:
            reason = f"{facts.get('fromModel')} to {facts.get('toModel')}: {facts.get('reason')}"
            return (StatusPart("model.rerouted", reason),)
        case "mcpServer/startupStatus/updated", _:
            failed = facts.get("status") == "failed"
            return (StatusPart("mcp.failed", f"{facts.get('name')}: {facts.get('error')}"),) if failed else ()
        case "hook/completed", _:
            run = members(facts.get("run"))
            outcome = run.get("status")
            detail = f"{run.get('eventName')}: {run.get('statusMessage')}"
            return () if outcome in ("completed", "running") else (StatusPart(f"hook.{outcome}", detail),)
        case "item/autoApprovalReview/completed", _:
            review = members(facts.get("review"))
            return (StatusPart(f"approval.{review.get('status')}", as_text(review.get("rationale") or "")),)
        case _ if method in _TOLD:
            label, member = _TOLD[method]
            return (StatusPart(label, as_text(facts.get(member))),)
        case _:
            return None
