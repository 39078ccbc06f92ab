"""What is more than a row of the journal can hold refuses its command, and nothing else suffers."""

import sqlite3
from pathlib import Path

import pytest
import trio
from attrs import evolve

from sandbox_agent.actors.journal import sqlite as store
from sandbox_agent.schema.api.sessions import MessageAttachment, MessageRequest
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import MOST_IN_ONE_ROW, Settings

from ..house import house

ROW = 200_000
"""Bytes. SQLite's own limit is a billion."""


@pytest.fixture
def small_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = store.connect

    def limited(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # pyright: ignore
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW)
        return connection

    monkeypatch.setattr(store, "connect", limited)


@pytest.mark.usefixtures("small_rows")
async def test_a_prompt_that_no_row_holds_is_refused_and_the_journal_goes_on(tmp_path: Path):
    async with house(data_dir=str(tmp_path)) as h:
        log, other = await h.create("s"), await h.create("other")
        for _ in range(4):
            with pytest.raises(Problem, match="it is too large to be kept") as refused:
                await h.send("x" * 2 * ROW)
            assert refused.value.status == 400
        assert await h.turn(log, "hello")
        assert await h.turn(other, "hello", "other")
        assert dict(h.daemon.actor_restarts()).get("journal", 0) == 0
        assert h.daemon.actor_restarts()["session"] == 0


@pytest.mark.usefixtures("small_rows")
async def test_those_that_share_its_commit_do_not_suffer(tmp_path: Path):
    async with house(data_dir=str(tmp_path)) as h:
        logs = {name: await h.create(name) for name in ("a", "b", "c", "d")}

        async def refuse() -> None:
            with pytest.raises(Problem, match="too large"):
                await h.send("x" * 2 * ROW, "a")

        async with trio.open_nursery() as nursery:
            for name in ("b", "c", "d"):
                nursery.start_soon(h.turn, logs[name], "hello", name)
                nursery.start_soon(refuse)


async def test_attachments_are_bounded_together_before_they_are_read(tmp_path: Path):
    picture = tmp_path / "picture.png"
    picture.touch()
    picture_bytes = 20 << 20
    with picture.open("r+b") as file:
        file.truncate(picture_bytes)
    async with house(mock_step_ms=0.0) as h:
        await h.create(directory=str(tmp_path))
        # An agent that takes pictures inline, as all others do.
        definitions = h.daemon._catalog._definitions
        definitions["mock"] = evolve(definitions["mock"], inline_mimes=("image/png",))
        attachment = MessageAttachment("picture.png", "image/png")
        for count in (2, 40):
            with pytest.raises(Problem, match=r"picture.png is too large: those of one prompt may have 12582912 bytes"):
                await h.daemon.send("s", MessageRequest("look", (attachment,) * count))
        assert await h.daemon.send("s", MessageRequest("look", (attachment,)))


def test_no_setting_lets_a_row_grow_beyond_what_sqlite_holds():
    for name in ("max_body_bytes", "max_attachments_bytes", "max_line_bytes"):
        with pytest.raises(ValueError, match=f"setting {name} must be at most {MOST_IN_ONE_ROW}"):
            Settings(**{name: MOST_IN_ONE_ROW + 1})
