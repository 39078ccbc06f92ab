"""Splits chunks into lines, for agents that may write 50 MB without a line break."""

from collections.abc import Iterator

from attrs import frozen

from ...schema.agents.effects import Unparsed

KEPT_HEAD = 4096
"""Bytes of an oversized line that are kept to show what it was."""


@frozen
class OversizedLine:
    """A line longer than the limit: its first bytes, and its whole length in bytes."""

    head: bytes
    length: int

    def unparsed(self, limit: int) -> Unparsed:
        error = f"a line of {self.length} bytes is longer than {limit}, the most that is read; its beginning is kept"
        return Unparsed(error, "stdout", self.head)


class LineSplitter:
    """Splits at ``\\n`` and drops a ``\\r`` before it. Holds at most ``limit`` bytes, and joins chunks only once.

    (Growing one ``bytes`` per chunk is quadratic: a 50 MB line took minutes.)
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: list[bytes] = []
        self._held = 0
        self._skipped = 0
        self._head = b""

    def __repr__(self) -> str:
        return f"<LineSplitter held={self._held} skipped={self._skipped}>"

    def feed(self, chunk: bytes) -> Iterator[bytes | OversizedLine]:
        """The lines that this chunk completes."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            line = self._finish(chunk[start:end])
            if line:
                yield line
            start = end + 1
        if start < len(chunk):
            self._hold(chunk[start:] if start else chunk)

    def finish(self) -> bytes | OversizedLine | None:
        """The rest after the last line break, when the agent's output has ended."""
        return self._finish(b"") or None

    def _hold(self, piece: bytes) -> None:
        if self._skipped:
            self._skipped += len(piece)
            return
        self._chunks.append(piece)
        self._held += len(piece)
        if self._held > self._limit:
            self._head = b"".join(self._chunks)[:KEPT_HEAD]
            self._skipped = self._held
            self._chunks.clear()
            self._held = 0

    def _finish(self, last: bytes) -> bytes | OversizedLine:
        if self._skipped or self._held + len(last) > self._limit:
            self._hold(last)
            line = OversizedLine(self._head, self._skipped)
            self._head, self._skipped = b"", 0
            return line
        if not self._chunks:
            return last.rstrip(b"\r")
        self._chunks.append(last)
        joined = b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        return joined.rstrip(b"\r")
