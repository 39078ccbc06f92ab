"""What is kept keeps its meaning: a journal of an older version is read, one of a newer is no damage."""

import json
import lzma
import sqlite3
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from sandbox_agent.actors.journal.interface import Entry
from sandbox_agent.actors.journal.migrations import MIGRATIONS
from sandbox_agent.actors.journal.row_codec import Segment, UnknownEventType
from sandbox_agent.actors.journal.sqlite_file import FILE
from sandbox_agent.schema.encode import EncodedEvent
from sandbox_agent.schema.events import EVENT_KINDS, EventType

from .journal_life import event, life, row

TYPES: tuple[EventType, ...] = get_args(EventType)

ON_DISK = {
    1: "session.started=a session.ended=b turn.started=c turn.ended=d item.started=e item.delta=f item.completed=g "
    "error=h permission.requested=i permission.resolved=j question.requested=k question.resolved=l agent.unparsed=m",
}
"""By version of the tables. What stands here has been on disks: add a version, change none."""

VERSION_1 = Path(__file__).parent / "journals" / "version-1.db.xz"
"""Written by the commit 59e93fe: one session that has ended, with an event of every type."""


def test_no_letter_changes_its_meaning_and_a_new_one_takes_a_new_version_of_the_tables():
    assert " ".join(f"{type_}={kind.letter}" for type_, kind in EVENT_KINDS.items()) == ON_DISK[len(MIGRATIONS)]
    for older, newer in zip(ON_DISK, list(ON_DISK)[1:], strict=False):
        assert ON_DISK[newer].startswith(ON_DISK[older])
    assert set(EVENT_KINDS) == set(TYPES)
    assert len({kind.letter for kind in EVENT_KINDS.values()}) == len(TYPES)


def test_the_bytes_of_a_segment_are_these():
    events = [
        EncodedEvent(3, "item.delta", False, b'{"n":3}', None),
        EncodedEvent(4, "turn.ended", True, b"{}", b"raw"),
    ]
    segment = Segment.pack(events)
    assert segment == Segment(b'f{"n":3}\nD{}', b"\nraw")
    assert segment.unpack(3) == events


@pytest.mark.parametrize("ends", [False, True])
def test_every_type_comes_back_whatever_its_place_in_the_literal(ends: bool):
    events = [EncodedEvent(n, kind, ends, b"{}", None) for n, kind in enumerate(TYPES, 1)]
    assert Segment.pack(events).unpack(1) == events


@pytest.mark.parametrize("letter", [b"n", b"N", b"z"])
def test_a_letter_of_a_newer_version_is_named_as_such(letter: bytes):
    with pytest.raises(UnknownEventType, match=f"event 8 .*letter {letter.decode()!r}.*newer version"):
        Segment(b"a{}\n" + letter + b"{}", None).unpack(7)


@pytest.mark.parametrize("line", [b"", b"{}", b"\xff{}"])
def test_what_is_no_letter_is_damage(line: bytes):
    with pytest.raises((ValueError, IndexError)):
        Segment(line, None).unpack(1)


async def test_a_journal_of_version_1_is_read(tmp_path: Path):
    (tmp_path / FILE).write_bytes(lzma.decompress(VERSION_1.read_bytes()))
    async with life(tmp_path) as journal:
        ((kept, log),) = await journal.rows()
        events = (await log.read(0, 1 << 20)).events
        assert (kept.session_id, kept.ended, kept.turns, log.last) == ("s", True, 5, 41)
        told = [json.loads(e.plain) for e in events]
        assert [e.type for e in events] == [e["type"] for e in told]
        assert {e["type"] for e in told} == set(ON_DISK[1].replace("=", " ").split()[::2])
        assert [e["sequence"] for e in told] == list(range(1, 42))
        ending = Counter(e.type for e in events if e.ends_stream)
        assert ending == {"turn.ended": 5, "error": 1, "session.ended": 1}


async def test_a_journal_with_a_newer_event_is_not_taken_for_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with life(tmp_path, tail_bytes=1) as journal:
        await journal.create(row())
        await journal.write(Entry("s", events=[event(1)]))
        await journal.write(Entry("s", events=[event(2)]))
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(
            "UPDATE segments SET heads = CAST('z' || substr(CAST(heads AS TEXT), 2) AS BLOB) WHERE first = 1"
        )
    connection.close()
    for _ in range(2):
        async with life(tmp_path) as journal:
            ((_, log),) = await journal.rows()
            with pytest.raises(UnknownEventType):
                await log.read(0, 1000)
            assert journal.health().troubles == ()


def test_bytes_of_an_agent_that_an_earlier_version_kept_are_served_as_valid_text():
    raw = b'{"type":"assistant","x":"\xff","y":"\xed\xa0\x80"}'
    segment = Segment(b'm{"n":3\nD{"n":4\nm{"\xc3":1', raw + b"\n\n" + raw)
    events = segment.unpack(3)
    assert [event.sequence for event in events] == [3, 4, 5]
    assert [json.loads(event.full.decode()).get("raw", None) is None for event in events] == [False, True, False]
    mended = EncodedEvent(3, "agent.unparsed", False, b'{"n":3', raw.decode(errors="replace").encode())
    assert events[0] == mended
