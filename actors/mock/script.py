"""From a prompt to its script: the fixed prompts that clients' tests send, the commands, and the echo of the rest."""

from . import demo, load, trouble, work
from .lines import SECRET, Line, address, elicitation, permission, say
from .steps import Await, Background, Play, Recall, Script

FIXED_ANSWERS = {
    "reply with exactly the single word ok.": ("ok", "OK"),
    "reply with exactly the word first.": ("first", "FIRST"),
    "reply with exactly the word second.": ("second", "SECOND"),
}


def play(prefix: str, prompt: str) -> Script:
    """The script of a prompt, which must be stripped and not empty."""
    said = prompt.lower()
    if said in FIXED_ANSWERS:
        item, answer = FIXED_ANSWERS[said]
        yield from say(f"{prefix}_{item}", answer)
        return None
    if said in FIXED_PROMPTS:
        return (yield from FIXED_PROMPTS[said](prefix, prompt))
    first, _, rest = prompt.partition(" ")
    command = COMMANDS.get(first.lower())
    if command is None:
        yield from say(f"{prefix}_reply", prompt)
        return None
    make, usage, _ = command
    try:
        script = make(prefix, rest.strip())
    except ValueError:
        yield from say(f"{prefix}_usage", f"Usage: {usage}")
        return "failed"
    return (yield from script)


def help_(prefix: str, _: str) -> Script:
    shown = [f"{usage}: {meaning}" for _, usage, meaning in COMMANDS.values() if meaning]
    yield from say(f"{prefix}_help", "\n".join(["The mock agent knows these commands:", *shown, "The rest is echoed."]))
    return None


def echo(prefix: str, rest: str) -> Script:
    yield from say(f"{prefix}_reply", rest)
    return None


def recall(prefix: str, _: str) -> Script:
    had = yield Recall()
    yield from say(f"{prefix}_reply", f"prompts in this conversation: {had['prompts']}")
    return None


def end(_: str, __: str) -> Script:
    yield {"type": "session_ended", "reason": "completed"}
    return None


def background(prefix: str, rest: str) -> Script:
    return _background(prefix, None if rest == "ask" else float(rest))


def _background(prefix: str, seconds: float | None) -> Script:
    yield Background(prefix, seconds)
    return None


def list_files(prefix: str, _: str) -> Script:
    yield ls_permission(prefix)
    return (yield from report(prefix, f"{prefix}_permission"))


def use_bash(prefix: str, rest: str) -> Script:
    """The one permission that the script does not wait for: clients of wire 0.1 expect the tool to run at once."""
    yield ls_permission(prefix)
    return (yield from demo.tool(prefix, rest))


def ls_permission(prefix: str) -> dict[str, object]:
    return permission(f"{prefix}_permission", "command_execution", codexRequestKind="commandExecution", command="ls")


def proceed(prefix: str, _: str) -> Script:
    yield demo.proceed_question(prefix)
    return (yield from report(prefix, f"{prefix}_question"))


def permissions(prefix: str, rest: str) -> Script:
    yield from demo.permission(prefix, rest)
    return (yield from report(prefix, f"{prefix}_permission", f"{prefix}_permission_denied"))


def questions(prefix: str, rest: str) -> Script:
    yield from demo.question(prefix, rest)
    return (yield from report(prefix, f"{prefix}_question", f"{prefix}_question_reject"))


FORM: Line = {
    "name": {"type": "string", "title": "Name", "description": "What is your name?", "minLength": 1},
    "age": {"type": "integer", "minimum": 0, "maximum": 150},
    "color": {"type": "string", "enum": ["red", "blue"], "default": "blue"},
    SECRET: {"type": "string", "format": "password"},
}
"""One field of each kind."""


def form(prefix: str, rest: str) -> Script:
    """A form as an MCP server would send it."""
    approval_id = f"{prefix}_form"
    who = elicitation(approval_id, "Who are you?", FORM, "name", "age")
    yield address(approval_id, "Please open this.", rest) if rest else who
    return (yield from report(prefix, approval_id))


