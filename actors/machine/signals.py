"""Signals to exactly the process that is meant, also where its pid may be another's by now."""

import os
import signal
from collections.abc import Iterable

from .descriptor_reserve import exhausted
from .owner import ProcessId
from .process_rows import read_process


def send_signal(target: ProcessId, number: signal.Signals) -> bool:
    """Signal exactly this process; False when it is gone. A pid that was reused is not hit. Raises OSError when
    descriptors or memory are used up."""
    try:
        handle = os.pidfd_open(target.pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError) as error:
        if exhausted(error):
            raise
        return _send_by_pid(target, number)
    try:
        if not _lives(target):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError) as error:
        if exhausted(error):
            raise
        return _send_by_pid(target, number)
    finally:
        os.close(handle)
    return True


def _send_by_pid(target: ProcessId, number: signal.Signals) -> bool:
    """Where the system has no pidfds (old kernels, gVisor, some seccomp profiles). Between the look and the signal the
    pid would have to be given up and given out again: pids go round before that."""
    if not _lives(target):
        return False
    try:
        os.kill(target.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _lives(target: ProcessId) -> bool:
    row = read_process(target.pid)
    return row is not None and row.id == target and not row.zombie


def signal_all(targets: Iterable[ProcessId], number: signal.Signals) -> None:
    """Takes a tenth of a millisecond for each: call it off the event loop. Raises OSError, after it has tried all, when
    descriptors or memory were used up for one."""
    failure: OSError | None = None
    for target in targets:
        try:
            send_signal(target, number)
        except OSError as error:
            failure = error
    if failure is not None:
        raise failure
