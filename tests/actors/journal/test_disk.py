"""The journal on disk: what was visible is there again, in order, whatever life it is read in."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.files.directory_lock import DataDirectoryRefused, DirectoryLock
from sandbox_agent.actors.journal.event_log import Expired
from sandbox_agent.actors.journal.group_commit import GroupCommit, Job
from sandbox_agent.actors.journal.interface import CommandKey, Entry, JournalUnavailable, KeptAnswer, QueuedPrompt
from sandbox_agent.actors.journal.migrations import MIGRATIONS
from sandbox_agent.actors.journal.outage import Outage
from sandbox_agent.actors.journal.row_codec import RowCodec, Segment
from sandbox_agent.actors.journal.sqlite import SqliteStore
from sandbox_agent.actors.journal.sqlite_file import FILE
from sandbox_agent.actors.kernel.failpoints import Failpoints
from sandbox_agent.schema.agents.dialect import Attachment, Prompt
from sandbox_agent.schema.events import PermissionEventData, QuestionEventData, QuestionOption, QuestionPart

from ...patience import PATIENCE
from ..house import house, said
from .journal_life import all_of, event, life, row

ANSWER = KeptAnswer(CommandKey("k", "print"), b'{"turnId":"turn_1"}')


async def test_what_was_written_is_there_in_the_next_life(tmp_path: Path):
    prompt = Prompt(1, "go", (Attachment("/a.png", "image/png", "a.png", b"\0\xff"),))
    ask = PermissionEventData("p", "Bash", "requested", {"command": "ls"})
    question = QuestionEventData(
        "q", "which?", ("a",), None, "requested", (QuestionPart("which?", (QuestionOption("a"),)),)
    )
    kept = row(
        native_session_id="n",
        resume="n",
        prompts=2,
        turns=2,
        items=4,
        settled=1,
        queue=(QueuedPrompt(Prompt(2, "next"), "turn_2", 7),),
        current=QueuedPrompt(prompt, "turn_1", 5),
        asks=(ask, question),
    )
    async with life(tmp_path) as journal:
        log = await journal.create(row())
        events = [event(1, raw=b'{"a":1}'), event(2), event(3, ends=True)]
        await journal.write(Entry("s", kept, events, (ANSWER,)))
        first_id = journal.journal_id
    assert log.closed
    async with life(tmp_path) as journal:
        assert journal.journal_id == first_id == journal.feed.log_id
        ((found, log),) = await journal.rows()
        assert found == kept == journal.row("s")
        assert (log.first, log.last, log.log_id, log.size) == (1, 3, "log-s", 0)
        assert (await log.read(0, 1 << 20)).events == events
        assert [e.raw for e in (await log.read(0, 1 << 20, raw=False)).events] == [None] * 3
        assert await journal.answer("s", "k") == ANSWER
        assert await journal.answer("s", "other") is None


async def test_the_feed_goes_on_at_its_position_and_tells_of_deleted_sessions(tmp_path: Path):
    async with life(tmp_path) as journal:
        for name in ("a", "b"):
            await journal.create(row(name))
        for n in range(1, 4):
            await journal.write(Entry("a", events=[event(n)]))
            await journal.write(Entry("b", events=[event(n)]))
        await journal.delete("a")
        assert journal.feed.gone == 5
    async with life(tmp_path) as journal:
        feed = journal.feed
        assert (feed.gone, feed.last) == (5, 6)
        with pytest.raises(Expired):
            await feed.read(3, 1000)
        batch = await feed.read(3, 1000, told=5)
        assert (list(batch.positions), batch.last) == ([4, 6], 6)
        await journal.delete("b")
        batch = await feed.read(5, 1000, told=6)
        assert (list(batch.positions), batch.last) == ([], 6)
        await journal.create(row("a"))
        await journal.write(Entry("a", events=[event(1)]))
        assert list((await feed.read(6, 1000)).positions) == [7]


async def test_what_has_left_the_tail_is_read_from_disk_without_a_gap(tmp_path: Path):
    async with life(tmp_path, tail_bytes=2000) as journal:
        log = await journal.create(row())
        other = await journal.create(row("other"))
        expected: list[tuple[int, int]] = []
        for start in range(1, 200, 7):
            await journal.write(Entry("s", events=[event(n) for n in range(start, start + 7)]))
            await journal.write(Entry("other", events=[event(start // 7 + 1)]))
            expected += [(n, n) for n in range(start, start + 7)]
        assert log.size <= 2000
        for after in (0, 1, 6, 7, 100, len(expected) - 8, len(expected) - 1):
            assert await all_of(log, after) == expected[after:]
        assert [position for position, _ in await all_of(journal.feed)] == list(range(1, journal.feed.last + 1))
        assert other.last == len(range(1, 200, 7))


async def test_a_reader_that_follows_while_others_write_gets_exactly_the_suffix(tmp_path: Path):
    got: list[int] = []
    async with life(tmp_path, tail_bytes=1000) as journal:
        log = await journal.create(row())

        async def follow() -> None:
            after = 0
            while after < 500:
                await log.wait_beyond(after)
                batch = await log.read(after, 700)
                got.extend(e.sequence for e in batch.events)
                after = batch.last

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            for start in range(1, 501, 5):
                await journal.write(Entry("s", events=[event(n) for n in range(start, start + 5)]))
    assert got == list(range(1, 501))


async def test_answers_are_kept_within_bounds_and_the_oldest_go(tmp_path: Path):
    async with life(tmp_path, answers_kept=3) as journal:
        await journal.create(row())
        for n in range(6):
            await journal.write(Entry("s", answers=(KeptAnswer(CommandKey(f"k{n}", "p"), b"null"),)))
        kept = [n for n in range(6) if await journal.answer("s", f"k{n}") is not None]
        assert kept == [3, 4, 5]


async def test_a_cancelled_write_still_happens_and_in_order(tmp_path: Path):
    async with life(tmp_path) as journal:
        log = await journal.create(row())
        with trio.CancelScope() as scope:
            scope.cancel()
            await journal.write(Entry("s", events=[event(1)]))
        assert scope.cancelled_caught
        await journal.write(Entry("s", events=[event(2)]))
        assert await all_of(log) == [(1, 1), (2, 2)]


async def test_a_second_daemon_on_the_same_directory_is_refused_and_told_who_has_it(tmp_path: Path):
    async with life(tmp_path):
        with pytest.raises(DataDirectoryRefused, match=r"in use by another daemon \(pid \d+\).*--data-dir"):
            DirectoryLock.take(tmp_path)
    lock = DirectoryLock.take(tmp_path)
    assert "held" in repr(lock)
    lock.release()


async def test_a_journal_of_a_newer_schema_is_refused_and_left_alone(tmp_path: Path):
    async with life(tmp_path) as journal:
        await journal.create(row())
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(DataDirectoryRefused, match="newer sandbox-agent"):
        SqliteStore.open(tmp_path / FILE, RowCodec())
    assert (tmp_path / FILE).read_bytes() == before


def test_an_older_schema_is_migrated_and_keeps_what_it_holds(tmp_path: Path):
    path = tmp_path / FILE
    store = SqliteStore.open(path, RowCodec())
    with store.transaction():
        store.rows.create(1, row())
    journal_id = store.journal_id
    store.close()
    newer = (*MIGRATIONS, "CREATE TABLE notes(n INTEGER); ALTER TABLE sessions ADD COLUMN note TEXT;")
    migrated = SqliteStore.open(path, RowCodec(), migrations=newer)
    assert [found.row for found in migrated.rows.load()] == [row()]
    assert migrated.journal_id == journal_id
    migrated.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path):
    path = tmp_path / FILE
    SqliteStore.open(path, RowCodec()).close()
    broken = (*MIGRATIONS, "CREATE TABLE notes(n INTEGER); SELECT nonsense;")
    with pytest.raises(DataDirectoryRefused, match="no such column"):
        SqliteStore.open(path, RowCodec(), migrations=broken)
    store = SqliteStore.open(path, RowCodec())
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name='notes'").fetchone() == (0,)
    connection.close()


async def test_a_damaged_file_is_set_aside_and_named_and_never_deleted(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"this is no database" * 1000)
    async with life(tmp_path) as journal:
        assert await journal.rows() == []
        await journal.create(row())
    (aside,) = tmp_path.glob("journal.db.damaged-*")
    assert aside.read_bytes() == b"this is no database" * 1000
    assert "set aside" in "".join(journal.health().troubles)
    assert aside.name in "".join(journal.health().troubles)


@pytest.mark.parametrize("raws", [(None, None), (b'{"a":1}', None), (b"1", b"2")])
def test_a_segment_comes_back_as_it_was(raws: tuple[bytes | None, bytes | None]):
    events = [event(5, raw=raws[0]), event(6, raw=raws[1], ends=True)]
    assert Segment.pack(events).unpack(5) == events


async def test_a_session_goes_on_in_the_next_life_of_the_daemon(tmp_path: Path):
    on_disk = partial(house, ephemeral=False, data_dir=str(tmp_path))
    async with on_disk() as h:
        log = await h.create()
        await h.turn(log, "echo one")
        before = [e.plain for e in (await log.read(0, 1 << 20)).events]
    async with on_disk() as h:
        (info,) = (await h.daemon.list_sessions()).sessions
        assert (info.status, info.event_count, info.log_id) == ("suspended", len(before), log.log_id)
        log = await h.daemon.log("s")
        assert [e.plain for e in (await log.read(0, 1 << 20)).events] == before
        assert await h.send("echo two") == "turn_2"
        while (await h.daemon.session_info("s")).status != "idle":
            await log.wait_beyond(log.last)
        events = [json.loads(e.plain) for e in (await log.read(len(before), 1 << 20)).events]
        assert said(events[-1]) == "turn.ended completed"
        assert "agent.restarted" in json.dumps(events)


async def test_a_writer_that_dies_fails_also_what_was_not_yet_handed_to_it(tmp_path: Path):
    def broken(_: SqliteStore) -> None:
        raise RuntimeError("a bug of ours")

    store = SqliteStore.open(tmp_path / FILE, RowCodec())
    writer = GroupCommit(store, Failpoints(), 0.1, lambda _: None, Outage(1.0))
    bad = writer.put(Job(broken, lambda: None))
    writer._give()
    late = writer.put(Job(lambda _: None, lambda: None))
    with trio.fail_after(PATIENCE), pytest.raises(RuntimeError):
        await trio.to_thread.run_sync(writer.run)
    with trio.fail_after(PATIENCE):
        for job in (bad, late):
            with pytest.raises(JournalUnavailable):
                await job.wait()
    store.close()
