"""The scripts for Codex, whose tools have their own names and arguments."""

import re
from collections.abc import Mapping

from .conversation import Conversation, Reply, Text, ToolCall, call, say
from .scenarios import CLAUDE, PLAN, Script, failing, report, tools

QUESTIONS = [
    {
        "id": "color",
        "header": "Color",
        "question": "Which color?",
        "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
    },
    {
        "id": "size",
        "header": "Size",
        "question": "Which size?",
        "options": [{"label": "S", "description": "small"}, {"label": "L", "description": "large"}],
    },
]

SECRET = [QUESTIONS[0] | {"isSecret": True}]
"""A question whose answer is secret. Codex tells its model of no such member, and passes it on."""

STEPS = [{"step": "Read", "status": "completed"}, {"step": "Write", "status": "in_progress"}]

LIVE = "echo one; sleep 0.5; echo two; sleep 0.5; echo three >&2; exit 3"

WAIT_MS = 30_000
"""How long codex waits for a command before it tells the model that it still runs."""

_SHARED = (
    "SCN_HELLO", "SCN_THINK", "SCN_SLOW", "SCN_HANG", "SCN_IMAGE", "SCN_LEN", "SCN_ECHO", "SCN_UNKNOWNTOOL",
)  # fmt: skip


def _bash(arguments: list[str]) -> Reply:
    return call("exec_command", cmd=" ".join(arguments) or "touch made_by_bash.txt", yield_time_ms=WAIT_MS)


def _leave(arguments: list[str]) -> Reply:
    """A command that the model does not wait for: it goes on when the turn is over."""
    return call("exec_command", cmd=" ".join(arguments), yield_time_ms=250)


def _escalated(arguments: list[str]) -> Reply:
    """A command that wants out of the sandbox: what codex asks about under the policy `on-request`."""
    return call(
        "exec_command",
        cmd=" ".join(arguments),
        yield_time_ms=WAIT_MS,
        sandbox_permissions="require_escalated",
        justification="a reason to leave the sandbox",
    )


def _parallel(_: list[str]) -> Reply:
    return Reply(tuple(ToolCall("exec_command", {"cmd": f"echo {word}"}) for word in ("first", "second")))


def _patch_text(*lines: str) -> str:
    return "\n".join(("*** Begin Patch", *lines, "*** End Patch"))


def _patch(*lines: str) -> Reply:
    return call("apply_patch", input=_patch_text(*lines))


def _writes(paths: list[str]) -> Reply:
    """Each in a call of its own, all in one answer."""
    return Reply(tuple(ToolCall("apply_patch", {"input": _patch_text(f"*** Add File: {p}", f"+{p}")}) for p in paths))


def _write(arguments: list[str]) -> Reply:
    path, *words = arguments
    return _patch(f"*** Add File: {path}", f"+{' '.join(words)}")


def _edit(arguments: list[str]) -> Reply:
    path, old, new = arguments
    return _patch(f"*** Update File: {path}", "@@", f"-{old}", f"+{new}")


def _move(arguments: list[str]) -> Reply:
    path, target, old, new = arguments
    return _patch(f"*** Update File: {path}", f"*** Move to: {target}", "@@", f"-{old}", f"+{new}")


def _subagent(arguments: list[str]) -> Reply:
    return call("multi_agent_v1.spawn_agent", message=" ".join(arguments) or "SCN_BASH echo from-the-sub-agent")


def _plan(_: Conversation, __: list[str]) -> Reply:
    return Reply((Text(f"Here it is.\n<proposed_plan>\n{PLAN}\n</proposed_plan>\n"),))


def _silent(_: Conversation, __: list[str]) -> Reply:
    return say("")


def _type(conversation: Conversation, arguments: list[str]) -> Reply:
    """A program that reads a line, and the line."""
    if conversation.step == 0:
        return call("exec_command", cmd="read line; echo read: $line", tty=True, yield_time_ms=250)
    if conversation.step == 1:
        (session,) = re.findall(r"session ID (\d+)", conversation.results[0].text)
        return call("write_stdin", session_id=int(session), chars=" ".join(arguments) + "\n", yield_time_ms=WAIT_MS)
    return report(conversation, arguments)


CODEX: Mapping[str, Script] = {
    **{name: CLAUDE[name] for name in _SHARED},
    "SCN_BASH": tools(_bash),
    "SCN_TWICE": tools(_bash, _bash),
    "SCN_ESCALATE": tools(_escalated),
    "SCN_SLOWTOOL": tools(lambda _: call("exec_command", cmd="sleep 300", yield_time_ms=WAIT_MS)),
    "SCN_BACKGROUND": tools(lambda _: call("exec_command", cmd="touch running; sleep 300", yield_time_ms=250)),
    "SCN_LEAVE": tools(_leave),
    "SCN_LIVE": tools(lambda _: call("exec_command", cmd=LIVE, yield_time_ms=WAIT_MS)),
    "SCN_PARALLEL": tools(_parallel),
    "SCN_WRITE": tools(_write),
    "SCN_WRITES": tools(_writes),
    "SCN_EDIT": tools(_edit),
    "SCN_MOVE": tools(_move),
    "SCN_DELETE": tools(lambda args: _patch(f"*** Delete File: {args[0]}")),
    "SCN_READ": tools(lambda args: call("exec_command", cmd=f"cat {args[0]}")),
    "SCN_VIEW": tools(lambda args: call("view_image", path=args[0])),
    "SCN_ASK": tools(lambda _: call("request_user_input", questions=QUESTIONS)),
    "SCN_ASKSECRET": tools(lambda _: call("request_user_input", questions=SECRET)),
    "SCN_TODO": tools(lambda _: call("update_plan", explanation="as agreed", plan=STEPS)),
    "SCN_PLAN": _plan,
    "SCN_MCP": tools(lambda args: call("mcp__lab.echo", text=" ".join(args))),
    "SCN_FORM": tools(lambda args: call("mcp__lab.choose", text=" ".join(args))),
    "SCN_SUBAGENT": tools(_subagent),
    "SCN_CODE": tools(lambda args: call("functions.exec", input=" ".join(args))),
    "SCN_SILENT": _silent,
    "SCN_TYPE": _type,
    "SCN_400": failing(400, "invalid_request_error", "the scripted model refuses"),
    "SCN_401": failing(401, "authentication_error", "invalid api key"),
    "SCN_429": failing(429, "rate_limit_error", "too many requests"),
    "SCN_500": failing(500, "api_error", "internal error of the model"),
}
