"""Opencode's events that tell of its state: what becomes a status item, and what is of no interest."""

from typing import Any

from ...events import ErrorData
from ...items import JsonPart, StatusPart
from ..effects import Effect, ItemCompleted
from ..json_lines import as_text, elements, members
from ..times import when
from .wire import Status

ABORTED = "MessageAbortedError"

IGNORED = frozenset({
    "catalog.updated", "command.executed", "file.edited", "file.watcher.updated", "global.disposed",
    "installation.update-available", "installation.updated", "integration.connection.updated", "integration.updated",
    "lsp.client.diagnostics", "lsp.updated", "message.part.removed",
    "message.removed", "models-dev.refreshed", "plugin.added", "project.directories.updated", "project.updated",
    "pty.created", "pty.deleted", "pty.exited", "pty.updated", "reference.updated", "server.heartbeat",
    "server.instance.disposed", "session.deleted", "session.diff", "tui.command.execute",
    "tui.prompt.append", "tui.session.select", "tui.toast.show", "vcs.branch.updated", "workspace.failed",
    "workspace.ready", "workspace.status", "worktree.failed", "worktree.ready",
})  # fmt: skip

SILENT_PARTS = frozenset({"agent", "patch", "snapshot", "step-start"})
"""Parts of messages that tell clients nothing: what a patch changed is told by the tool that made it."""

_IGNORED_KINDS = ("permission.v2.", "question.v2.", "session.next.")
"""The events of a second generation of the API, which repeat those of the first."""


def is_ignored(kind: str) -> bool:
    return kind in IGNORED or kind.startswith(_IGNORED_KINDS)


def status(label: str, detail: str | None, native_id: str, parent: str | None, raw: bytes) -> Effect:
    return ItemCompleted(native_id, "status", "system", (StatusPart(label, detail),), parent_native_id=parent, raw=raw)


def retry(said: Status, native_id: str, parent: str | None, raw: bytes) -> Effect:
    """The model's API failed, and opencode tries again by itself."""
    detail = f"{as_text(said.message)}: attempt {said.attempt}"
    if isinstance(said.next, int | float):  # milliseconds
        detail += f" at {when(said.next / 1000)}"
    return status("api_retry", detail, native_id, parent, raw)


def todos(said: Any, native_id: str, parent: str | None, raw: bytes) -> Effect:
    """The whole list, each time."""
    entries = elements(said)
    done = sum(members(entry).get("status") == "completed" for entry in entries)
    content = (StatusPart("todo", f"{done} of {len(entries)} completed"), JsonPart({"todos": entries}))
    return ItemCompleted(native_id, "status", "system", content, parent_native_id=parent, raw=raw)


def error(said: Any, code: str = "agent_error", *, retryable: bool = False) -> ErrorData:
    """Opencode's errors have a name, and data with a message; its first line is for people, the rest a trace."""
    facts = members(said)
    data = members(facts.get("data"))
    message = data.get("message") or facts.get("message") or facts.get("name") or said
    http_status = data.get("statusCode")
    details = {"name": facts.get("name"), "status": http_status, "retryable": retryable}
    if http_status is not None:
        code = "api_error"
    return ErrorData(as_text(message).split("\n", 1)[0], code, details)
