"""Shortage: the machine has too little of a resource now. The caller did nothing wrong, and may try again later."""

import errno
from collections.abc import Generator
from contextlib import contextmanager

from attrs import frozen

from ...schema.problems import Problem, resource_exhausted

_DESCRIPTORS = "file descriptors"
_TASKS = "processes or threads"
_MEMORY = "memory"
_TERMINALS = "terminals"

_REMEDIES = {
    _DESCRIPTORS: "end sessions or close connections, or raise the daemon's limit (ulimit -n, LimitNOFILE=)",
    _TASKS: "end sessions, or raise the limit (ulimit -u, TasksMax=, the container's pids limit)",
    _MEMORY: "end sessions, or give the machine or container more memory",
    _TERMINALS: "end sessions, or raise kernel.pty.max; a container needs /dev/pts of its own",
}

_ERRORS = {
    errno.EMFILE: _DESCRIPTORS,
    errno.ENFILE: _DESCRIPTORS,
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
}


@frozen
class Shortage:
    """A shortage of one ``resource``; ``cause`` is the system's message."""

    resource: str
    cause: str

    @classmethod
    def of(cls, error: BaseException, *, forking: bool = False) -> "Shortage | None":
        """None when the error is no shortage. ``forking``: it comes from starting a process, where EAGAIN means that
        no more processes are allowed; elsewhere it does not mean that."""
        match error:
            case MemoryError():
                return cls(_MEMORY, str(error) or "out of memory")
            case OSError() if error.errno in _ERRORS:
                return cls(_ERRORS[error.errno], error.strerror or str(error))
            case OSError() if forking and error.errno == errno.EAGAIN:
                return cls(_TASKS, error.strerror or str(error))
            # The pty module loses the cause when it has tried every way to get a terminal.
            case OSError() if forking and (error.errno == errno.ENOSPC or "out of pty devices" in str(error)):
                return cls(_TERMINALS, "no terminal can be opened")
            case RuntimeError() if "can't start new thread" in str(error):
                return cls(_TASKS, "no thread can be started")
            case BaseExceptionGroup():
                found = (cls.of(inner, forking=forking) for inner in error.exceptions)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
                return next((shortage for shortage in found if shortage is not None), None)
            case _:
                return None

    def __str__(self) -> str:
        return f"the machine is out of {self.resource} ({self.cause}); {_REMEDIES[self.resource]}"

    def problem(self) -> Problem:
        return resource_exhausted(self.resource, str(self))


@contextmanager
def shortage_told() -> Generator[None]:
    """For code that reads files and uses threads for a caller: a shortage becomes a problem, not an internal error."""
    try:
        yield
    except (OSError, RuntimeError, MemoryError) as error:
        if (shortage := Shortage.of(error)) is None:
            raise
        raise shortage.problem() from error
