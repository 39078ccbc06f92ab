"""A journal that is not sound: it is noticed, set aside and named, and the daemon goes on; nothing is ever deleted."""

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.files.directory_lock import DataDirectoryRefused
from sandbox_agent.actors.journal.event_log import Expired
from sandbox_agent.actors.journal.integrity_check import IntegrityCheck
from sandbox_agent.actors.journal.interface import Entry
from sandbox_agent.actors.journal.quarantine import set_aside, unsound
from sandbox_agent.actors.journal.row_codec import RowCodec
from sandbox_agent.actors.journal.sqlite import SqliteStore
from sandbox_agent.actors.journal.sqlite_file import APPLICATION_ID, FILE
from sandbox_agent.schema.problems import Problem

from ...patience import PATIENCE
from ..house import house
from .journal_life import FrozenClock, event, life, row

on_disk = partial(house, ephemeral=False)


async def a_journal(directory: Path) -> Path:
    """One with 40 sessions of 100 kB each, all of it in the file."""
    async with life(directory) as journal:
        for n in range(40):
            await journal.create(row(f"s{n}"))
            await journal.write(Entry(f"s{n}", events=[event(i, size=10_000) for i in range(1, 11)]))
    path = directory / FILE
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


def garble_a_page_of_a_tree(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name='segments_of_session'").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)


def garble_the_middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096 * 50)


