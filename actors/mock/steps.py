"""Steps of a script between two lines: pause, wait for an approval, leave work running, stop reading, remember, or
write bytes that are no line.

A script is a generator: it yields steps, and gets the answers of an :class:`Await` back. It returns the turn's outcome;
``None`` means completed. An interrupt closes the generator.
"""

from collections.abc import Callable, Generator

from .lines import Line

Answers = dict[str, str]


class Pause:
    """Wait ``seconds``; ``None`` waits for the interrupt."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"Pause({self.seconds})"


class Await:
    """Wait until all of these approvals are answered."""

    __slots__ = ("approval_ids",)

    def __init__(self, *approval_ids: str) -> None:
        self.approval_ids = approval_ids

    def __repr__(self) -> str:
        return f"Await({', '.join(self.approval_ids)})"


class Background:
    """Work that continues after the turn: for ``seconds``, or until an approval is decided. An interrupt ends it."""

    __slots__ = ("prefix", "seconds")

    def __init__(self, prefix: str, seconds: float | None) -> None:
        self.prefix = prefix
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"Background({self.prefix}, {self.seconds})"


class Deaf:
    """From now on ignore stdin and all signals that can be ignored. ``last_words`` are written when that is so
    already."""

    __slots__ = ("last_words",)

    def __init__(self, last_words: Line) -> None:
        self.last_words = last_words

    def __repr__(self) -> str:
        return f"Deaf({self.last_words})"


class Recall:
    """Ask what the program remembers of the conversation: the answer's ``prompts`` counts them, with this one."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Recall()"


Step = Line | bytes | Pause | Await | Background | Deaf | Recall
Script = Generator[Step, Answers, str | None]

Play = Callable[[str, str], Script]
"""Makes a command's script from the prefix of its ids and the rest of the prompt. Raises ``ValueError`` at once, not
in the script, when the rest does not fit the command's usage."""
