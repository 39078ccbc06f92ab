"""Permissions and questions of the demo: decided by the person at the terminal, or by the demo itself."""

from collections.abc import Sequence
from typing import Any, Literal, cast

from attrs import frozen
from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from .transcript import Transcript, question_parts

Reply = Literal["once", "always", "reject"]


@frozen
class Human:
    """``console`` is None when nobody is there to ask: then the demo answers and says so."""

    transcript: Transcript
    console: Console | None

    def permission(self, data: dict[str, Any]) -> Reply:
        if self.console is None:
            self.transcript.note("no terminal to ask: the demo allows it once")
            return "once"
        try:
            return cast("Reply", _ask(self.console, f"Allow {data['action']}?", ["once", "always", "reject"]))
        except EOFError:
            self.transcript.note("no answer: the demo rejects it")
            return "reject"

    def question(self, data: dict[str, Any]) -> list[list[str]] | None:
        """One list of labels per question; None to reject them."""
        parts = question_parts(data)
        if self.console is None and any(part.get("kind") and not part["options"] for part in parts):
            self.transcript.note("no terminal to ask what is to be filled in: the demo rejects the question")
            return None
        try:
            return [self._answer(part) for part in parts]
        except EOFError:
            self.transcript.note("no answer: the demo rejects the question")
            return None

    def _answer(self, part: dict[str, Any]) -> list[str]:
        labels = [option["label"] for option in part["options"]]
        if self.console is None:
            first = labels[0] if labels else "yes"
            self.transcript.note(f"no terminal to ask: the demo answers {first!r}")
            return [first]
        address = f"{part['question']}\n{part['url']}" if part.get("url") else part["question"]
        return [_ask(self.console, address, labels, secret=part.get("secret") is True)]


def _ask(console: Console, question: str, choices: Sequence[str], *, secret: bool = False) -> str:
    """Asks until there is an answer: Enter alone is none, and allows nothing. Raises EOFError when none will come."""
    labels = {choice.strip(): choice for choice in choices if choice.strip()}
    # As Text: what an agent wrote is no markup of ours.
    prompt = Prompt(Text(question), console=console, choices=list(labels) or None, password=secret)
    while not (answer := prompt().strip()):
        console.print("Please type an answer.")
    return labels.get(answer, answer)
