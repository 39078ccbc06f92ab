"""Permissions and questions of the demo: decided by the person at the terminal, or by the demo itself."""

from collections.abc import Sequence
from typing import Any, Literal, cast

from attrs import frozen
from rich.console import Console
from rich.prompt import Prompt

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
        asked = Prompt.ask(
            f"Allow {data['action']}?", console=self.console, choices=["once", "always", "reject"], default="once"
        )
        return cast("Reply", asked)

    def question(self, data: dict[str, Any]) -> list[list[str]]:
        """One list of labels per question."""
        return [
            self._answer(part["question"], [option["label"] for option in part["options"]])
            for part in question_parts(data)
        ]

    def _answer(self, question: str, labels: Sequence[str]) -> list[str]:
        first = labels[0] if labels else "yes"
        if self.console is None:
            self.transcript.note(f"no terminal to ask: the demo answers {first!r}")
            return [first]
        return [Prompt.ask(question, console=self.console, choices=list(labels) or None, default=first)]
