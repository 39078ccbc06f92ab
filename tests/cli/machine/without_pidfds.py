"""Run a program under a seccomp filter that refuses pidfd_open and pidfd_send_signal, as old container profiles do:
``without_pidfds.py ERRNO PROGRAM ARGUMENT…``. The filter stays in all that the program starts.

Filter: struct sock_filter of linux/filter.h; the data that it sees: struct seccomp_data of linux/seccomp.h. Both system
calls have one number on every architecture but Alpha.
"""

import ctypes
import errno
import os
import signal
import struct
import sys

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_OF_CALL = 0
PIDFD_SEND_SIGNAL, PIDFD_OPEN = 424, 434


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def refuse(error: int) -> None:
    steps = [
        (LOAD_WORD, 0, 0, NUMBER_OF_CALL),
        (JUMP_IF_EQUAL, 1, 0, PIDFD_OPEN),
        (JUMP_IF_EQUAL, 0, 1, PIDFD_SEND_SIGNAL),
        (RETURN, 0, 0, SECCOMP_RET_ERRNO | error),
        (RETURN, 0, 0, SECCOMP_RET_ALLOW),
    ]
    program = Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    zeros = [ctypes.c_ulong(0)] * 3
    for option, value, rest in (
        (PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zeros),
        (PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), [ctypes.byref(program), *zeros[:2]]),
    ):
        if libc.prctl(option, value, *rest) != 0:
            raise OSError(ctypes.get_errno(), f"prctl({option})")


def assert_refused(error: int) -> None:
    for call in (lambda: os.pidfd_open(os.getpid()), lambda: signal.pidfd_send_signal(-1, signal.SIGCONT)):
        try:
            call()
        except OSError as refused:
            if refused.errno == error:
                continue
        sys.exit("the filter is not in force")


if __name__ == "__main__":
    number = getattr(errno, sys.argv[1])
    refuse(number)
    assert_refused(number)
    os.execv(sys.argv[2], sys.argv[2:])
