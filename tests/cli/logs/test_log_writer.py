"""The log's lines on their way: bounded, in order, and never waited for by whoever logs."""

import errno
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox_agent.cli.logs.outputs import Descriptor, LogFile
from sandbox_agent.cli.logs.writer import LINE_COST, LogWriter

from ...patience import PATIENCE

LIMIT = PATIENCE


def notice(dropped: int) -> bytes:
    return b"dropped %d\n" % dropped


class Gate:
    """An output whose reader the test is."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.written = b""
        self.errors: list[OSError] = []
        self.tries = 0

    def write(self, data: memoryview) -> int:
        self.tries += 1
        self.entered.set()
        assert self.open.wait(LIMIT)
        if self.errors:
            raise self.errors.pop()
        self.written += bytes(data)
        return len(data)

    def writable(self, seconds: float) -> bool:
        return self.open.is_set()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    try:
        yield read, write
    finally:
        os.close(read)
        os.close(write)


def test_lines_keep_their_order_and_all_are_written_at_the_end():
    gate = Gate()
    gate.open.set()
    writer = LogWriter(gate, 1 << 20, notice)
    lines = [b"%d\n" % number for number in range(5000)]
    for line in lines:
        writer.put(line)
    writer.close(LIMIT)
    assert gate.written == b"".join(lines)
    assert writer.dropped == 0


def test_what_finds_no_room_is_dropped_and_told_once_where_it_is_missing():
    gate = Gate()
    writer = LogWriter(gate, 100 * (10 + LINE_COST), notice)
    put = [b"%09d\n" % number for number in range(1000)]
    for line in put:
        writer.put(line)
    assert gate.entered.wait(LIMIT)
    assert writer.dropped == 900
    gate.open.set()
    eventually(lambda: gate.written.count(b"\n") == 101)
    writer.put(b"after\n")
    writer.close(LIMIT)
    assert gate.written == b"".join([*put[:100], b"dropped 900\n", b"after\n"])


def test_the_drops_are_told_also_when_no_line_comes_after_them():
    gate = Gate()
    writer = LogWriter(gate, 10 * (2 + LINE_COST), notice)
    for _ in range(30):
        writer.put(b"x\n")
    gate.open.set()
    eventually(lambda: gate.written == b"x\n" * 10 + b"dropped 20\n")


def test_the_drops_are_told_also_when_all_that_waited_was_one_write():
    gate = Gate()
    writer = LogWriter(gate, 10, notice)
    writer.put(b"x\n")
    assert gate.entered.wait(LIMIT)
    writer.put(b"y\n")
    gate.open.set()
    eventually(lambda: gate.written == b"x\ndropped 1\n")


def test_short_pieces_do_not_make_the_queue_grow():
    gate = Gate()
    writer = LogWriter(gate, 1 << 20, notice)
    for _ in range(100_000):
        writer.put(b"\n")
    assert writer.dropped > 90_000
    gate.open.set()
    writer.close(LIMIT)


def test_a_line_longer_than_the_queue_is_written_when_nothing_else_waits():
    gate = Gate()
    gate.open.set()
    writer = LogWriter(gate, 10, notice)
    writer.put(b"x" * 1000 + b"\n")
    writer.close(LIMIT)
    assert gate.written == b"x" * 1000 + b"\n"


def test_a_write_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sandbox_agent.cli.logs.writer.RETRY", 0.01)
    gate = Gate()
    gate.errors = [OSError(errno.ENOSPC, "full"), OSError(errno.ENOSPC, "full")]
    gate.open.set()
    writer = LogWriter(gate, 1 << 20, notice)
    writer.put(b"one\n")
    eventually(lambda: gate.written == b"one\n")
    assert gate.tries == 3


def test_the_end_does_not_wait_for_an_output_that_takes_nothing():
    gate = Gate()
    writer = LogWriter(gate, 1 << 20, notice)
    writer.put(b"one\n")
    writer.close(0.05)  # the test would not end
    assert gate.written == b""
    gate.open.set()


def test_without_a_thread_lines_wait_and_the_next_line_tries_again(monkeypatch: pytest.MonkeyPatch):
    gate = Gate()
    gate.open.set()
    writer = LogWriter(gate, 1 << 20, notice)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        writer.put(b"one\n")
        assert gate.tries == 0
    writer.put(b"two\n")
    writer.close(LIMIT)
    assert gate.written == b"one\ntwo\n"


def test_without_a_thread_last_words_are_written_by_whoever_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pipe() as (read, write):
        writer = LogWriter(Descriptor(write), 1 << 20, notice)
        writer.put(b"one\n")
        writer.put(b"two\n")
        writer.close(LIMIT)
        assert os.read(read, 100) == b"one\ntwo\n"
        for _ in range(1000):
            writer.put(b"x" * 99 + b"\n")
        writer.close(0.05)  # ends although nobody reads
        os.set_blocking(read, False)
        assert 0 < len(os.read(read, 1 << 20)) < 100_000


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_was_forked_while_a_line_was_put_can_put_too():
    """Between fork and exec a child of ours has one thread; another's lock would be held for ever."""
    gate = Gate()
    gate.open.set()
    writer = LogWriter(gate, 1 << 20, notice)
    os.register_at_fork(after_in_child=writer.after_fork_in_child)
    with writer._lock:
        forked = threading.Event()
        statuses: list[int] = []

        def fork() -> None:
            child = os.fork()
            if child == 0:
                signal.alarm(int(LIMIT))
                writer.put(b"child\n")
                os._exit(0)
            forked.set()
            statuses.append(os.waitpid(child, 0)[1])

        thread = threading.Thread(target=fork, daemon=True)
        thread.start()
        assert forked.wait(LIMIT)
        thread.join(LIMIT)
    assert statuses == [0]


