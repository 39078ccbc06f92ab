"""Codex's notifications that are no items: what becomes of them, and which are of no interest."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from ...bounds import bounded_id
from ...items import ContentPart, JsonPart, StatusPart
from ..effects import Effect, ItemCompleted, Unparsed
from ..json_lines import as_text, members, plain
from ..mcp_servers import WORKS, McpServers
from ..remembered import Remembered
from .items import Items
from .rate_limits import RateLimits
from .wire import ErrorParams, Frame

_IGNORED = frozenset({
    "autoApprovalReview/strictReviewRequired", "command/exec/outputDelta", "fs/changed", "hook/started",
    "item/autoApprovalReview/started",
    "model/safetyBuffering/updated", "model/verification", "modelProvider/authRecoveryCompleted",
    "modelProvider/authRecoveryStarted", "project/changed", "rawResponse/completed", "rawResponseItem/completed",
    "skills/changed", "thread/archived", "thread/attachment/updated", "thread/closed", "thread/compacted",
    "thread/deleted", "thread/environment/connected", "thread/environment/disconnected",
    "thread/prediction/updated", "thread/project/updated",
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
_RATE_LIMITS = "account/rateLimits/updated"

_TOLD_OF_FAMILIES = frozenset({_MCP_STARTUP, _RATE_LIMITS})
"""The others of their families are no client's business."""

_TOLD: Mapping[str, tuple[str, str]] = {
    "configWarning": ("config.warning", "summary"),
    "deprecationNotice": ("deprecation", "summary"),
    "guardianWarning": ("guardian.warning", "message"),
    "item/mcpToolCall/progress": ("mcp.progress", "message"),
    "turn/diff/updated": ("turn.diff.updated", "diff"),
    "warning": ("warning", "message"),
}
"""The label, and the member that is the detail."""


_REPEATED: Mapping[str, str] = {
    "thread/goal/updated": "goal",
    "thread/name/updated": "name",
    "turn/diff/updated": "diff",
}
"""What is told again only when it is something else."""

_MOST_SAID = 1000


class Statuses:
    """Names status items: they have no ids of their own. ``seed`` makes the names unique in the session."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0
        self._mcp = McpServers()
        self._limits = RateLimits()
        self._said = Remembered[Any](_MOST_SAID)

    def told(self, frame: Frame, items: Items, raw: bytes) -> Iterator[Effect]:
        if is_ignored(frame.method):
            return
        facts = members(plain(frame.params))
        thread = as_text(facts.get("threadId"))
        parent = items.parent(thread)
        match frame.method:
            case "item/commandExecution/terminalInteraction":
                parts, parent = _typed(facts), items.begun.command(as_text(facts.get("itemId")), thread) or parent
            case "mcpServer/startupStatus/updated":
                parts = self._server(facts)
            case "account/rateLimits/updated":
                parts = self._limits.updated(facts.get("rateLimits"))
            case "thread/goal/cleared":
                self._said.pop(bounded_id(f"goal {thread}"))
                return
            case _:
                parts = status(frame.method, facts)
        if parts is None:
            yield Unparsed(f"unknown notification {frame.method!r}", "codex notification", raw)
        elif parts and not self._was_said(frame.method, thread, parts):
            yield self._item(parts, parent, raw)

    def _was_said(self, method: str, thread: str, parts: tuple[ContentPart, ...]) -> bool:
        """Codex says these several times, also where nothing of them has changed."""
        if method not in _REPEATED:
            return False
        name, digest = bounded_id(f"{_REPEATED[method]} {thread}"), sha256(repr(parts).encode(errors="surrogatepass"))
        if self._said.get(name) == digest.digest():
            return True
        self._said.put(name, digest.digest())
        return False

    def _server(self, facts: dict[str, Any]) -> tuple[ContentPart, ...]:
        match facts.get("status"), facts.get("failureReason"):
            case "failed", "reauthenticationRequired":
                state = "needs_auth"
            case "failed", _:
                state = "failed"
            case "ready", _:
                state = WORKS
            case _:
                return ()
        reason = facts.get("error")
        part = self._mcp.told(as_text(facts.get("name")), state, None if reason is None else as_text(reason))
        return () if part is None else (part,)

    def sub_agent_failed(self, params: ErrorParams, items: Items, raw: bytes) -> Effect:
        """The main thread goes on: this is no error of the turn's."""
        message = as_text(params.error.get("message"))
        return self._item((StatusPart("sub_agent.error", message),), items.parent(params.thread_id), raw)

    def _item(self, parts: tuple[ContentPart, ...], parent: str | None, raw: bytes) -> ItemCompleted:
        self._count += 1
        return ItemCompleted(f"status_{self._seed}_{self._count}", "status", "system", parts, False, parent, raw=raw)


def is_ignored(method: str) -> bool:
    return method in _IGNORED or (method.startswith(_IGNORED_FAMILIES) and method not in _TOLD_OF_FAMILIES)


def _typed(facts: dict[str, Any]) -> tuple[ContentPart, ...]:
    """What the model types into a program that runs. It types nothing to see what the program has printed since."""
    typed = as_text(facts.get("stdin") or "")
    return (StatusPart("command.input", typed),) if typed else ()


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
        case "thread/name/updated", _:
            name = facts.get("threadName")
            return () if name is None else (StatusPart("session_title_changed", as_text(name)),)
        case "thread/goal/updated", _:
            goal = members(facts.get("goal"))
            detail = f"{as_text(goal.get('status'))}: {as_text(goal.get('objective'))}"
            return (StatusPart("active_goal", detail),)
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
