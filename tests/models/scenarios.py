"""The scripts: `SCN_NAME argument…` in a prompt chooses what the model does.

A script is asked again after each round of tools; `conversation.step` says which round it is. The tools are Claude
Code's; another agent's scripts get their own table.
"""

import re
import shlex
from collections.abc import Callable, Mapping

from .conversation import Conversation, Failure, Reply, Text, Thinking, ToolCall, call, say

Script = Callable[[Conversation, list[str]], Reply | Failure]

_KEYWORD = re.compile(r"SCN_[A-Z0-9_]+[^\n]*")

PLAN = "# Plan\n1. read\n2. write"

QUESTIONS = [
    {
        "question": "Which color?",
        "header": "Color",
        "multiSelect": False,
        "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
    },
    {
        "question": "Which sizes?",
        "header": "Size",
        "multiSelect": True,
        "options": [
            {"label": "S", "description": "small"},
            {"label": "M", "description": "medium"},
            {"label": "L", "description": "large"},
        ],
    },
]


def answer(conversation: Conversation, scripts: Mapping[str, Script]) -> Reply | Failure:
    """What the model says now. A prompt without a keyword is answered with plain text."""
    found = _KEYWORD.findall(conversation.prompt)
    if not found:
        return say("No scenario was asked for.")
    # The last one: a client sends a prompt that was never answered again, together with the next.
    keyword, *arguments = shlex.split(found[-1])
    script = scripts.get(keyword)
    if script is None:
        return Failure(400, "invalid_request_error", f"unknown scenario {keyword}")
    return script(conversation, arguments)


def report(conversation: Conversation, _: list[str]) -> Reply:
    """How a script ends: it says what its last tools returned, so that a test sees what reached the model."""
    return say("Tools said: " + " | ".join(r.text for r in conversation.results))


def tools(*rounds: Callable[[list[str]], Reply]) -> Script:
    """A script that asks for tools round by round, then reports."""

    def script(conversation: Conversation, arguments: list[str]) -> Reply:
        if conversation.step < len(rounds):
            return rounds[conversation.step](arguments)
        return report(conversation, arguments)

    return script


def failing(status: int, kind: str, message: str) -> Script:
    return lambda _conversation, _arguments: Failure(status, kind, message)


def _hello(_: Conversation, arguments: list[str]) -> Reply:
    return say(" ".join(["Hello", "from", "the", "model.", *arguments]))


def _think(_: Conversation, __: list[str]) -> Reply:
    return Reply((Thinking("First I ponder. Then I decide."), Text("Answer after thinking.")))


def _talk(conversation: Conversation, _: list[str]) -> Reply:
    """What a sub-agent says around a command."""
    if conversation.step:
        return say("The helper is done.")
    command = ToolCall("Bash", {"command": "echo from-the-helper", "description": "a command"})
    return Reply((Thinking("The helper ponders."), Text("The helper begins."), command))


def _slow(_: Conversation, arguments: list[str]) -> Reply:
    words = int(arguments[0]) if arguments else 400
    return Reply((Text(" ".join(f"word{n}" for n in range(words))),), pace=0.025)


def _hang(_: Conversation, __: list[str]) -> Reply:
    return Reply((Text("I begin and never finish"),), hang=True)


def _image(conversation: Conversation, _: list[str]) -> Reply:
    return say("Images: " + (" ".join(f"{i.mime}:{len(i.data)}" for i in conversation.images) or "none"))


def _length(conversation: Conversation, _: list[str]) -> Reply:
    return say(f"Prompt has {len(conversation.prompt)} characters.")


def _echo(conversation: Conversation, _: list[str]) -> Reply:
    return say(conversation.prompt)


def _bash(arguments: list[str]) -> Reply:
    return call("Bash", command=" ".join(arguments) or "touch made_by_bash.txt", description="a command")


def _parallel(_: list[str]) -> Reply:
    return Reply(
        tuple(ToolCall("Bash", {"command": f"echo {word}", "description": word}) for word in ("first", "second"))
    )


def _edit(arguments: list[str]) -> Reply:
    path, old, new = arguments
    return call("Edit", file_path=path, old_string=old, new_string=new)


def _subagent(arguments: list[str]) -> Reply:
    inner = " ".join(arguments) or "SCN_BASH echo from-the-sub-agent"
    return call("Agent", description="a helper", prompt=inner, subagent_type="general-purpose", run_in_background=False)


def _helper(arguments: list[str]) -> Reply:
    """A sub-agent as claude starts it now: in the background."""
    return call("Agent", description="a helper", prompt=" ".join(arguments), subagent_type="general-purpose")


def _left_running(arguments: list[str]) -> Reply:
    return call("Bash", command=" ".join(arguments), description="left running", run_in_background=True)


def _background(_: list[str]) -> Reply:
    return call("Bash", command="sleep 1; echo woke", description="in the background", run_in_background=True)


CLAUDE: Mapping[str, Script] = {
    "SCN_HELLO": _hello,
    "SCN_THINK": _think,
    "SCN_TALK": _talk,
    "SCN_SLOW": _slow,
    "SCN_HANG": _hang,
    "SCN_IMAGE": _image,
    "SCN_LEN": _length,
    "SCN_ECHO": _echo,
    "SCN_BASH": tools(_bash),
    "SCN_TWICE": tools(_bash, _bash),
    "SCN_PARALLEL": tools(_parallel),
    "SCN_WRITE": tools(lambda args: call("Write", file_path=args[0], content=" ".join(args[1:]) + "\n")),
    "SCN_READ": tools(lambda args: call("Read", file_path=args[0])),
    "SCN_SKILL": tools(lambda args: call("Skill", skill=args[0], args=" ".join(args[1:]))),
    "SCN_EDIT": tools(lambda args: call("Read", file_path=args[0]), _edit),
    "SCN_MCP": tools(lambda args: call("mcp__lab__echo", text=" ".join(args))),
    "SCN_FORM": tools(lambda args: call("mcp__lab__choose", text=" ".join(args))),
    "SCN_ASK": tools(lambda _: call("AskUserQuestion", questions=QUESTIONS)),
    "SCN_PLAN": tools(lambda _: call("ExitPlanMode", plan=PLAN)),
    "SCN_ENTERPLAN": tools(lambda _: call("EnterPlanMode"), _bash),
    "SCN_SUBAGENT": tools(_subagent),
    "SCN_HELPER": tools(_helper),
    "SCN_LEAVE": tools(_left_running),
    "SCN_BACKGROUND": tools(_background),
    "SCN_UNKNOWNTOOL": tools(lambda _: call("NoSuchTool", anything=1)),
    "SCN_TODO": tools(
        lambda _: call("TaskCreate", subject="Read code", description="all of it", activeForm="Reading code"),
        lambda _: call("TaskUpdate", taskId="1", status="in_progress"),
        lambda _: call("TaskList"),
    ),
    "SCN_400": failing(400, "invalid_request_error", "the scripted model refuses"),
    "SCN_401": failing(401, "authentication_error", "invalid x-api-key"),
    "SCN_429": failing(429, "rate_limit_error", "too many requests"),
    "SCN_500": failing(500, "api_error", "internal error of the model"),
    "SCN_529": failing(529, "overloaded_error", "Overloaded"),
}
