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
        try:
            return [
                self._answer(part["question"], [option["label"] for option in part["options"]])
                for part in question_parts(data)
            ]
        except EOFError:
            self.transcript.note("no answer: the demo rejects the question")
            return None

    def _answer(self, question: str, labels: Sequence[str]) -> list[str]:
        if self.console is None:
            first = labels[0] if labels else "yes"
            self.transcript.note(f"no terminal to ask: the demo answers {first!r}")
            return [first]
        return [_ask(self.console, question, labels)]


def _ask(console: Console, question: str, choices: Sequence[str]) -> str:
    """Asks until there is an answer: Enter alone is none, and allows nothing. Raises EOFError when none will come."""
    labels = {choice.strip(): choice for choice in choices if choice.strip()}
    # As Text: what an agent wrote is no markup of ours.
    prompt = Prompt(Text(question), console=console, choices=list(labels) or None)
    while not (answer := prompt().strip()):
        console.print("Please type an answer.")
    return labels.get(answer, answer)
