"""Claude's ``system`` lines: what becomes a status item, and what is of no interest."""

from collections.abc import Mapping
from typing import Any

from ..items import StatusPart
from .effects import Effect, ItemCompleted, Unparsed
from .native import as_text

_TOLD: Mapping[str, tuple[str, ...]] = {
    "agents_killed": (),
    "api_error": ("error", "content"),
    "away_summary": ("content",),
    "compact_boundary": ("compact_metadata",),
    "elicitation_complete": (),
    "informational": ("content",),
    "local_command": ("content",),
    "local_command_output": ("content",),
    "memory_recall": ("content", "memories"),
    "memory_saved": ("content",),
    "mirror_error": ("error",),
    "model_consent_fallback": ("content",),
    "model_fallback": ("content",),
    "model_refusal_fallback": ("content",),
    "model_refusal_no_fallback": ("content",),
    "notification": ("text", "message", "content"),
    "permission_denied": ("message", "content", "tool_name"),
    "permission_retry": ("content",),
    "plugin_install": ("status", "name"),
    "scheduled_task_fire": ("content",),
    "task_notification": ("summary", "status"),
    "task_progress": ("description",),
    "task_started": ("description",),
    "task_updated": ("patch",),
}
"""Told to the client: the subtype is the label; the first of these members that is there is the detail."""

_IGNORED = frozenset({
    "commands_changed", "file_snapshot", "files_persisted", "hook_progress", "hook_response", "hook_started",
    "post_turn_summary", "session_state_changed", "stop_hook_summary", "task_summary", "thinking_tokens",
    "turn_duration", "turn_starting", "worker_shutting_down",
})  # fmt: skip


def is_ignored(subtype: Any) -> bool:
    """Asked before the line is read in full: ``thinking_tokens`` comes with every delta."""
    return isinstance(subtype, str) and subtype in _IGNORED


def status(subtype: Any, facts: dict[str, Any], native_id: str, raw: bytes) -> Effect:
    """The effect of a ``system`` line other than ``init``."""
    match subtype:
        case "status":
            label, detail = _mode_or_state(facts)
        case "api_retry":
            label, detail = subtype, _retry(facts)
        case str() if subtype in _TOLD:
            detail = next((facts[name] for name in _TOLD[subtype] if facts.get(name) is not None), None)
            label = subtype
        case _:
            return Unparsed(f"unknown system subtype {subtype!r}", "claude system", raw)
    part = StatusPart(label, None if detail is None else as_text(detail))
    parent = facts.get("tool_use_id")
    return ItemCompleted(
        native_id, "status", "system", (part,), False, parent if isinstance(parent, str) else None, raw=raw
    )


def rate_limit(facts: dict[str, Any], native_id: str, raw: bytes) -> tuple[Effect, ...]:
    """How much of a subscription is left; silent while it is not near its end."""
    match facts.get("rate_limit_info"):
        case {"status": "allowed"}:
            return ()
        case info:
            return (ItemCompleted(native_id, "status", "system", (StatusPart("rate_limit", as_text(info)),), raw=raw),)


def _mode_or_state(facts: dict[str, Any]) -> tuple[str, Any]:
    state = facts.get("status")
    if state is None and "permissionMode" in facts:
        return "permission_mode", facts["permissionMode"]
    return "status", state


def _retry(facts: dict[str, Any]) -> str:
    delay = facts.get("retry_delay_ms")
    seconds = f" in {delay / 1000:.1f} s" if isinstance(delay, int | float) else ""
    attempt = f"attempt {facts.get('attempt')} of {facts.get('max_retries')}{seconds}"
    return f"{facts.get('error')} (HTTP {facts.get('error_status')}): {attempt}"
