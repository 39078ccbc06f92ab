"""A file system that does not answer holds one thread, and neither its reader nor anybody else."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trio.testing

from sandbox_agent.actors.files import reader
from sandbox_agent.actors.files.foreign_file import read_file
from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.schema.foreign.not_readable import NotReadable

from ...patience import PATIENCE

LIMIT = 1000
TIMEOUT = 10 * PATIENCE
"""Longer than any test waits: it is over when the clock is set."""

NO_ANSWER = f"cannot be read: there was no answer within {TIMEOUT:g} s"


class Mount:
    """Files named "hangs…" do not answer until :meth:`wake`."""

    def __init__(self) -> None:
        self._awake = threading.Event()
        self._reached = threading.Semaphore(0)
        self.hung = 0

    def read(self, path: str, limit: int, **_: object) -> bytes | None:
        if Path(path).name.startswith("hangs"):
            self.hung += 1
            self._reached.release()
            self._awake.wait()
        return read_file(path, limit)

    async def reached(self, count: int = 1) -> None:
        """Wait until so many more reads hang."""
        for _ in range(count):
            assert await trio.to_thread.run_sync(self._reached.acquire, True, PATIENCE)

    def wake(self) -> None:
        self._awake.set()


@pytest.fixture
def clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(rate=1.0)


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    mount = Mount()
    monkeypatch.setattr(reader, "read_file", mount.read)
    yield mount
    mount.wake()


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():
            await trio.sleep(0.01)


async def refused(read: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(NotReadable) as error:
        await read()
    assert str(error.value) == NO_ANSWER


async def test_a_file_that_does_not_answer_is_given_up_and_not_tried_again_while_it_hangs(
    mount: Mount, clock: trio.testing.MockClock, tmp_path: Path
):
    files, path = ForeignFiles(TIMEOUT), tmp_path / "hangs"
    path.write_text("content")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refused, lambda: files.read(path, LIMIT))
        await mount.reached()
        clock.jump(TIMEOUT)
    for _ in range(50):
        await refused(lambda: files.read(path, LIMIT))
    assert mount.hung == 1
    assert repr(files) == f"<ForeignFiles threads=1 hanging={[str(path)]}>"
    (tmp_path / "other").write_text("other")
    assert await files.read(tmp_path / "other", LIMIT) == b"other"
    mount.wake()
    await until(lambda: repr(files) == "<ForeignFiles threads=0 hanging=[]>")
    assert await files.read(path, LIMIT) == b"content"


async def test_a_caller_that_is_cancelled_does_not_wait_for_it(mount: Mount, tmp_path: Path):
    files, path = ForeignFiles(0), tmp_path / "hangs"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(files.read, path, LIMIT)
        await mount.reached()
        nursery.cancel_scope.cancel()
    with pytest.raises(NotReadable):
        await files.read(path, LIMIT)
    assert mount.hung == 1


async def test_of_several_files_those_that_answer_are_read(mount: Mount, clock: trio.testing.MockClock, tmp_path: Path):
    files = ForeignFiles(TIMEOUT)
    a, hangs, none, b = names = [str(tmp_path / name) for name in ("a", "hangs", "none", "b")]
    for path in (a, b):
        Path(path).write_text(Path(path).name)

    async def look() -> None:
        found = await files.read_all(names, LIMIT)
        assert {path: str(content) for path, content in found.items()} == {a: "b'a'", hangs: NO_ANSWER, b: "b'b'"}
        assert none not in found

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await mount.reached()
        clock.jump(TIMEOUT)
    await look()
    assert mount.hung == 1


async def test_many_files_that_hang_take_no_more_than_two_timeouts(
    mount: Mount, clock: trio.testing.MockClock, tmp_path: Path
):
    files = ForeignFiles(TIMEOUT)
    names = [str(tmp_path / f"hangs{number}") for number in range(50)]

    async def look() -> None:
        found = await files.read_all(names, LIMIT)
        assert {path: str(content) for path, content in found.items()} == dict.fromkeys(names, NO_ANSWER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        for _ in range(reader.TRIES):
            await mount.reached()
            clock.jump(TIMEOUT)
    assert mount.hung == reader.TRIES


async def test_what_hangs_does_not_hold_the_threads_that_all_share(
    mount: Mount, clock: trio.testing.MockClock, tmp_path: Path
):
    files = ForeignFiles(TIMEOUT)
    async with trio.open_nursery() as nursery:
        for number in range(reader.THREADS + 20):
            nursery.start_soon(refused, lambda path=tmp_path / f"hangs{number}": files.read(path, LIMIT))
        await mount.reached(reader.THREADS)
        clock.jump(TIMEOUT)
    assert mount.hung == reader.THREADS
    assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0


async def test_an_answer_that_comes_with_the_timeout_leaves_nothing_behind(
    mount: Mount, clock: trio.testing.MockClock, tmp_path: Path
):
    """By turns a little earlier, and a little later."""
    (tmp_path / "file").write_text("content")

    async def read(files: ForeignFiles) -> None:
        with suppress(NotReadable):
            assert await files.read(tmp_path / "file", LIMIT) == b"content"

    for turns in range(100):
        files = ForeignFiles(TIMEOUT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, files)
            for _ in range(turns % 10):
                await trio.lowlevel.checkpoint()
            clock.jump(TIMEOUT)
        await until(lambda files=files: repr(files) == "<ForeignFiles threads=0 hanging=[]>")
