"""The metric families, in the text format of Prometheus. The number of labels is bounded: none names a session."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import get_args

import trio
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ...actors.public import TOKEN_KINDS, Census, Counters, DaemonFacade, Histogram
from ...schema.api.sessions import SessionStatus
from ..subscriptions.subscribers import StreamKind, Subscribers
from .log_drops import LogDrops
from .loop_lateness import LoopLateness

PREFIX = "sandbox_agent_"

Labelled = Iterable[tuple[Sequence[str], float]]


class MetricFamilies(Collector):
    """One per server: two servers in one process have separate registries and figures."""

    def __init__(
        self, daemon: DaemonFacade, subscribers: Subscribers, lateness: LoopLateness, logs: LogDrops | None
    ) -> None:
        self._daemon = daemon
        self._subscribers = subscribers
        self._lateness = lateness
        self._logs = logs
        self._families: Sequence[Metric] = ()
        # Read once: it is a search of all directories for packages, and importlib keeps what it found in each of them
        # for every time at which it was changed.
        self._version = version("sandbox-agent")
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # its own memory, CPU time and descriptors, from /proc

    def __repr__(self) -> str:
        return f"<MetricFamilies {len(self._families)} families>"

    def collect(self) -> Iterable[Metric]:
        """For the registry, in the thread that writes."""
        return self._families

    async def text(self, census: Census) -> bytes:
        """Written out in a worker thread."""
        self._families = [*self._now(census), *self._since_start(self._daemon.counters)]
        return await trio.to_thread.run_sync(generate_latest, self._registry)

    def _now(self, census: Census) -> Iterator[Metric]:
        yield InfoMetricFamily(f"{PREFIX}build", "The daemon.", {"version": self._version})
        statuses: tuple[SessionStatus, ...] = get_args(SessionStatus)
        yield gauge(
            "sessions", "Sessions by status.", ("status",), (((s,), census.sessions.get(s, 0)) for s in statuses)
        )
        yield gauge("queued_prompts", "Prompts that wait for a turn to end.", value=census.queued)
        approvals = (("permission",), census.permissions), (("question",), census.questions)
        yield gauge("pending_asks", "Permissions and questions that wait for an answer.", ("kind",), approvals)

        kinds, lag = self._subscribers.kinds(), self._subscribers.lag()
        streams: tuple[StreamKind, ...] = get_args(StreamKind)
        yield gauge("streams", "Open streams of events.", ("kind",), (((kind,), kinds[kind]) for kind in streams))
        yield gauge("stream_lag_events", "Events that the slowest subscriber has not taken.", value=lag.events)
        yield gauge("stream_lag_seconds", "Time since the slowest subscriber had all there was.", value=lag.seconds)

        yield from self._journal()
        yield gauge("threads", "Threads of the daemon.", value=threading.active_count())
        yield histogram(
            "event_loop_lateness_seconds", "How late a timer of the event loop was.", self._lateness.timings
        )

    def _journal(self) -> Iterator[Metric]:
        health = self._daemon.journal_health()
        accepting = self._daemon.health().accepting
        yield gauge("journal_writable", "1 while what has to be kept can be, else 0.", value=accepting)
        yield gauge("journal_bytes", "Size of the events that are kept.", value=health.figures.get("bytes", 0))
        living = health.figures.get("living", 0)
        yield gauge("journal_living_bytes", "Size of the events of sessions that have not ended.", value=living)
        yield counter(
            "journal_expired_bytes",
            "Events of living sessions that were let go, by the setting that they were too much for.",
            ("setting",),
            singles(health.expired),
        )
        if health.commits is not None:
            yield histogram("journal_commit_seconds", "Time of one commit of the journal.", health.commits)

    def _since_start(self, counters: Counters) -> Iterator[Metric]:
        yield counter("events", "Events recorded.", ("type",), singles(counters.events))
        yield counter("turns", "Turns ended.", ("agent", "outcome"), counters.turns.items())
        yield counter("errors", "Error events of the daemon's own.", ("code",), singles(counters.errors))
        starts = counters.agent_starts.items()
        yield counter(
            "agent_starts",
            "Agent processes started; again: after one that had ended unexpectedly.",
            ("agent", "again"),
            (((agent, str(again).lower()), count) for (agent, again), count in starts),
        )
        dropped = 0 if self._logs is None else self._logs.dropped
        yield counter("log_lines_dropped", "Log lines dropped because nobody read the log.", (), [((), dropped)])
        suspensions = singles(counters.agent_suspensions)
        yield counter("agent_suspensions", "Agents stopped because nobody needed them.", ("agent",), suspensions)
        restarts = singles(self._daemon.actor_restarts())
        yield counter("actor_restarts", "Actors that crashed, or ended with one that did.", ("actor",), restarts)
        spent = [((agent, model), spent) for agent, models in counters.spent.items() for model, spent in models.items()]
        yield counter(
            "tokens",
            "Tokens, where the agent tells them.",
            ("agent", "model", "kind"),
            (((*names, kind), s.tokens[kind]) for names, s in spent for kind in TOKEN_KINDS if s.tokens[kind]),
        )
        costs = ((names, s.cost_usd) for names, s in spent if s.cost_usd)
        yield counter("cost_usd", "Cost in US dollars, where the agent tells it.", ("agent", "model"), costs)


def singles(counts: Mapping[str, float]) -> Labelled:
    return (((name,), count) for name, count in counts.items())


def gauge(name: str, text: str, labels: Sequence[str] = (), samples: Labelled = (), *, value: float = 0) -> Metric:
    """``value`` is that of a gauge without labels."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for values, number in samples if labels else [((), value)]:
        family.add_metric(values, number)
    return family


def counter(name: str, text: str, labels: Sequence[str], samples: Labelled) -> Metric:
    """Its samples end in ``_total``."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def histogram(name: str, text: str, timings: Histogram) -> Metric:
    return HistogramMetricFamily(PREFIX + name, text, buckets=timings.cumulative(), sum_value=timings.total)
