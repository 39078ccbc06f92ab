"""Group commit: one thread changes the store, and all jobs that were queued meanwhile share one commit.

A job is done when it is durable. Jobs are done in the order in which they were put; all jobs of a commit at once.

Jobs that are put within a few passes of trio's scheduler are handed over together. While commits are quick the event
loop waits for the one that it has just handed over, ``PATIENCE`` at most. Otherwise every event would have to wait
twice until the loop gets a processor, before its commit and after it; on busy processors that doubled the latency.
Meanwhile the thread runs on the loop's own processor, which is idle (``cpu_affinity``).
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog
import trio
from attrs import define, field

from ..kernel.failpoints import Failpoints
from ..machine.cpu_affinity import CpuAffinity
from .interface import JournalUnavailable
from .outage import Outage
from .sqlite import SqliteStore
from .sqlite_file import is_damage, is_ours

COMMIT_JOBS = 512
"""Most jobs that share a commit, so that the first of them does not wait long."""

PASSES = 2
"""How many passes of the scheduler come before the hand-over, so that the jobs of other tasks that are ready share the
commit. In an idle loop that takes microseconds. In a busy one, where most of a commit's cost does not depend on its
events, it saves a third to a half of the commits."""

QUICK = 0.001
"""Seconds. The loop waits for commits while they typically take less. A commit of ten events takes a tenth of that."""

PATIENCE = 0.003
"""Most seconds that the event loop waits, when one commit takes longer than usual."""

MEMORY = 8
"""How many of the last commits say what is typical."""

_log = structlog.get_logger("journal")


class Refused(Exception):
    """No row can hold what was to be kept, however much room there is. Nothing was changed."""


@define(eq=False)
class Job:
    """``do`` runs in the writer's thread, inside a transaction, and again if that fails. ``show`` runs in trio's thread
    when the job is durable. A ``refusable`` job may be left out when no row can hold it: later jobs do not depend on
    it."""

    do: Callable[[SqliteStore], None]
    show: Callable[[], None] | None = None
    refusable: bool = False
    settled: trio.Event = field(factory=trio.Event)
    failed: bool = False
    refused: str | None = None

    async def wait(self) -> None:
        """Wait until it is durable. Raises :class:`.JournalUnavailable` when it never will be, and :class:`Refused`."""
        await self.settled.wait()
        if self.refused is not None:
            raise Refused(self.refused)
        if self.failed:
            raise JournalUnavailable("the daemon stops while its journal cannot be written")


class GroupCommit:
    """``retry`` is the pause in seconds before a commit that found no room on disk is tried again. Until it succeeds
    there is an ``outage``."""

    def __init__(
        self,
        store: SqliteStore,
        failpoints: Failpoints,
        retry: float,
        on_commit: Callable[[float], None],
        outage: Outage,
    ) -> None:
        self._outage = outage
        self._store = store
        self._failpoints = failpoints
        self._retry = retry
        self._on_commit = on_commit
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done_jobs: SimpleQueue[tuple[Sequence[Job], float]] = SimpleQueue()
        self._put: list[Job] = []
        self._something_put = trio.Event()
        self._under_way = 0
        self._awaited = False
        self._typical = 0.0
        self._affinity = CpuAffinity()
        self._hurried = threading.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._waiting = 0
        self._closed = False
        self._given_up = False
        self._troubled = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "stuck" if self._troubled else "open"
        return f"<GroupCommit {state} waiting={self._waiting} {self._affinity!r}>"

    def put(self, job: Job) -> Job:
        """Queue a job, without waiting. A job that is put after :meth:`close` fails."""
        self._waiting += 1
        if self._closed:
            self._settle([job], failed=True)
        else:
            self._failpoints.reach("journal.queued")
            self._put.append(job)
            self._something_put.set()
        return job

    async def hand_over(self) -> None:
        """Give the thread the jobs that were put, until cancelled."""
        while True:
            await self._something_put.wait()
            for _ in range(PASSES):
                await trio.lowlevel.checkpoint()
            self._something_put = trio.Event()
            stay = self._under_way == 0 and self._typical < QUICK
            if stay:
                self._affinity.follow()
                self._give()
                self._stand_still()
            else:
                # When the loop does not wait, the thread competes with it, and must be free to use another processor.
                self._affinity.free()
                self._give()

    def _give(self) -> None:
        put, self._put = self._put, []
        self._under_way += len(put)
        for job in put:
            self._jobs.put(job)

    def _stand_still(self) -> None:
        """Wait until the thread has done all its jobs, ``PATIENCE`` at most. Waiting releases the GIL."""
        self._awaited = True
        deadline = time.perf_counter() + PATIENCE
        with suppress(Empty):
            while self._under_way and (left := deadline - time.perf_counter()) > 0:
                self._show(*self._done_jobs.get(timeout=left))
        if self._under_way:
            self._affinity.free()
        # Reset before the rest is shown: the thread adds to the done jobs first and reads this afterwards.
        self._awaited = False
        self._show_all()

    def hurry(self) -> None:
        """From now on a write that finds no room fails at once instead of waiting."""
        self._hurried.set()

    def close(self) -> None:
        """Let :meth:`run` end when it has done the jobs that were put so far."""
        if not self._closed:
            self._closed = True
            self.hurry()
            self._give()
            self._jobs.put(None)

    def run(self) -> None:
        """The thread. Ends by :meth:`close`; raises errors of the store and bugs of ours."""
        jobs: Sequence[Job] = ()
        self._affinity.begin()
        try:
            while jobs := self._take():
                self._commit(jobs)
                self._tidy(self._store.shorten_wal)
        finally:
            self._closed = True
            self._affinity.end()
            self._token.run_sync_soon(self._fail_rest, jobs)

    def _take(self) -> list[Job]:
        """The jobs that wait; empty when the writer was closed."""
        while self._store.to_purge and self._jobs.empty() and not self._hurried.is_set():
            self._affinity.free()
            if not self._tidy(self._store.purge_some):
                self._store.to_purge = False  # until the next session is deleted, or the next start
        first = self._jobs.get()
        jobs = [first] if first is not None else []
        while jobs and len(jobs) < COMMIT_JOBS and not self._jobs.empty():
            if (job := self._jobs.get()) is None:
                self._jobs.put(None)  # closed, and told again when these are done
                break
            jobs.append(job)
        return jobs

    def _tidy(self, work: Callable[[], None]) -> bool:
        """Do work that can wait. False when there was no room for it."""
        try:
            work()
        except sqlite3.OperationalError as error:
            if is_damage(error) or is_ours(error):
                raise
            return False
        return True

    def _commit(self, jobs: Sequence[Job]) -> None:
        begun = time.perf_counter()
        while not self._given_up:
            try:
                with self._store.transaction():
                    self._failpoints.reach("journal.begun")
                    for job in jobs:
                        job.do(self._store)
                    self._failpoints.reach("journal.written")
                self._failpoints.reach("journal.committed")
                self._out_of_trouble()
                self._done_jobs.put((jobs, time.perf_counter() - begun))
                if not self._awaited:
                    self._token.run_sync_soon(self._show_all)
                return
            except sqlite3.OperationalError as error:
                if is_damage(error) or is_ours(error):
                    raise
                self._in_trouble(error)
                # No later job may be written either: it would leave a gap.
                self._given_up = self._hurried.is_set()
                self._hurried.wait(self._retry)
            except (sqlite3.DataError, OverflowError) as error:
                if not self._commit_one_by_one(jobs, error):
                    raise
                return
        self._token.run_sync_soon(self._settle, jobs, True)

    def _commit_one_by_one(self, jobs: Sequence[Job], error: Exception) -> bool:
        """One of the jobs is too large for a row: do the others without it. False when it cannot be left out."""
        if len(jobs) > 1:
            for job in jobs:
                self._commit((job,))
            return True
        if jobs[0].refusable:
            jobs[0].refused = str(error)
            _log.error("what was to be kept is more than a row can hold", error=str(error))
            self._token.run_sync_soon(self._refuse, jobs)
        return jobs[0].refusable

    def _in_trouble(self, error: sqlite3.OperationalError) -> None:
        if not self._troubled:
            self._troubled = True
            _log.error("the journal cannot be written", error=str(error), path=str(self._store.path))
        self._token.run_sync_soon(self._outage.begin, str(error))

    def _out_of_trouble(self) -> None:
        if self._troubled:
            self._troubled = False
            _log.info("the journal can be written again")
            self._token.run_sync_soon(self._outage.end)

    # In trio's thread.

    def _show_all(self) -> None:
        while not self._done_jobs.empty():
            self._show(*self._done_jobs.get())

    def _show(self, jobs: Sequence[Job], seconds: float) -> None:
        self._on_commit(seconds)
        self._under_way -= len(jobs)
        # One commit that waited for the disk says little about the next.
        self._typical += (min(seconds, PATIENCE) - self._typical) / MEMORY
        for job in jobs:
            if job.show is not None:
                job.show()
        self._settle(jobs, failed=False)

    def _refuse(self, jobs: Sequence[Job]) -> None:
        self._under_way -= len(jobs)
        self._settle(jobs, failed=True)

    def _settle(self, jobs: Sequence[Job], failed: bool) -> None:
        for job in jobs:
            if not job.settled.is_set():
                self._waiting -= 1
                job.failed = failed
                job.settled.set()

    def _fail_rest(self, jobs: Sequence[Job]) -> None:
        self._settle(jobs, failed=True)
        self._give()  # also jobs that were put and not handed over: they will not be done
        while not self._jobs.empty():
            if (job := self._jobs.get()) is not None:
                self._settle([job], failed=True)
