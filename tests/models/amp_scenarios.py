"""What the model behind Amp does for `SCN_NAME argument…` in a prompt. The tools are those of Amp's native program."""

from collections.abc import Mapping

from .conversation import Conversation, Reply, Text, Thinking, ToolCall, call, say
from .scenarios import Script, failing, report, tools


def _hello(_: Conversation, arguments: list[str]) -> Reply:
    return say(" ".join(["Hello", "from", "the", "model.", *arguments]))


def _think(_: Conversation, __: list[str]) -> Reply:
    return Reply((Thinking("First I ponder. Then I decide."), Text("Answer after thinking.")))


def _echo(conversation: Conversation, _: list[str]) -> Reply:
    return say(conversation.prompt)


def _length(conversation: Conversation, _: list[str]) -> Reply:
    return say(f"Prompt has {len(conversation.prompt)} characters.")


def _image(conversation: Conversation, _: list[str]) -> Reply:
    return say("Images: " + (" ".join(f"{i.mime}:{len(i.data)}" for i in conversation.images) or "none"))


def _silent(conversation: Conversation, arguments: list[str]) -> Reply:
    """A model that thinks for ever."""
    return Reply(report(conversation, arguments).blocks, hang=True)


def _shell(arguments: list[str]) -> Reply:
    return call("shell_command", command=" ".join(arguments) or "touch made_by_amp.txt")


def _parallel(_: list[str]) -> Reply:
    return Reply(tuple(ToolCall("shell_command", {"command": f"echo {word}"}) for word in ("first", "second")))


def _edit(arguments: list[str]) -> Reply:
    path, old, new = arguments
    return call("edit_file", path=path, old_str=old, new_str=new)


def _patch(arguments: list[str]) -> Reply:
    path, old, new = arguments
    text = f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch\n"
    return call("apply_patch", patchText=text)


AMP: Mapping[str, Script] = {
    "SCN_HELLO": _hello,
    "SCN_THINK": _think,
    "SCN_ECHO": _echo,
    "SCN_LEN": _length,
    "SCN_IMAGE": _image,
    "SCN_SILENT": _silent,
    "SCN_BASH": tools(_shell),
    "SCN_LEAVE": tools(lambda args: call("async_shell_command", command=" ".join(args), timeout_ms=0)),
    "SCN_PARALLEL": tools(_parallel),
    "SCN_WRITE": tools(
        lambda args: call("create_file", path=args[0], content=" ".join(args[1:]) + "\n"),
    ),
    "SCN_READ": tools(lambda args: call("Read", path=args[0])),
    "SCN_EDIT": tools(lambda args: call("Read", path=args[0]), _edit),
    "SCN_PATCH": tools(lambda args: call("Read", path=args[0]), _patch),
    "SCN_MCP": tools(lambda args: call("mcp__lab__echo", text=" ".join(args))),
    "SCN_FORM": tools(lambda args: call("mcp__lab__choose", text=" ".join(args))),
    "SCN_UNKNOWNTOOL": tools(lambda _: call("NoSuchTool", anything=1)),
    "SCN_FAIL": failing(500, "fake", "the scripted model refuses"),
}
