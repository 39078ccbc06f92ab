"""Failpoints: named places in the code at which a test kills the daemon.

``SANDBOX_AGENT_FAILPOINT=journal.committed:3`` kills it when that place is reached for the third time, and
``journal.committed:3:TERM`` sends it a SIGTERM then. Without the variable they do nothing. docs/guarantees.md lists the
names.
"""

import os
import signal
from collections.abc import Mapping

VARIABLE = "SANDBOX_AGENT_FAILPOINT"


class Failpoints:
    def __init__(self, armed: str = "") -> None:
        """``armed`` is ``name``, ``name:count`` or ``name:count:signal``; empty for none. Raises ValueError when the
        count is no number or the signal is unknown."""
        self._name, count, name, *_ = [*armed.split(":"), "", ""]
        self._left = int(count or 1)
        try:
            self._signal = signal.Signals[f"SIG{name or 'KILL'}"]
        except KeyError:
            raise ValueError(f"no signal is named SIG{name}") from None

    def __repr__(self) -> str:
        return f"<Failpoints {self._name}:{self._left} {self._signal.name}>" if self._name else "<Failpoints none>"

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Failpoints":
        return cls(environment.get(VARIABLE, ""))

    def reach(self, name: str) -> None:
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._signal)
