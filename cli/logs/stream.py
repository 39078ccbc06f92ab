"""``sys.stderr`` of a daemon: what libraries and the interpreter print goes the way of the log's lines."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class RawLog(io.RawIOBase):
    """Each write is put as it came. ``flush`` waits for nothing: it is called from the event loop too."""

    name = "<stderr>"

    def __init__(self, put: Callable[[bytes], None], original: TextIO | None) -> None:
        self._put = put
        self._original = original

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        copy = bytes(data)
        if copy:
            self._put(copy)
        return len(copy)

    def isatty(self) -> bool:
        return self._original is not None and self._original.isatty()

    def fileno(self) -> int:
        if self._original is None:
            raise io.UnsupportedOperation("fileno")
        return self._original.fileno()


def log_stream(put: Callable[[bytes], None], original: TextIO | None) -> TextIO:
    encoding = "utf-8" if original is None else original.encoding
    return io.TextIOWrapper(RawLog(put, original), encoding, "backslashreplace", write_through=True)