def report(prefix: str, *approval_ids: str) -> Script:
    """Wait for the answers, then repeat them."""
    answers = yield Await(*approval_ids)
    yield from say(
        f"{prefix}_outcome", "\n".join(f"{approval_id}: {answers[approval_id]}" for approval_id in approval_ids)
    )
    return None


FIXED_PROMPTS: dict[str, Play] = {
    "answer briefly and include your reasoning.": demo.rich,
    "provide a short status update.": demo.status,
    "list files in the current directory using available tools.": list_files,
    "use the bash tool to run `ls` in the current directory. do not answer without using the tool.": use_bash,
    "use the askuserquestion tool to ask exactly one yes/no question, then wait for a reply. "
    "do not answer yourself.": proceed,
    "call the askuserquestion tool with exactly one yes/no question and wait for a reply. "
    "do not answer yourself.": proceed,
}
"""In lower case. Wire 0.1, section 7, has their text; they make real agents do the same."""

COMMANDS: dict[str, tuple[Play, str, str]] = {
    "help": (help_, "help", "this list"),
    "demo": (demo.demo, "demo", "one of everything"),
    "markdown": (demo.markdown, "markdown", "a message that streams"),
    "tool": (demo.tool, "tool", "a tool call whose result failed"),
    "tools": (demo.tool, "tools", ""),
    "tooling": (demo.tool, "tooling", ""),
    "status": (demo.status, "status", "a status item"),
    "image": (demo.image, "image", "a message with an image"),
    "unknown": (demo.unknown, "unknown", "an item of unknown kind"),
    "permission": (permissions, "permission", "asks for two permissions and waits"),
    "permissions": (permissions, "permissions", ""),
    "question": (questions, "question", "asks two questions and waits"),
    "questions": (questions, "questions", ""),
    "form": (form, "form [ADDRESS]", "asks for text, a number, a choice and a secret; or to open an address"),
    "error": (demo.error, "error", "an error, and a line that nobody can parse"),
    "unparsed": (demo.unparsed, "unparsed", "a line that nobody can parse"),
    "end": (end, "end", "ends the session"),
    "ended": (end, "ended", ""),
    "session.end": (end, "session.end", ""),
    "echo": (echo, "echo TEXT", "says the text"),
    "say": (echo, "say TEXT", ""),
    "recall": (recall, "recall", "how many prompts this conversation had, also in earlier processes"),
    "run": (work.run, "run COMMAND", "asks, then runs a shell command"),
    "edit": (work.edit, "edit PATH OLD NEW", "asks, then replaces a text in a file"),
    "fail": (work.fail, "fail [MESSAGE]", "an error that ends the turn"),
    "sleep": (trouble.sleep, "sleep SECONDS", "a tool that runs so long; an interrupt ends it"),
    "background": (
        background,
        "background SECONDS|ask",
        "work that goes on when the turn has ended, so long or until it may",
    ),
    "burst": (load.burst, "burst COUNT BYTES", "so many deltas of that size, as fast as possible"),
    "pace": (load.pace, "pace COUNT PER_SECOND BYTES", "deltas that carry their time, at that rate"),
    "stderr": (trouble.stderr, "stderr LINES", "so many lines on the terminal"),
    "garbage": (trouble.garbage, "garbage", "half a line, no JSON, NULs, no UTF-8, a huge line, then a reply"),
    "spawn": (trouble.spawn, "spawn", "leaves four processes behind"),
    "hang": (trouble.hang, "hang [hard]", "never answers; hard: only SIGKILL ends it"),
    "deaf": (trouble.deaf, "deaf", "answers, then reads stdin no more"),
    "mute": (trouble.mute, "mute", "closes stdout in mid-turn and lives on"),
    "crash": (trouble.crash, "crash [CODE|KILL]", "dies in mid-turn"),
}
"""By the first word of a prompt, in lower case: its script, its usage, its line in the help (none for a second
name)."""