def garble_a_row(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE sessions SET row='{"session_id": 7}' WHERE number=3""")
    connection.close()


def lose_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE asks")
    connection.close()


def mark(path: Path) -> None:
    path.with_name(f"{FILE}.unsound").write_text("found earlier\n")


@pytest.mark.parametrize("damage", [cut_in_half, garble_a_page_of_a_tree, garble_a_row, lose_a_table, mark])
async def test_what_is_found_at_the_start_is_set_aside_and_the_daemon_begins_anew(
    tmp_path: Path, damage: Callable[[Path], None]
):
    path = await a_journal(tmp_path)
    damage(path)
    damaged = path.read_bytes()
    async with life(tmp_path, journal_check=10) as journal:
        assert await journal.rows() == []
        (trouble,) = journal.health().troubles
        (aside,) = tmp_path.glob("journal.db.damaged-*[0-9]")
        assert str(aside) in trouble
        assert aside.read_bytes() == damaged
        await journal.create(row())
        await journal.write(Entry("s", events=[event(1)]))
    async with life(tmp_path, journal_check=10) as journal:
        assert [found.session_id for found, _ in await journal.rows()] == ["s"]
        assert journal.health().troubles == ()


async def test_what_is_found_only_later_is_told_and_set_aside_by_the_next_start(tmp_path: Path):
    path = await a_journal(tmp_path)
    garble_the_middle(path)
    async with life(tmp_path, journal_check=0) as journal:
        assert len(await journal.rows()) == 40
        while not journal.health().troubles:
            await trio.sleep(0.01)
        (trouble,) = journal.health().troubles
        assert str(path) in trouble
        assert "the next start sets it aside" in trouble
        assert unsound(path) is not None
        assert journal.writable
        await journal.write(Entry("s39", events=[event(11)]))
    async with life(tmp_path) as journal:
        assert await journal.rows() == []
        assert list(tmp_path.glob("journal.db.damaged-*[0-9]"))
        assert unsound(path) is None


async def test_a_reader_that_meets_damage_is_told_that_this_is_gone_and_goes_on(tmp_path: Path):
    path = await a_journal(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE segments SET heads=x'00ff' WHERE session=5")
    connection.close()
    async with life(tmp_path) as journal:
        logs = {row.session_id: log for row, log in await journal.rows()}
        with pytest.raises(Expired, match="no longer keeps"):
            await logs["s4"].read(0, 1 << 20)
        assert (logs["s4"].gone, logs["s4"].first) == (10, 11)
        assert (await logs["s4"].read(0, 1 << 20, told=10)).events == ()
        assert len((await logs["s5"].read(0, 1 << 20)).events) == 10
        assert "is damaged" in journal.health().troubles[0]


def break_the_schema(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_schema SET rootpage=999999 WHERE name='segments'")
        version = connection.execute("PRAGMA schema_version").fetchone()[0]
        connection.execute(f"PRAGMA schema_version={version + 1}")
    connection.close()


def drop_a_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE segments")
    connection.close()


@pytest.mark.parametrize("damage", [break_the_schema, drop_a_table])
async def test_a_journal_that_is_damaged_under_a_running_daemon_is_set_aside_and_the_daemon_goes_on(
    tmp_path: Path, damage: Callable[[Path], None]
):
    async with on_disk(data_dir=str(tmp_path), restart_backoff=0.01) as h:
        log = await h.create()
        await h.turn(log, "echo one")
        damage(tmp_path / FILE)
        with pytest.raises((Problem, AssertionError)), trio.fail_after(PATIENCE):  # refused, or its log was closed
            await h.turn(log, "burst 50 2000")
        with trio.fail_after(PATIENCE):
            while not any("set aside" in problem for problem in h.daemon.health().problems):
                await trio.sleep(0.01)
            while not h.daemon.health().accepting:
                await trio.sleep(0.01)
        assert log.closed
        (aside,) = tmp_path.glob("journal.db.damaged-*[0-9]")
        assert str(aside) in "".join(h.daemon.health().problems)
        assert (await h.daemon.list_sessions()).sessions == ()
        log = await h.create("after")
        await h.turn(log, "echo two", "after")


@pytest.mark.parametrize("rest", ["", "-wal"])
async def test_an_empty_file_or_one_without_its_wal_is_no_damage(tmp_path: Path, rest: str):
    async with life(tmp_path) as journal:
        await journal.create(row())
    path = tmp_path / FILE
    if rest:
        path.with_name(f"{FILE}-wal").unlink(missing_ok=True)
    else:
        path.write_bytes(b"")
    async with life(tmp_path) as journal:
        assert len(await journal.rows()) == (1 if rest else 0)
        assert not list(tmp_path.glob("*damaged*"))


async def test_a_wal_of_garbage_loses_only_what_was_in_it(tmp_path: Path):
    path = await a_journal(tmp_path)
    path.with_name(f"{FILE}-wal").write_bytes(b"\xa5" * 100_000)
    async with life(tmp_path, journal_check=10) as journal:
        assert len(await journal.rows()) == 40
        assert journal.health().troubles == ()


def directory_in_its_place(path: Path) -> None:
    path.mkdir()


def a_database_of_others(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes(n)")
        connection.execute("PRAGMA user_version=1")
    connection.close()


def our_number_on_another_database(path: Path) -> None:
    a_database_of_others(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID + 1}")
    connection.close()


@pytest.mark.parametrize("obstacle", [directory_in_its_place, a_database_of_others, our_number_on_another_database])
async def test_what_is_not_ours_is_refused_and_left_alone(tmp_path: Path, obstacle: Callable[[Path], None]):
    path = tmp_path / FILE
    obstacle(path)
    with pytest.raises(DataDirectoryRefused, match=r"journal\.db"):
        SqliteStore.open(path, RowCodec())
    assert path.exists()


async def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExceptionGroup) as refused:
        async with life(tmp_path / "file" / "data"):
            pass
    assert refused.group_contains(DataDirectoryRefused, match="--data-dir")


def test_two_journals_that_are_set_aside_at_the_same_time_by_the_clock_are_both_kept(tmp_path: Path):
    for n in range(2):
        (tmp_path / FILE).write_text(str(n))
        (tmp_path / f"{FILE}-wal").write_text(f"wal {n}")
        set_aside(tmp_path / FILE, FrozenClock())
    kept = sorted(path.read_text() for path in tmp_path.iterdir())
    assert kept == ["0", "1", "wal 0", "wal 1"]


async def test_what_is_set_aside_takes_nothing_of_the_new_journal_with_it(tmp_path: Path):
    """SQLite removes the -wal by its name with the last connection to a database, also to one that was moved."""
    path = await a_journal(tmp_path)
    garble_a_row(path)
    for _ in range(3):
        async with life(tmp_path, tail_bytes=1000) as journal:
            await journal.create(row())
            for n in range(1, 51):
                await journal.write(Entry("s", events=[event(n, size=1000)]))
            await journal.answer("s", "key")
            assert path.with_name(f"{FILE}-wal").exists()
            with sqlite3.connect(path) as connection:
                assert connection.execute("SELECT last FROM sessions").fetchall() == [(50,)]
                connection.execute("UPDATE sessions SET row='{}'")
            connection.close()


def test_a_check_that_is_stopped_tells_nothing(tmp_path: Path):
    store = SqliteStore.open(tmp_path / FILE, RowCodec())
    told: list[str] = []
    check = IntegrityCheck(tmp_path / FILE, told.append)
    check.start(waited_for=True)
    assert check.wait(PATIENCE) is None
    check.stop()
    assert (repr(check), told) == ("<IntegrityCheck ended>", [])
    store.close()


def test_no_reader_makes_a_file_where_there_is_none(tmp_path: Path):
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        IntegrityCheck(tmp_path / FILE, print)
    assert list(tmp_path.iterdir()) == []


def test_full_durability_is_what_sqlite_is_told(tmp_path: Path):
    for durability, level in (("normal", 1), ("full", 2)):
        store = SqliteStore.open(tmp_path / FILE, RowCodec(), durability=durability)
        assert store.durability == level
        store.close()
