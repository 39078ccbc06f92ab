"""Claude's lines about itself: what becomes a status item, and what is of no interest."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...items import StatusPart
from ..effects import Effect, ItemCompleted, Unparsed
from ..json_lines import as_text, plain
from .news import News

TOLD: Mapping[str, tuple[str, ...]] = {
    "agents_killed": (),
    "api_error": ("error", "content"),
    "away_summary": ("content",),
    "code_change_published": ("url",),
    "compact_boundary": ("compact_metadata",),
    "elicitation_complete": (),
    "file_attachments_missing": ("missing",),
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
    "peer_message_hold": ("state",),
    "permission_denied": ("message", "content", "tool_name"),
    "permission_retry": ("content",),
    "plugin_install": ("status", "name"),
    "scheduled_task_fire": ("content",),
    "session_title_changed": ("title",),
    "session_writes_lost": ("lost",),
    "task_list_statuses": ("statuses",),
    "task_notification": ("summary", "status"),
    "task_progress": ("description",),
    "task_started": ("description",),
    "task_updated": ("patch",),
    "ui_log": ("text",),
    "ui_notify": ("text",),
    "ui_toast": ("text",),
    "vcs_state_changed": ("kind",),
}
"""Told to the client: the subtype is the label; the first of these members that is there is the detail."""

TOLD_TYPES: Mapping[str, str] = {
    "active_goal": "value",
    "conversation_reset": "trigger",
    "prompt_suggestion": "suggestion",
}
"""Messages that are no ``system`` lines, and told as if they were."""

IGNORED = frozenset({
    "bridge_state", "bridge_status", "checkpoint_done", "cloud_session_delta",
    "cloud_session_status", "commands_changed", "control_request_progress", "dev_intent", "feedback_draft_queued",
    "file_snapshot", "files_persisted", "hook_progress", "hook_response", "hook_started", "inherited_asks_settled",
    "instruction_size_warning", "late_allow_not_run", "per_turn_effort_changed", "permission_check_status", "placed",
    "post_turn_summary", "rewind_stand_in", "session_metadata", "session_state_changed", "shell_cwd", "start_folder",
    "stop_hook_summary", "task_summary", "thinking_tokens", "tool_host_result",
    "turn_began_before_init", "turn_duration", "turn_handoff_available", "turn_preempted", "turn_starting",
    "ui_focus", "ui_invalidate", "ui_notify_cancel", "ui_panes", "ui_placed", "ui_scroll", "ui_status",
    "upgrade_relay_marker", "voice_call_talk", "worker_shutting_down",
})  # fmt: skip
"""About claude's own screens, its cloud, or what other lines say too."""

IGNORED_TYPES = frozenset({
    "attachment", "auth_status", "autocompact_state", "command_lifecycle", "keep_alive", "progress",
    "streamlined_text", "streamlined_tool_use_summary", "tool_progress", "tool_use_summary",
    "transcript_mirror", "update_environment_variables",
})  # fmt: skip


def is_ignored(subtype: Any) -> bool:
    """Asked before the line is read in full: ``thinking_tokens`` comes with every delta."""
    return isinstance(subtype, str) and subtype in IGNORED


class Statuses:
    """What claude says of itself, as status items."""

    def __init__(self) -> None:
        self._news = News()

    def __repr__(self) -> str:
        return f"<Statuses {self._news!r}>"

    def system(self, subtype: Any, facts: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        """The effects of a ``system`` line other than ``init``."""
        match subtype:
            case "status":
                label, detail = _mode_or_state(facts)
            case "api_retry":
                label, detail = subtype, _retry(facts)
            case str() if subtype in TOLD:
                detail = next((facts[name] for name in TOLD[subtype] if facts.get(name) is not None), None)
                label = subtype
            case str():
                if (part := self._news.told(subtype, facts)) is not None:
                    yield _item(part, facts, raw)
                return
            case _:
                yield Unparsed(f"a system line without a subtype: {subtype!r}", "claude system", raw)
                return
        yield _item(_part(label, detail), facts, raw)

    def message(self, kind: str, raw: bytes) -> Iterator[Effect]:
        """The effects of a message of a type that the dialect does not read itself. One that is not known may be what
        the model said, so it is shown as it came."""
        if kind in TOLD_TYPES:
            facts = plain(raw)
            yield _item(_part(kind, facts.get(TOLD_TYPES[kind])), facts, raw)
        elif kind not in IGNORED_TYPES:
            yield Unparsed(f"unknown message type {kind!r}", "claude stdout", raw)


def _part(label: str, detail: Any) -> StatusPart:
    return StatusPart(label, None if detail is None else as_text(detail))


def _item(part: StatusPart, facts: dict[str, Any], raw: bytes) -> Effect:
    parent = facts.get("tool_use_id")
    parent = parent if isinstance(parent, str) else None
    return ItemCompleted(_name(facts), "status", "system", (part,), False, parent, raw=raw)


def rate_limit(facts: dict[str, Any], raw: bytes) -> tuple[Effect, ...]:
    """How much of a subscription is left; silent while it is not near its end."""
    match facts.get("rate_limit_info"):
        case {"status": "allowed"}:
            return ()
        case info:
            return (_item(StatusPart("rate_limit", as_text(info)), facts, raw),)


def _name(facts: dict[str, Any]) -> str:
    return str(facts.get("uuid"))


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
