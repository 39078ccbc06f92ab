"""The tail budget: bounds the memory of all logs together. The log that has not grown for longest is cut first."""

from collections import OrderedDict

from .event_log import EventLog


class TailBudget:
    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._sizes: OrderedDict[EventLog, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"<TailBudget {len(self._sizes)} logs, {self._bytes} of {self._max_bytes} bytes>"

    def grown(self, log: EventLog) -> None:
        """To be called when events were appended to a log."""
        self._bytes += log.size - self._sizes.get(log, 0)
        self._sizes[log] = log.size
        self._sizes.move_to_end(log)
        while self._bytes > self._max_bytes and len(self._sizes) > 1:
            oldest, size = self._sizes.popitem(last=False)
            oldest.forget_tail()
            self._bytes -= size

    def shrunk(self, log: EventLog) -> None:
        """To be called when the oldest events of a log have expired."""
        if log in self._sizes:
            self._bytes += log.size - self._sizes[log]
            self._sizes[log] = log.size

    def forget(self, log: EventLog) -> None:
        """To be called when a log is deleted."""
        self._bytes -= self._sizes.pop(log, 0)
