"""Events as people read them."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax

MAX_OUTPUT = 2000
"""Characters of a tool's output that are shown."""

STATUS_STYLE = {"completed": "green", "failed": "red", "in_progress": "yellow"}


def question_parts(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Every question that was asked together."""
    one = {"question": data["prompt"], "options": [{"label": label} for label in data["options"]]}
    return data.get("questions") or [one]


class Transcript:
    """Prints one session's events. Streamed text is printed as it comes; an item's end then adds only what is new."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._streamed: set[str] = set()
        self._in_line = False

    def __repr__(self) -> str:
        return f"<Transcript streamed_items={len(self._streamed)} in_line={self._in_line}>"

    def title(self, text: str, prompt: str) -> None:
        self._rule()
        self._console.rule(f"[bold]{escape(text)}", align="left")
        self._console.print(
            Panel(escape(prompt), title="prompt", title_align="left", border_style="blue", expand=False)
        )

    def note(self, text: str) -> None:
        """Something that the demo, not the agent, says."""
        self._rule()
        self._console.print(f"» {text}", style="magenta", markup=False, highlight=False)

    def show(self, event: dict[str, Any]) -> None:
        data = event["data"]
        match event["type"]:
            case "item.delta":
                self._delta(data)
            case "item.completed":
                self._item(data["item"])
            case "turn.ended":
                self._turn_ended(data.get("metadata") or {})
            case "error":
                self._line(f"error: {data['message']}", "red")
            case "permission.requested":
                self._line(f"permission wanted: {data['action']} {compact(data['metadata'])}", "bold yellow")
            case "permission.resolved":
                self._line(f"permission {data['action']}: {data['status']}", "yellow")
            case "question.requested":
                for part in question_parts(data):
                    labels = " / ".join(option["label"] for option in part["options"])
                    self._line(f"question: {part['question']} ({labels})", "bold yellow")
            case "question.resolved":
                answers = "; ".join(", ".join(labels) for labels in data.get("answers") or ())
                self._line(f"question {data['status']}: {answers or data['response'] or '-'}", "yellow")
            case "session.started":
                self._line("session started", "dim")
            case "session.ended":
                self._line(f"session ended: {data['reason']}, by the {data['terminated_by']}", "dim")
            case "agent.unparsed":
                self._line(f"not understood: {data['error']}", "dim")
            case _:
                pass

    def _delta(self, data: dict[str, Any]) -> None:
        self._streamed.add(data["item_id"])
        self._console.print(data["delta"], end="", markup=False, highlight=False, soft_wrap=True)
        self._in_line = not data["delta"].endswith("\n")

    def _item(self, item: dict[str, Any]) -> None:
        self._rule()
        shown = item["item_id"] in self._streamed
        if item["role"] == "user":
            return
        for part in item["content"]:
            if part["type"] != "text" or not shown:
                self._part(part, item)

    def _part(self, part: dict[str, Any], item: dict[str, Any]) -> None:
        style = STATUS_STYLE[item["status"]]
        match part["type"]:
            case "text":
                self._line(part["text"])
            case "tool_call":
                self._line(f"tool call  {part['name']} {part['arguments']}", "cyan")
            case "tool_result":
                self._line(f"tool result ({item['status']})  {clip(part['output'])}", style)
            case "file_ref":
                self._line(f"file {part['action']}  {part['path']}", style)
                if part["diff"]:
                    self._console.print(Syntax(part["diff"], "diff", background_color="default", word_wrap=True))
            case "reasoning":
                self._line(f"reasoning  {part['text']}", "dim italic")
            case "status":
                self._line(f"status  {part['label']}{': ' + part['detail'] if part['detail'] else ''}", "dim")
            case "image":
                self._line(f"image  {part['path'][:80]}", "cyan")
            case "json":
                self._line(f"json  {compact(part['json'])}", "dim")
            case _:
                pass

    def _turn_ended(self, metadata: dict[str, Any]) -> None:
        cost = metadata.get("cost_usd")
        costs = f", {cost:.4f} USD" if isinstance(cost, int | float) else ""
        self._line(f"turn ended: {metadata.get('outcome', 'unknown')}{costs}", "dim")

    def _line(self, text: str, style: str | None = None) -> None:
        self._rule()
        self._console.print(text, style=style, markup=False, highlight=False)

    def _rule(self) -> None:
        """End the line that streamed text left open."""
        if self._in_line:
            self._console.print()
            self._in_line = False


def compact(value: Any) -> str:
    """A few members of an ask's metadata, in one line."""
    if not isinstance(value, dict):
        return clip(str(value))
    return clip(", ".join(f"{k}: {v}" for k, v in value.items() if v not in (None, "", [], {})), 300)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def clip(text: str, limit: int = MAX_OUTPUT) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit} more characters)"
