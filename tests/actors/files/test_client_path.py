"""Paths that clients name: whatever the system has against one is theirs to mend, and is told with its name."""

import errno
import os
from pathlib import Path

import pytest

from sandbox_agent.actors.files.client_path import Room, attached_file, working_directory
from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.machine.working_directory import placed
from sandbox_agent.schema.problems import Problem

from ...patience import PATIENCE

LONG = "n" * 300


def loop_in(directory: Path) -> str:
    link = directory / "loop"
    link.symlink_to(link)
    return str(link)


def file_in(directory: Path) -> str:
    (directory / "file").write_text("")
    return str(directory / "file")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("relative", "must be an absolute path; got 'relative'"),
        (lambda directory: f"{directory}/none", "directory not found: /"),
        (f"/{LONG}", "File name too long"),
        ("/" + "deep/" * 2000, "10001 characters) cannot be used: File name too long"),
        ("/tmp/\0", "cannot be used: embedded null byte"),
        ("/tmp/\ud800", "/tmp/\\ud800 cannot be used: 'utf-8' codec"),
        (loop_in, "loop cannot be used: Too many levels of symbolic links"),
        (file_in, "file cannot be used: Not a directory"),
        (lambda directory: file_in(directory) + "/below", "file/below cannot be used: Not a directory"),
    ],
    ids=["relative", "none", "long", "deep", "NUL", "surrogate", "loop", "file", "below a file"],
)
async def test_a_directory_that_cannot_be_is_the_clients_mistake(tmp_path: Path, name, reason: str):
    with pytest.raises(Problem) as refused:
        await working_directory(name if isinstance(name, str) else name(tmp_path), ForeignFiles(PATIENCE))
    assert refused.value.status == 400
    assert reason in refused.value.detail
    refused.value.detail.encode()  # can be sent


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.txt", "attachment not found: none.txt (relative paths start at "),
        (LONG, "cannot be opened: File name too long"),
        ("\0", "cannot be opened: embedded null byte"),
        ("\ud800", "\\ud800 cannot be opened: 'utf-8' codec"),
        ("loop", "loop cannot be opened: Too many levels of symbolic links"),
        ("file/below", "file/below cannot be used: Not a directory"),
        (".", "attachment . is not a regular file"),
        ("pipe", "attachment pipe is not a regular file"),
        ("/dev/zero", "attachment /dev/zero is not a regular file"),
        ("large", "attachment large has 11 bytes; at most 10 are read"),
    ],
    ids=["none", "long", "NUL", "surrogate", "loop", "below a file", "directory", "pipe", "device", "large"],
)
async def test_an_attachment_that_cannot_be_is_the_clients_mistake(tmp_path: Path, name: str, reason: str):
    loop_in(tmp_path)
    file_in(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("elevenbytes")
    with pytest.raises(Problem) as refused:
        await attached_file(name, str(tmp_path), Room(10, 100), ForeignFiles(PATIENCE))
    assert refused.value.status == 400
    assert reason in refused.value.detail
    refused.value.detail.encode()


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.EACCES, errno.ENOTCONN, errno.EHOSTDOWN])
async def test_a_file_system_that_fails_is_not_the_daemons_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def fail(path: str, *_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(Problem) as refused:
        await working_directory(str(tmp_path), ForeignFiles(PATIENCE))
    assert refused.value.status == 400
    assert f"{tmp_path} cannot be used: {os.strerror(number)}" in refused.value.detail


async def test_a_want_of_descriptors_is_not_the_clients_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(path: str, *_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Too many open files"):
        await working_directory(str(tmp_path), ForeignFiles(PATIENCE))


async def test_what_is_attached_is_read_up_to_the_limit_and_only_when_it_is_wanted(tmp_path: Path):
    (tmp_path / "ten").write_text("tencharact")
    read = await attached_file("ten", str(tmp_path), Room(10, 100), ForeignFiles(PATIENCE))
    assert (read.path, read.content) == (str(tmp_path / "ten"), b"tencharact")
    assert (await attached_file(str(tmp_path / "ten"), "/", None, ForeignFiles(PATIENCE))).content is None


async def test_a_directory_is_told_as_it_was_named(tmp_path: Path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    for name in (str(link), f"{link}/", f"{tmp_path}/real/../link", f"{tmp_path}//real"):
        assert await working_directory(name, ForeignFiles(PATIENCE)) == name


def test_pwd_is_the_name_that_leads_to_the_directory_and_oldpwd_is_gone(tmp_path: Path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real")
    real = os.path.realpath(tmp_path / "real")
    ours = {"PWD": "/where/we/stand", "OLDPWD": "/where/we/were", "HOME": "/h"}
    assert placed(ours, str(link)) == {"PWD": str(link), "HOME": "/h"}
    assert placed({}, f"{link}//") == {"PWD": str(link)}
    assert placed({}, f"{tmp_path}/real/../link") == {"PWD": real}
    assert placed({}, "/") == {"PWD": "/"}
