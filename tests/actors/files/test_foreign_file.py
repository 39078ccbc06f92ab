"""Files that others put where the daemon reads: none blocks it, fills it, or leads it elsewhere."""

import errno
import os
from pathlib import Path

import pytest

from sandbox_agent.actors.files.foreign_file import list_directory, opened, read_file
from sandbox_agent.schema.foreign.not_readable import NotReadable

LIMIT = 1000


def test_a_regular_file_is_read_up_to_the_limit(tmp_path: Path):
    file = tmp_path / "file"
    for size in (0, 1, LIMIT):
        file.write_bytes(b"x" * size)
        assert read_file(file, LIMIT) == b"x" * size
    file.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(NotReadable, match=r"^has 1001 bytes; at most 1000 are read$"):
        read_file(file, LIMIT)


def test_what_is_not_there_is_none(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert read_file(tmp_path / "none", LIMIT) is None
    assert read_file(tmp_path / "file" / "below", LIMIT) is None
    assert list_directory(tmp_path / "none", LIMIT) is None


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path)


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (pipe, "is not a regular file"),
        (device, "is not a regular file"),
        (terminal, "is not a regular file"),
        (folder, "is not a regular file"),
        (loop, "cannot be opened: Too many levels of symbolic links"),
        (sparse, "has 1099511627776 bytes; at most 1000 are read"),
    ],
)
def test_what_is_no_small_regular_file_neither_blocks_nor_fills_us(tmp_path: Path, make, reason: str):
    make(tmp_path / "settings.json")
    with pytest.raises(NotReadable) as refused:
        read_file(tmp_path / "settings.json", LIMIT)
    assert str(refused.value) == reason


def test_a_file_that_does_not_tell_its_size_is_read_up_to_the_limit():
    with pytest.raises(NotReadable, match=r"^has more than 10 bytes$"):
        read_file("/proc/self/environ", 10)


def test_a_pipe_that_takes_the_files_place_after_the_look_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file, open_ = tmp_path / "settings.json", os.open
    file.write_text("{}")

    def swapped(path: Path, flags: int) -> int:
        file.unlink()
        os.mkfifo(file)
        return open_(path, flags)

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(NotReadable, match=r"^is not a regular file$"):
        read_file(file, LIMIT)


def test_a_pipe_is_not_opened_at_all_because_its_writer_would_notice(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotReadable):
        read_file(tmp_path / "pipe", LIMIT)
    with pytest.raises(OSError, match="No such device") as nobody_reads:
        os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
    assert nobody_reads.value.errno == errno.ENXIO


def test_links_are_followed_unless_that_is_refused(tmp_path: Path):
    (tmp_path / "real").write_text("content")
    (tmp_path / "link").symlink_to("real")
    assert read_file(tmp_path / "link", LIMIT) == b"content"
    with pytest.raises(NotReadable, match=r"^is a symbolic link$"):
        read_file(tmp_path / "link", LIMIT, follow=False)


def test_a_link_does_not_lead_out_of_the_directory_that_it_must_be_in(tmp_path: Path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "folder").mkdir(parents=True)
    (outside / "secret").write_text("secret")
    inside.mkdir()
    (inside / "AGENTS.md").write_text("text")
    (inside / "CLAUDE.md").symlink_to("AGENTS.md")
    (inside / "leak").symlink_to("../outside/secret")
    (inside / "folder").symlink_to("../outside/folder")
    (tmp_path / "alias").symlink_to("inside")
    assert read_file(tmp_path / "alias" / "CLAUDE.md", LIMIT, beneath=tmp_path / "alias") == b"text"
    for leak in ("leak", "../outside/secret"):
        with pytest.raises(NotReadable, match=r"^leads out of "):
            read_file(inside / leak, LIMIT, beneath=inside)
    with pytest.raises(NotReadable, match=r"^leads out of "):
        list_directory(inside / "folder", LIMIT, beneath=inside)


def test_the_names_of_a_directory_are_bounded(tmp_path: Path):
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    assert list_directory(tmp_path, 3) == ("a", "b", "c")
    with pytest.raises(NotReadable, match=r"^holds more than 2 names$"):
        list_directory(tmp_path, 2)
    with pytest.raises(NotReadable, match=r"^is not a directory$"):
        list_directory(tmp_path / "a", 2)


@pytest.mark.parametrize("name", ["\0", "\ud800", "n" * 300])
def test_a_name_that_cannot_be_is_told(name: str):
    with pytest.raises(NotReadable, match=r"^cannot be opened: "):
        read_file(f"/tmp/{name}", LIMIT)


def test_a_shortage_of_ours_is_not_told_as_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()

    def fail(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Too many open files"):
        read_file(tmp_path / "file", LIMIT)


def test_no_descriptor_is_left_open_or_inherited(tmp_path: Path):
    (tmp_path / "file").touch()
    with opened(tmp_path / "file") as handle:
        assert not os.get_inheritable(handle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
