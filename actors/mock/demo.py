"""Examples of everything that an agent can say: one command for each kind of item, and ``demo``, which shows all.

``demo`` is 67 events in a fresh session, counted from session.started to turn.ended (wire 0.1, section 7).
"""

import json

from . import lines
from .lines import text
from .steps import Script

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)

MARKDOWN = (
    "# A heading\n\n",
    "Some **bold** and some *slanted* words, ",
    "and `code` in a line.\n\n",
    "- first point\n- second point\n\n",
    "```python\nprint('hello')\n```\n\n",
    "> a quotation\n\n",
    "[a link](https://example.com/) at the end.\n",
)

DIFF = "--- a/notes.txt\n+++ b/notes.txt\n@@ -1 +1 @@\n-old\n+new\n"


def demo(prefix: str, rest: str) -> Script:
    for number, (part, title) in enumerate(PARTS, 1):
        yield from lines.say(f"{prefix}_marker_{number}", f"{number} of {len(PARTS)}: {title}")
        yield from part(prefix, rest)
    return None


def system(prefix: str, _: str) -> Script:
    words = text("The mock agent is ready.")
    yield lines.started(f"{prefix}_system", "system", "system", words)
    yield lines.delta(f"{prefix}_system", "The mock agent is ready.")
    yield lines.completed(f"{prefix}_system", "system", "system", words)
    return None


def rich(prefix: str, _: str) -> Script:
    yield from lines.item(
        f"{prefix}_rich",
        "message",
        "assistant",
        {"type": "reasoning", "text": "The question is short, so is the answer.", "visibility": "public"},
        {"type": "reasoning", "text": "Nobody reads this aloud.", "visibility": "private"},
        text("Here is an answer with its reasoning."),
        {"type": "json", "json": {"confidence": 0.9, "sources": ["mock"]}},
    )
    return None


def status(prefix: str, _: str) -> Script:
    item_id = f"{prefix}_status"
    yield lines.started(item_id, "status", "system", {"type": "status", "label": "Indexing", "detail": "2 files"})
    yield lines.completed(item_id, "status", "system", {"type": "status", "label": "Done", "detail": "2 files"})
    return None


def markdown(prefix: str, _: str) -> Script:
    item_id = f"{prefix}_markdown"
    yield lines.started(item_id, "message", "assistant", text("Markdown comes in pieces:"))
    for piece in MARKDOWN:
        yield lines.delta(item_id, piece)
    yield lines.completed(item_id, "message", "assistant", text("".join(MARKDOWN)))
    return None


def tool(prefix: str, _: str) -> Script:
    call_id = f"{prefix}_call"
    yield from lines.item(
        f"{prefix}_tool_call",
        "tool_call",
        "assistant",
        {
            "type": "tool_call",
            "name": "mock.search",
            "arguments": json.dumps({"query": "example"}, separators=(",", ":")),
            "call_id": call_id,
        },
    )
    result: lines.Part = {
        "type": "tool_result",
        "call_id": call_id,
        "output": "The search broke off after three files.",
    }
    yield lines.started(f"{prefix}_tool_result", "tool_result", "tool", result)
    yield lines.completed(
        f"{prefix}_tool_result",
        "tool_result",
        "tool",
        result,
        {"type": "file_ref", "path": f"{prefix}/readme.md", "action": "read", "diff": None},
        {"type": "file_ref", "path": f"{prefix}/result.txt", "action": "write", "diff": None},
        {"type": "file_ref", "path": f"{prefix}/notes.txt", "action": "patch", "diff": DIFF},
        failed=True,
    )
    return None


def image(prefix: str, _: str) -> Script:
    picture: lines.Part = {"type": "image", "path": PIXEL, "mime": "image/png"}
    yield from lines.item(f"{prefix}_image", "message", "assistant", text("This is one pixel."), picture)
    return None


def unknown(prefix: str, _: str) -> Script:
    part: lines.Part = {"type": "json", "json": {"what": "an item of a kind that the schema has no name for"}}
    yield from lines.item(f"{prefix}_unknown", "unknown", None, part)
    return None


def permission(prefix: str, _: str) -> Script:
    yield lines.permission(f"{prefix}_permission", "command_execution", command="echo mock")
    yield lines.permission(f"{prefix}_permission_denied", "file_change", path=f"{prefix}/deny.txt")
    return None


def question(prefix: str, _: str) -> Script:
    yield lines.question(f"{prefix}_question", "Choose a color", "Red", "Blue")
    yield lines.question(f"{prefix}_question_reject", "Allow mock experiment?", "Yes", "No")
    return None


def proceed_question(prefix: str) -> lines.Line:
    return lines.question(f"{prefix}_question", "Proceed?", "Yes", "No")


def error(prefix: str, rest: str) -> Script:
    yield {"type": "error", "code": "mock_error", "message": "This error was asked for."}
    yield from unparsed(prefix, rest)
    return "failed"


def unparsed(_: str, __: str) -> Script:
    yield {"raw": "mock"}
    return None


PARTS = (
    (system, "a system item"),
    (rich, "an answer with reasoning"),
    (status, "a status"),
    (markdown, "streamed Markdown"),
    (tool, "a tool"),
    (image, "an image"),
    (unknown, "an unknown item"),
    (permission, "permissions"),
    (question, "questions"),
    (error, "errors"),
)
