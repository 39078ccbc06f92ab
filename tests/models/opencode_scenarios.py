"""The scripts for OpenCode, whose tools have their own names and arguments."""

from collections.abc import Mapping

from .conversation import Reply, ToolCall, call
from .scenarios import CLAUDE, Script, failing, tools

QUESTIONS = [
    {
        "question": "Which color?",
        "header": "Color",
        "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
    },
    {
        "question": "Which sizes?",
        "header": "Size",
        "multiple": True,
        "options": [
            {"label": "S", "description": "small"},
            {"label": "M", "description": "medium"},
            {"label": "L", "description": "large"},
        ],
    },
]

TODOS = [
    {"content": "Read", "status": "completed", "priority": "high"},
    {"content": "Write", "status": "in_progress", "priority": "medium"},
]

LIVE = "echo one; sleep 0.5; echo two; sleep 0.5; echo three >&2; exit 3"

_SHARED = (
    "SCN_HELLO", "SCN_THINK", "SCN_SLOW", "SCN_HANG", "SCN_IMAGE", "SCN_LEN", "SCN_ECHO", "SCN_UNKNOWNTOOL",
)  # fmt: skip


def _bash(arguments: list[str]) -> Reply:
    return call("bash", command=" ".join(arguments) or "touch made_by_bash.txt", description="a command")


def _parallel(_: list[str]) -> Reply:
    return Reply(
        tuple(ToolCall("bash", {"command": f"echo {word}", "description": word}) for word in ("first", "second"))
    )


def _edit(arguments: list[str]) -> Reply:
    path, old, new = arguments
    return call("edit", filePath=path, oldString=old, newString=new)


def _subagent(arguments: list[str]) -> Reply:
    inner = " ".join(arguments) or "SCN_BASH echo from-the-sub-agent"
    return call("task", description="a helper", prompt=inner, subagent_type="general")


def _helper(arguments: list[str]) -> Reply:
    """A sub-agent that its caller does not want to wait for."""
    inner = " ".join(arguments)
    return call("task", description="a helper", prompt=inner, subagent_type="general", background=True)


OPENCODE: Mapping[str, Script] = {
    **{name: CLAUDE[name] for name in _SHARED},
    "SCN_BASH": tools(_bash),
    "SCN_TWICE": tools(_bash, _bash),
    "SCN_LIVE": tools(lambda _: call("bash", command=LIVE, description="live output")),
    "SCN_PARALLEL": tools(_parallel),
    "SCN_WRITE": tools(lambda args: call("write", filePath=args[0], content=" ".join(args[1:]) + "\n")),
    "SCN_READ": tools(lambda args: call("read", filePath=args[0])),
    "SCN_EDIT": tools(lambda args: call("read", filePath=args[0]), _edit),
    "SCN_MCP": tools(lambda args: call("lab_echo", text=" ".join(args))),
    "SCN_FORM": tools(lambda args: call("lab_choose", text=" ".join(args))),
    "SCN_ASK": tools(lambda _: call("question", questions=QUESTIONS)),
    "SCN_SUBAGENT": tools(_subagent),
    "SCN_HELPER": tools(_helper),
    "SCN_TODO": tools(lambda _: call("todowrite", todos=TODOS)),
    "SCN_400": failing(400, "invalid_request_error", "the scripted model refuses"),
    "SCN_401": failing(401, "authentication_error", "invalid api key"),
    "SCN_429": failing(429, "rate_limit_error", "too many requests"),
    "SCN_500": failing(500, "api_error", "internal error of the model"),
}
