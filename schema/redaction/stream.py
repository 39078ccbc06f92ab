"""Masking of a text that comes in pieces: a secret may be split between two of them.

An end of a piece that may be the beginning of a secret is held back until more of the text, or its end, shows what it
is. This starts at three characters, so that ordinary text is not delayed; of a secret that is split earlier, the rest
is masked.
"""

from .redactor import BEGINNING, Redactor

SHOWN = BEGINNING - 1
"""Characters of the last told text that are remembered: they may be the beginning of a secret."""


class Stream:
    """``held`` is how many characters are held back. ``changed``: the last piece was not told as it came, so that the
    piece itself would show more than three characters of a secret. ``redactor`` may be replaced by one that knows more
    secrets."""

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
        """Adds a piece; returns the text that can be told now."""
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
        """The text has ended; returns the rest of it."""
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
