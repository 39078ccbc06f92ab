"""What is kept of sessions beside their events, in SQLite: their rows, prompts, open approvals and answers."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from attrs import evolve, frozen

from ...schema.approvals.approval_data import approval_id_of
from .interface import KeptAnswer, QueuedPrompt, SessionRow
from .row_codec import RowCodec
from .sqlite_file import Damaged


@frozen
class StoredSession:
    """A session as it was found on disk. ``position`` is where its last event stands in the feed."""

    number: int
    row: SessionRow
    first: int
    last: int
    bytes: int
    position: int
    updated_ms: int


class Change(Protocol):
    """Carries out a statement in the transaction that is under way."""

    def __call__(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor: ...


class SessionRows:
    """Everything here blocks. What changes something must run inside :meth:`.SqliteStore.transaction`."""

    def __init__(self, connection: sqlite3.Connection, codec: RowCodec, change: Change) -> None:
        self._connection = connection
        self._codec = codec
        self._change = change

    def load(self) -> list[StoredSession]:
        """Oldest first. Raises :class:`Damaged` for a row that cannot be read."""
        try:
            return self._load()
        except (ValueError, TypeError, KeyError, BaseExceptionGroup, msgspec.MsgspecError) as error:
            raise Damaged(f"what is kept of a session cannot be read: {type(error).__name__}") from error

    def _load(self) -> list[StoredSession]:
        prompts: dict[int, list[tuple[QueuedPrompt, bool]]] = {}
        for number, waiting, body in self._connection.execute(
            "SELECT session, waiting, prompt FROM prompts ORDER BY session, number"
        ):
            prompts.setdefault(number, []).append((self._codec.read_prompt(body), bool(waiting)))
        asks: dict[int, list[Any]] = {}
        for number, body in self._connection.execute("SELECT session, ask FROM asks ORDER BY number"):
            asks.setdefault(number, []).append(self._codec.read_ask(body))
        found: list[StoredSession] = []
        for number, body, *bounds in self._connection.execute(
            "SELECT number, row, first, last, bytes, position, updated_ms FROM sessions ORDER BY number"
        ):
            known = prompts.get(number, [])
            row = evolve(
                self._codec.read_row(body),
                queue=tuple(prompt for prompt, waiting in known if waiting),
                current=next((prompt for prompt, waiting in known if not waiting), None),
                asks=tuple(asks.get(number, ())),
            )
            found.append(StoredSession(number, row, *bounds))
        return found

    def last_number(self) -> int:
        """The highest number that a session ever had."""
        found = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name='sessions'").fetchone()
        return found[0] if found else 0

    def create(self, number: int, row: SessionRow) -> None:
        self._change(
            "INSERT INTO sessions(number, session_id, row, updated_ms) VALUES(?,?,?,?)",
            (number, row.session_id, self._codec.row(row), row.created_ms),
        )
        self._update_prompts(number, None, row)

    def update(self, number: int, old: SessionRow, row: SessionRow) -> None:
        """Write what differs from ``old``, the row that was written last."""
        self._change("UPDATE sessions SET row=? WHERE number=?", (self._codec.row(row), number))
        if (old.queue, old.current) != (row.queue, row.current):
            self._update_prompts(number, old, row)
        if old.asks != row.asks:
            self._update_asks(number, old, row)

    def _update_prompts(self, number: int, old: SessionRow | None, row: SessionRow) -> None:
        before = _prompts(old) if old is not None else {}
        now = _prompts(row)
        for key in before.keys() - now.keys():
            self._change("DELETE FROM prompts WHERE session=? AND number=?", (number, key))
        for key, (prompt, waiting) in now.items():
            if key not in before:
                values = number, key, waiting, self._codec.encode(prompt)
                self._change("INSERT INTO prompts VALUES(?,?,?,?)", values)
            elif before[key][1] != waiting:
                self._change("UPDATE prompts SET waiting=? WHERE session=? AND number=?", (waiting, number, key))

    def _update_asks(self, number: int, old: SessionRow, row: SessionRow) -> None:
        before, now = {approval_id_of(ask) for ask in old.asks}, {approval_id_of(ask): ask for ask in row.asks}
        for approval_id in before - now.keys():
            self._change("DELETE FROM asks WHERE session=? AND ask_id=?", (number, approval_id))
        for approval_id, ask in now.items():
            if approval_id not in before:
                self._change(
                    "INSERT INTO asks(session, ask_id, ask) VALUES(?,?,?)",
                    (number, approval_id, self._codec.encode(ask)),
                )

    def keep_answer(self, number: int, answer: KeptAnswer, kept: int) -> None:
        """The oldest beyond ``kept`` go."""
        self._change(
            "INSERT OR REPLACE INTO answers(session, name, fingerprint, body) VALUES(?,?,?,?)",
            (number, answer.key.name, answer.key.fingerprint, answer.body),
        )
        self._change(
            "DELETE FROM answers WHERE session=?1 AND number <= "
            "(SELECT number FROM answers WHERE session=?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            (number, kept),
        )

    def delete(self, number: int) -> None:
        self._change("DELETE FROM sessions WHERE number=?", (number,))
        for table in ("prompts", "asks", "answers"):
            self._change(f"DELETE FROM {table} WHERE session=?", (number,))  # noqa: S608 - our own names


def _prompts(row: SessionRow) -> dict[int, tuple[QueuedPrompt, bool]]:
    known = {queued.prompt.number: (queued, True) for queued in row.queue}
    if row.current is not None:
        known[row.current.prompt.number] = (row.current, False)
    return known
