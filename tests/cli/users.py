"""Other users than the one that runs the tests: one who is refused what modes forbid, and one whom nobody knows.

Both are made of whoever runs the tests: of root by giving up what makes it root, of anybody else by other means.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

from .commands import COMMAND

STRANGER = 12345
"""No passwd entry has this uid, here or anywhere in these tests."""

PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 24, 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE = 1, 2, 19
CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> None:
    # As longs: what is left out would be whatever stands in the registers.
    longs = [ctypes.c_long(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *longs) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def obey_modes() -> None:
    """In a child before exec: root too is refused what a file's mode forbids. Others are in any case."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            prctl(PR_CAPBSET_DROP, capability)


def be_ordinary() -> None:
    """In a child before exec: root too cannot look into every process, as in most containers. Others cannot anyway."""
    obey_modes()
    if os.geteuid() == 0:
        prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE)


def _become_stranger() -> None:
    """Keeps the right to read everything: Python itself may lie where only root gets to. Not the right to write."""
    prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(STRANGER, STRANGER, STRANGER)
    os.setresuid(STRANGER, STRANGER, STRANGER)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    one = 1 << CAP_DAC_READ_SEARCH
    capabilities = (ctypes.c_uint32 * 6)(one, one, one, 0, 0, 0)
    if _libc.capset(header, capabilities) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)


def stranger() -> tuple[tuple[str, ...], Callable[[], None] | None]:
    """The command, and what its process does before exec, to run it as a user who is in no passwd."""
    if os.geteuid() == 0:
        return COMMAND, _become_stranger
    return (sys.executable, str(Path(__file__).with_name("unknown_user.py"))), None


def given_to_stranger(path: Path) -> Path:
    if os.geteuid() == 0:
        os.chown(path, STRANGER, STRANGER)
    return path
