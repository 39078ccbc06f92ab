"""The integrity check: SQLite checks whether the journal's file is sound, in a thread and with its own connection.

SQLite reads every page for it, about a gigabyte per second when they are in memory, and cannot pause. So a start waits
for the check only for a limited time; then it continues with the lowest priority while the journal is in use.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .sqlite_file import connect, is_damage

LOWEST_PRIORITY = 19


class IntegrityCheck:
    """``on_damage`` is called in the check's thread, at most once, and only when :meth:`wait` did not return the
    damage."""

    def __init__(self, path: Path, on_damage: Callable[[str], None]) -> None:
        self.damage: str | None = None
        self._on_damage = on_damage
        self._connection = connect(path, existing=True)
        self._ended = threading.Event()
        self._decided = threading.Lock()
        self._late = False
        self._stopped = False
        # A daemon thread: a step of SQLite may take minutes, and a stop must not wait for it.
        self._thread = threading.Thread(target=self._run, name="journal check", daemon=True)

    def __repr__(self) -> str:
        return f"<IntegrityCheck {self.damage or ('ended' if self._ended.is_set() else 'running')}>"

    def start(self, *, waited_for: bool) -> None:
        self._late = not waited_for
        self._thread.start()
        if not waited_for:
            self._let_go_first()

    def wait(self, seconds: float) -> str | None:
        """The damage, if it is known in time. Blocks."""
        if not self._late:
            self._ended.wait(seconds)
            with self._decided:
                if not self._ended.is_set():
                    self._let_go_first()
                return self.damage
        return None

    def _let_go_first(self) -> None:
        """Lower the priority, because nothing waits for the check any more. On Linux a priority is per thread."""
        self._late = True
        thread = self._thread.native_id
        if thread is None:
            return
        with suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PROCESS, thread, LOWEST_PRIORITY)

    def stop(self) -> None:
        """Interrupt the check: its result is not needed any more."""
        with self._decided:
            self._stopped = True
            if not self._ended.is_set():
                self._connection.interrupt()

    def join(self) -> None:
        """Wait until its connection is closed. SQLite removes the -wal with the last connection, by its name. It must
        not remove that of a new journal in the same place."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        damage = self._look()
        with self._decided:
            self._connection.close()
            self.damage = damage
            self._ended.set()
            tell = self._late and not self._stopped
        if tell and damage is not None:
            self._on_damage(damage)

    def _look(self) -> str | None:
        try:
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            return str(error) if is_damage(error) else None  # interrupted, or a disk error: not known
        return None if found == "ok" else found
