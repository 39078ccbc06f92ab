"""Failpoints: named places in the code at which a test kills the daemon, as a power cut would.

``SANDBOX_AGENT_FAILPOINT=journal.committed:3`` kills it when that place is reached for the third time. Without the
variable they do nothing. docs/guarantees.md lists the names.
"""

import os
import signal
from collections.abc import Mapping

VARIABLE = "SANDBOX_AGENT_FAILPOINT"


class Failpoints:
    def __init__(self, armed: str = "") -> None:
        """``armed`` is ``name`` or ``name:count``; empty for none. Raises ValueError for another count."""
        self._name, _, count = armed.partition(":")
        self._left = int(count or 1)

    def __repr__(self) -> str:
        return f"<Failpoints {self._name}:{self._left}>" if self._name else "<Failpoints none>"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Failpoints":
        return cls(environment.get(VARIABLE, ""))

    def reach(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
