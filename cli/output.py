"""stdout and stderr of a command, and what happens when they cannot be written.

What a command says on stdout may be lost for two reasons. Whoever read it went away (``| head -1``): nobody is left to
be told, and the command ends quietly. Or it cannot be kept (``>/dev/full``): that is said in one sentence. Either has
its own exit status, because the work may have been done all the same. Python would print a traceback, at exit once
more, and end with 1 or 120.

A stdout that was closed before (``>&-``) is one that nobody wants to read, as it is to Python: what is printed goes
nowhere. What is said on stderr and cannot be written goes nowhere too: there is no third place to say it in.
"""

import io
import os
import select
import signal
import sys
from typing import IO, TYPE_CHECKING, Any, TextIO

from .failure import Failure

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CLOSED_PIPE = 128 + signal.SIGPIPE
"""The status that a shell gives a program that died of SIGPIPE."""

NOT_WRITTEN = 74
"""EX_IOERR of sysexits.h."""

STDIN, STDOUT, STDERR = 0, 1, 2


class OutputLost(Failure):
    """stdout could not be written, for want of room for one."""

    exit_code = NOT_WRITTEN

    def __init__(self, error: OSError) -> None:
        super().__init__(f"cannot write to stdout: {error.strerror}")


class ReaderGone(OutputLost):
    """Nobody reads stdout any more, and so nobody misses what is not written."""

    exit_code = CLOSED_PIPE

    def show(self, file: IO[Any] | None = None) -> None:
        pass


def lost(error: OSError) -> OutputLost:
    """What it means that stdout was written and this came of it."""
    return ReaderGone(error) if isinstance(error, BrokenPipeError) else OutputLost(error)


class _Patient(io.FileIO):
    """A descriptor that somebody else may have made non-blocking: then it is waited for."""

    def write(self, data: "ReadableBuffer", /) -> int:
        while (written := super().write(data)) is None:
            select.select([], [self], [])
        return written


class _Stdout(_Patient):
    """Raises :class:`OutputLost` once; what is still in a buffer then goes nowhere."""

    _lost = False

    def write(self, data: "ReadableBuffer", /) -> int:
        if self._lost:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self._lost = True
            raise lost(error) from error


class _Stderr(_Patient):
    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def take_over() -> None:
    """Put our streams in the place of the interpreter's. A stream that is somebody else's, such as a test's, stays."""
    _open_closed()
    if sys.stdin is sys.__stdin__ is None:
        sys.stdin = open(STDIN, closefd=False)  # noqa: SIM115 - it stays open as long as we run
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Stdout(STDOUT, "w", closefd=False), sys.__stdout__, "strict")
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Stderr(STDERR, "w", closefd=False), sys.__stderr__, "backslashreplace")


def _open_closed() -> None:
    """Otherwise the next file that is opened gets that number: a database, which an agent would inherit as stdout."""
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: those below are open by now
            os.set_inheritable(number, True)


def _text(raw: _Patient, like: TextIO | None, errors: str) -> TextIO:
    """As the interpreter had it; it had none for a descriptor that was closed."""
    if like is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors)
    # The interpreter writes stderr line by line, whatever it is.
    return io.TextIOWrapper(
        io.BufferedWriter(raw), like.encoding, like.errors, line_buffering=getattr(like, "line_buffering", False)
    )
