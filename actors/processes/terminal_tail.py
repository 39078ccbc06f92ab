"""The terminal tail: the end of an agent's terminal output, for diagnostics. It never becomes events by itself."""

import re

from ...schema.events import StderrOutput
from ...schema.redaction.redactor import Redactor

_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


_BROKEN = 4096
"""Bytes within which a line without its beginning must end."""


class TerminalTail:
    """Keeps at least the last ``limit`` bytes and at most twice as many, unmasked, because a read may cut a secret. The
    text is masked first and then cut."""

    def __init__(self, limit: int, redactor: Redactor) -> None:
        self._limit = limit
        self.redactor = redactor
        self._kept = bytearray()
        self._bytes = 0
        self._lines = 0

    def __repr__(self) -> str:
        return f"<TerminalTail lines={self._lines} bytes={self._bytes} kept={len(self._kept)}>"

    def feed(self, chunk: bytes) -> None:
        self._kept += chunk
        self._bytes += len(chunk)
        self._lines += chunk.count(b"\n")
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def text(self) -> str:
        """The end of the kept output, without escape sequences; undecodable bytes are replaced."""
        kept = bytes(self._kept)
        if self._bytes > len(kept):
            # The kept output may begin inside a secret, which would not be recognised. Secrets have no line break.
            kept = kept[(kept.find(b"\n", 0, _BROKEN) + 1) or min(_BROKEN, len(kept) // 2) :]
        plain = _ESCAPES.sub(b"", kept).replace(b"\r\n", b"\n")
        masked = (
            self.redactor.text(plain.decode(errors="replace"))
            if self.redactor.suspects(plain)
            else plain.decode(errors="replace")
        )
        return masked[-self._limit :].strip()

    def output(self) -> StderrOutput | None:
        """The form that it has in an event; None when nothing was printed."""
        text = self.text()
        if not text:
            return None
        if self._bytes > self._limit:
            return StderrOutput(tail=text, truncated=True, total_lines=self._lines)
        return StderrOutput(head=text, total_lines=self._lines)
