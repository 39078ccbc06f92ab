"""The scrape: collects the figures of ``GET /metrics`` from their owners at the moment of a request."""

from typing import TYPE_CHECKING

import trio

from ...actors.public import DaemonFacade
from ..subscriptions.subscribers import Subscribers
from .log_drops import LogDrops
from .loop_lateness import LoopLateness

if TYPE_CHECKING:
    from .families import MetricFamilies


class Metrics:
    def __init__(
        self, daemon: DaemonFacade, subscribers: Subscribers, lateness: LoopLateness, logs: LogDrops | None
    ) -> None:
        self._daemon = daemon
        self._subscribers = subscribers
        self._lateness = lateness
        self._logs = logs
        self._scraping = trio.Lock()
        self._families: MetricFamilies | None = None

    def __repr__(self) -> str:
        return f"<Metrics {self._families or 'never asked for'}>"

    async def text(self) -> bytes:
        """Raises the ``shutting_down`` problem when the daemon has stopped."""
        async with self._scraping:
            census = await self._daemon.census()
            if self._families is None:
                self._families = await trio.to_thread.run_sync(self._load)
            return await self._families.text(census)

    def _load(self) -> "MetricFamilies":
        """In a thread: the library takes some ten milliseconds to import, and many daemons are never scraped."""
        from .families import MetricFamilies

        return MetricFamilies(self._daemon, self._subscribers, self._lateness, self._logs)
