"""A text that comes in pieces: a secret may be split between two of them.

What may be the beginning of a secret is held back until more of the text, or its end, shows what it is. From three
characters on, so that ordinary text flows; when a secret begins with less, the rest of it is masked.
"""

from .redactor import BEGINNING, Redactor

SHOWN = BEGINNING - 1
"""Characters of what was told that are remembered: they may be the beginning of a secret that goes on."""


class Stream:
    """``held`` is how many characters wait. ``changed``: the last piece was not told as it came, in a way that shows
    more of a secret than three characters if somebody sees the piece itself. ``redactor`` may be replaced by one that
    knows more."""

    __slots__ = ("_text", "_told", "changed", "redactor")

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._text = ""
        self._told = 0
        self.changed = False

    @property
    def held(self) -> int:
        return len(self._text) - self._told

    def feed(self, piece: str) -> str:
        """What can be told by now."""
        text = self._text + piece
        if self._told == len(self._text) and not self.redactor.begins(text):
            self._text = text[-SHOWN:]
            self._told = len(self._text)
            self.changed = False
            return piece
        told = self._tell(text, self.redactor.settled(text))
        self.changed = self.changed or self.held > BEGINNING
        return told

    def finish(self) -> str:
        """What is left."""
        told = self._tell(self._text, len(self._text))
        self._text, self._told = "", 0
        return told

    def _tell(self, text: str, end: int) -> str:
        ready = text[:end]
        masked = self.redactor.text(ready)
        self.changed = masked != ready
        before = self._told
        while not masked.startswith(ready[:before]):
            before -= 1
        behind = SHOWN
        while not masked.endswith(ready[max(end - behind, 0) :]):
            behind -= 1
        keep = max(end - behind, 0)
        self._text, self._told = text[keep:], max(end, self._told) - keep
        return masked[before:]
