"""The owner of a process: the daemon that started it, named so that another daemon can tell whether it still runs.

A data directory can be copied, restored and snapshotted, and its journal's id with it. So the id alone does not say
whether the daemon that started a process is dead. The owner does.
"""

import os
import re
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from attrs import frozen

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")

_TEXT = re.compile(r"([0-9]{1,10})-([0-9]{1,20})-([0-9]{1,20})-([0-9a-f]{32})")


@frozen
class ProcessId:
    """A pid and when it started, in clock ticks since boot: together never reused."""

    pid: int
    started: int


@frozen
class Owner:
    """A process, unique among all that this machine ever had. ``namespace`` is the inode of the pid namespace of its
    pid, 0 where that is not known; ``boot`` is the boot id, 32 hexadecimal digits."""

    process: ProcessId
    namespace: int
    boot: str

    def __str__(self) -> str:
        """The form that is used in a marker."""
        return f"{self.process.pid}-{self.process.started}-{self.namespace}-{self.boot}"

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """None for a text that is no owner."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return None
        pid, started, namespace, boot = found.groups()
        return cls(ProcessId(int(pid), int(started)), int(namespace), boot)

    @classmethod
    def of_marker(cls, marker: str) -> "Owner | None":
        """From ``<family>.<owner>.<unique>``. None for a marker of a version that named no owner."""
        return cls.parse(marker.partition(".")[2].rpartition(".")[0])

    @classmethod
    def here(cls, process: ProcessId) -> "Owner":
        """The process that this one sees under that pid. Raises OSError where the kernel does not tell the boot id."""
        namespace = 0
        with suppress(OSError):
            namespace = PID_NAMESPACE.stat().st_ino
        return cls(process, namespace, BOOT_ID.read_text().strip().replace("-", ""))

    def lives(self, me: "Owner", living: Container[ProcessId]) -> bool:
        """Whether it is another process than ``me`` and still runs. ``living`` are the processes that ``me`` can see,
        without zombies.

        ``me`` itself does not count: what it owned before an exec into a new program is an orphan. A process in another
        pid namespace cannot be judged by its pid, and counts as alive.
        """
        if self.boot != me.boot or self == me:
            return False
        if self.namespace != me.namespace and self.namespace and me.namespace:
            return True
        return self.process in living

    @staticmethod
    def own() -> "Owner | None":
        """This process; None where /proc does not tell."""
        with suppress(OSError):
            me = read_living(os.getpid())
            return None if me is None else Owner.here(me)
        return None


def read_living(pid: int) -> ProcessId | None:
    """The process that has this pid now; None when there is none, or only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The command stands in parentheses and may hold any byte, so fields are counted from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else ProcessId(pid, int(fields[19]))
