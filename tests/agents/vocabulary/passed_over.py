"""Which of what agents say is told to nobody, and why. What the dialects' own tables pass over stands there."""

from collections.abc import Mapping

from sandbox_agent.schema.agents.claude import status as claude_status
from sandbox_agent.schema.agents.codex import status as codex_status
from sandbox_agent.schema.agents.opencode import status as opencode_status

from .kinds import Kind

MOVES: Mapping[str, frozenset[str]] = {
    "claude": frozenset({
        "message control_cancel_request", "message stream_event", "message rate_limit_event",
        "system background_tasks_changed",
    }),
    "codex": frozenset({
        "notification account/rateLimits/updated", "notification hook/completed",
        "notification item/commandExecution/outputDelta",
        "notification item/fileChange/outputDelta", "notification item/fileChange/patchUpdated",
        "notification item/started", "notification mcpServer/startupStatus/updated",
        "notification serverRequest/resolved", "notification thread/goal/cleared",
        "notification thread/name/updated", "notification turn/completed",
    }),
    "opencode": frozenset({
        "event mcp.tools.changed", "event message.part.delta",
        "event message.part.updated", "event message.updated", "event permission.replied",
        "event question.rejected", "event question.replied", "event session.created", "event session.error",
        "event session.status", "event session.updated", "part step-finish",
    }),
}  # fmt: skip
"""Read, but the example says nothing that is told: it is about nothing that was told before, or a success."""

NOT_FOR_US: Mapping[str, str] = {
    "control hook_callback": "only for hooks that a client registers in its handshake",
    "control host_auth_token_refresh": "only for a client that hands credentials over",
    "control mcp_message": "only for MCP servers that a client serves itself",
    "control oauth_token_refresh": "only for a client that hands credentials over",
    "control remote_control_work_secret": "claude's cloud",
    "control remote_plumbing_call": "claude's cloud",
    "control remote_tool_call": "only for a client that announces tools of another machine",
    "control remote_tools_probe": "claude's cloud",
    "control remote_tools_reannounce": "claude's cloud",
    "control request_user_dialog": "only for the kinds of dialog that a client names in its handshake",
    "control ui_copy": "only for a client that draws claude's panes",
    "control ui_prompt_fill": "only for a client that draws claude's panes",
    "control ui_prompt_paint": "only for a client that draws claude's panes",
    "control ui_prompt_read": "only for a client that draws claude's panes",
    "control ui_prompt_suggest": "only for a client that draws claude's panes",
    "control ui_read_selection": "only for a client that draws claude's panes",
    "request account/chatgptAuthTokens/refresh": "only for a client that hands tokens over",
    "request applyPatchApproval": "of the protocol's first generation; a thread of the second asks otherwise",
    "request attestation/generate": "our handshake says that we attest nothing",
    "request execCommandApproval": "of the protocol's first generation; a thread of the second asks otherwise",
    "request item/tool/call": "only for tools that a client brings along",
}
"""Requests that cannot reach us. Each would be refused, and shown as unparsed."""


def is_passed_over(kind: Kind) -> bool:
    """On purpose, by the dialect's own tables."""
    sort, _, name = kind.name.partition(" ")
    match kind.agent, sort:
        case "claude", "system":
            return name in claude_status.IGNORED
        case "claude", "message":
            return name in claude_status.IGNORED_TYPES
        case "codex", "notification":
            return codex_status.is_ignored(name)
        case "opencode", "event":
            return opencode_status.is_ignored(name)
        case "opencode", "part":
            return name in opencode_status.SILENT_PARTS
        case _:
            return False