def written(file: LogFile, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def test_a_file_is_set_aside_at_its_size_in_whole_lines(tmp_path: Path):
    path = tmp_path / "log"
    file = LogFile(path, 100, 2)
    lines = [b"%09d\n" % number for number in range(35)]
    written(file, b"".join(lines))
    assert path.read_bytes() == b"".join(lines[30:])
    assert (tmp_path / "log.1").read_bytes() == b"".join(lines[20:30])
    assert (tmp_path / "log.2").read_bytes() == b"".join(lines[10:20])
    assert len(list(tmp_path.iterdir())) == 3


def test_with_no_file_kept_a_full_one_is_begun_anew(tmp_path: Path):
    path = tmp_path / "log"
    written(LogFile(path, 100, 0), b"".join([b"%09d\n" % number for number in range(25)]))
    assert path.read_bytes() == b"".join([b"%09d\n" % number for number in range(20, 25)])
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_longer_than_the_file_may_be_is_one_file(tmp_path: Path):
    path = tmp_path / "log"
    written(LogFile(path, 10, 3), b"a\n" + b"x" * 50 + b"\nb\n")
    assert path.read_bytes() == b"b\n"
    assert (tmp_path / "log.1").read_bytes() == b"x" * 50 + b"\n"


def test_a_file_that_was_moved_removed_or_emptied_is_gone_on_with(tmp_path: Path):
    path = tmp_path / "log"
    file = LogFile(path, 1000, 3)
    written(file, b"one\n")
    path.rename(tmp_path / "moved")
    written(file, b"two\n")
    assert path.read_bytes() == b"two\n"
    path.unlink()
    written(file, b"three\n")
    assert path.read_bytes() == b"three\n"
    os.truncate(path, 0)
    written(file, b"four\n")
    assert path.read_bytes() == b"four\n"
    assert (tmp_path / "moved").read_bytes() == b"one\n"


def test_a_folder_that_is_gone_is_an_error_until_it_is_there_again(tmp_path: Path):
    path = tmp_path / "folder" / "log"
    path.parent.mkdir()
    file = LogFile(path, 1000, 3)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(FileNotFoundError):
        file.write(memoryview(b"one\n"))
    path.parent.mkdir()
    written(file, b"two\n")
    assert path.read_bytes() == b"two\n"


def test_a_file_that_cannot_be_set_aside_stays_within_its_bound(tmp_path: Path):
    path = tmp_path / "log"
    (tmp_path / "log.1" / "in the way").mkdir(parents=True)
    file = LogFile(path, 100, 1)
    written(file, b"".join([b"%09d\n" % number for number in range(25)]))
    assert path.read_bytes() == b"".join([b"%09d\n" % number for number in range(20, 25)])


def test_a_fifo_is_opened_when_it_has_a_reader_and_again_for_the_next(tmp_path: Path):
    path = tmp_path / "log"
    os.mkfifo(path)
    file = LogFile(path, 10, 3)
    with pytest.raises(OSError) as failed:
        file.write(memoryview(b"nobody\n"))
    assert failed.value.errno == errno.ENXIO
    for said in (b"a first line\n", b"a second line\n"):
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        written(file, said)
        assert os.read(reader, 100) == said
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            file.write(memoryview(b"gone\n"))
    assert list(tmp_path.iterdir()) == [path]


def test_the_next_reader_of_a_fifo_gets_whole_lines_though_the_last_one_left_within_one(tmp_path: Path):
    path = tmp_path / "log"
    os.mkfifo(path)
    lines = [bytes([letter]) * 200_000 + b"\n" for letter in b"ab"]  # more than a pipe holds
    file = LogFile(path, 1 << 20, 3)
    writer = LogWriter(file, 1 << 20, notice)
    first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    for line in lines:
        writer.put(line)
    eventually(lambda: is_full(path))
    os.close(first)
    eventually(lambda: "closed" in repr(file))
    with path.open("rb") as second:
        assert [second.readline() for _ in lines] == lines
    writer.close(LIMIT)


def is_full(path: Path) -> bool:
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        return not select.select([], [writer], [], 0)[1]
    finally:
        os.close(writer)


def test_a_file_that_is_removed_for_want_of_room_begins_with_a_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sandbox_agent.cli.logs.writer.RETRY", 0.01)
    path, system, full = tmp_path / "log", os.write, threading.Event()

    def write(descriptor: int, data: memoryview) -> int:
        """A disk on which 20 bytes have room, until somebody removes the log."""
        if threading.current_thread().name != "log" or not path.exists() or len(list(tmp_path.iterdir())) > 1:
            return system(descriptor, data)
        room = 20 - path.stat().st_size
        if room > 0:
            return system(descriptor, data[:room])
        full.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    writer = LogWriter(LogFile(path, 1000, 3), 1000, notice)
    writer.put(b"a first line\n")
    writer.put(b"a second line\n")
    assert full.wait(LIMIT)
    path.rename(tmp_path / "moved")
    eventually(lambda: path.exists() and path.read_bytes() == b"a second line\n")
    assert (tmp_path / "moved").read_bytes() == b"a first line\na secon"
    writer.close(LIMIT)


def test_an_output_that_somebody_made_non_blocking_gets_every_byte():
    with pipe() as (read, write):
        os.set_blocking(write, False)
        writer = LogWriter(Descriptor(write), 1 << 20, notice)
        data = b"x" * 99 + b"\n"
        for _ in range(3000):
            writer.put(data)
        got = b""
        while len(got) < 300_000:
            got += os.read(read, 1 << 16)
        assert got == data * 3000
