"""What a script may do between two lines: pause, wait for a human, leave work running, go deaf, remember, or write
bytes that are no line.

A script is a generator: it yields steps and gets the answers of a :class:`Await` back. What it returns is the turn's
outcome; ``None`` stands for completed. An interrupt closes the generator where it stands.
"""

from collections.abc import Callable, Generator

from .lines import Line

Answers = dict[str, str]


class Pause:
    """Let ``seconds`` pass; ``None`` waits for the interrupt."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"Pause({self.seconds})"


class Await:
    """Wait until every one of these asks is answered."""

    __slots__ = ("approval_ids",)

    def __init__(self, *approval_ids: str) -> None:
        self.approval_ids = approval_ids

    def __repr__(self) -> str:
        return f"Await({', '.join(self.approval_ids)})"


class Background:
    """Work that goes on when the turn has ended: for ``seconds``, or until a human decides. An interrupt ends it."""

    __slots__ = ("prefix", "seconds")

    def __init__(self, prefix: str, seconds: float | None) -> None:
        self.prefix = prefix
        self.seconds = seconds

    def __repr__(self) -> str:
        return f"Background({self.prefix}, {self.seconds})"


class Deaf:
    """Never listen again, neither to stdin nor to a signal that can be ignored. ``last_words`` are said when that
    holds already, so that who reads them knows it."""

    __slots__ = ("last_words",)

    def __init__(self, last_words: Line) -> None:
        self.last_words = last_words

    def __repr__(self) -> str:
        return f"Deaf({self.last_words})"


class Recall:
    """What the program remembers of the conversation: the answer's ``prompts`` counts them, this one included."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Recall()"


Step = Line | bytes | Pause | Await | Background | Deaf | Recall
Script = Generator[Step, Answers, str | None]

Play = Callable[[str, str], Script]
"""Makes a command's script from the prefix of its ids and the rest of the prompt. Raises ``ValueError`` at once, not
in the script, when the rest does not fit the command's usage."""
