"""The end of what an agent printed on its terminal, for diagnostics. It never becomes events by itself."""

import re

from ..schema.events import StderrOutput

_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Terminal:
    """Keeps at least the last ``limit`` bytes and at most twice as many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._bytes = 0
        self._lines = 0

    def __repr__(self) -> str:
        return f"<Terminal lines={self._lines} bytes={self._bytes} kept={len(self._kept)}>"

    def feed(self, chunk: bytes) -> None:
        self._kept += chunk
        self._bytes += len(chunk)
        self._lines += chunk.count(b"\n")
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    def text(self) -> str:
        """What is kept, without escape sequences; undecodable bytes are replaced."""
        plain = _ESCAPES.sub(b"", bytes(self._kept[-self._limit :])).replace(b"\r\n", b"\n")
        return plain.decode(errors="replace").strip()

    def output(self) -> StderrOutput | None:
        """As an event tells it; None when nothing was printed."""
        text = self.text()
        if not text:
            return None
        if self._bytes > self._limit:
            return StderrOutput(tail=text, truncated=True, total_lines=self._lines)
        return StderrOutput(head=text, total_lines=self._lines)
