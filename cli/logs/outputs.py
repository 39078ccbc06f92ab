"""Outputs: where a log goes. Used by one thread at a time.

``write`` may block for as long as nobody reads: it is called where nothing waits for it.
"""

import errno
import os
import select
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

MODE = 0o600
"""Of a log file, whatever the umask: paths, ids and errors in it are for its owner alone."""


class BegunAnew(OSError):
    """What a half-written line began in is gone: in what there is now, the line must be written from its beginning."""


class Output(Protocol):
    def write(self, data: memoryview) -> int:
        """Writes whole lines, or some of ``data``; how many bytes. Raises :class:`OSError`, also :class:`BegunAnew`."""
        ...

    def writable(self, seconds: float) -> bool:
        """Whether some bytes can be written without a wait for a reader; waits for that so long."""
        ...


def poll_writable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(found & select.POLLOUT for _, found in poll.poll(seconds * 1000))


class Descriptor:
    """A pipe, terminal or file that is open already. It is duplicated: whoever closes the original does not make us
    write into what gets its number next."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)

    def __repr__(self) -> str:
        return f"<Descriptor {self._descriptor}>"

    def write(self, data: memoryview) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # whoever gave it to us made it non-blocking
                poll_writable(self._descriptor, 1.0)

    def writable(self, seconds: float) -> bool:
        return poll_writable(self._descriptor, seconds)


class LogFile:
    """A file by its name. At ``max_bytes`` it is set aside, as ``name.1``, and the ``kept`` newest of those are kept.

    A file that somebody moved or removed (logrotate does) is begun anew. A FIFO is opened when it has a reader. What
    is no regular file, or where ``max_bytes`` is 0, is never set aside.
    """

    def __init__(self, path: Path, max_bytes: int, kept: int) -> None:
        """Raises :class:`OSError` when it cannot be written, unless it is a FIFO that nobody reads yet."""
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._descriptor: int | None = None
        self._within_line = False
        self.open_to_others: str | None = None
        """Why, when others can read the log."""
        try:
            self._open()
            for number in range(1, kept + 1):
                narrow_aside(self._aside(number))
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise

    def __repr__(self) -> str:
        return f"<LogFile {self._path} {'closed' if self._descriptor is None else 'open'}>"

    def write(self, data: memoryview) -> int:
        descriptor = self._current()
        status = os.fstat(descriptor)
        if self._max_bytes and stat.S_ISREG(status.st_mode):
            fitting = lines_within(data, self._max_bytes - status.st_size)
            if not fitting and status.st_size:
                descriptor = self._set_aside(descriptor)
                fitting = lines_within(data, self._max_bytes)
            data = data[: fitting or first_line(data)]
        try:
            count = os.write(descriptor, data)
        except BrokenPipeError:  # the reader of a FIFO left; the next one is another's open
            self._close()
            raise
        if count:
            self._within_line = data[count - 1] != ord("\n")
        return count

    def writable(self, seconds: float) -> bool:
        try:
            return poll_writable(self._current(), seconds)
        except OSError:
            return False

    def _current(self) -> int:
        """Open, and still what the name means. Raises :class:`OSError`."""
        if self._descriptor is not None:
            try:
                named = self._path.stat()
            except FileNotFoundError:
                self._close()
            except OSError:
                return self._descriptor  # it cannot be looked up, and can still be written
            else:
                if not os.path.samestat(named, os.fstat(self._descriptor)):
                    self._close()
        return self._open() if self._descriptor is None else self._descriptor

    def _open(self) -> int:
        # Without O_NONBLOCK, a FIFO without a reader would hold up whoever opens it; with it, that is an ENXIO.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        self._descriptor = os.open(self._path, flags, MODE)
        os.set_blocking(self._descriptor, True)
        self.open_to_others = narrow(self._descriptor)
        if self._within_line:
            self._within_line = False
            raise BegunAnew(f"{self._path} is another one now")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _set_aside(self, descriptor: int) -> int:
        try:
            for number in range(self._kept - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._aside(number).replace(self._aside(number + 1))
            if self._kept:
                self._path.replace(self._aside(1))
            else:
                self._path.unlink()
        except OSError:
            # The folder may be read-only. A log that is cut is still one within its bound; the oldest lines are lost.
            os.ftruncate(descriptor, 0)
            return descriptor
        self._close()
        return self._open()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def narrow(descriptor: int) -> str | None:
    """Closes a regular file to others; why it is open to them when that cannot be done."""
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        try:
            os.fchmod(descriptor, MODE)
        except OSError as error:
            return f"mode {stat.S_IMODE(status.st_mode):04o}, and it cannot be changed: {error.strerror}"
    return None


def narrow_aside(path: Path) -> None:
    """One that an earlier daemon set aside."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            narrow(descriptor)
        finally:
            os.close(descriptor)


def lines_within(data: memoryview, room: int) -> int:
    """Bytes of the whole lines at the beginning of ``data`` that have room."""
    if len(data) <= room:
        return len(data)
    return bytes(data[: max(room, 0)]).rfind(b"\n") + 1


def first_line(data: memoryview) -> int:
    return bytes(data).find(b"\n") + 1 or len(data)
