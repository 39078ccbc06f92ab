"""Of the daemon's log, what the metrics tell."""

from typing import Protocol


class LogDrops(Protocol):
    """The log that a daemon writes."""

    @property
    def dropped(self) -> int:
        """Lines that were dropped, because those before them were not read."""
        ...
