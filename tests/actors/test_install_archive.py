"""Archives that would write where they must not, or more than they may."""

import io
import tarfile
from pathlib import Path

import pytest
from sandbox_agent.actors.install_archive import unpack
from sandbox_agent.actors.install_failure import InstallFailed

from .install_vendor import archive


def never() -> None:
    return


def unpacked(tmp_path: Path, packed: bytes, limit: int = 1 << 20) -> Path:
    (tmp_path / "arrived").write_bytes(packed)
    target = tmp_path / "outer" / "tree"
    target.mkdir(parents=True)
    unpack(tmp_path / "arrived", target, limit, never)
    return target


def special(kind: bytes, name: str, link: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, link
        tar.addfile(member)
    return packed.getvalue()


def test_files_keep_their_bytes_and_whether_they_can_be_run(tmp_path: Path):
    target = unpacked(tmp_path, archive(("bin/tool", b"run me"), ("./share/text", b"x" * 100_000)))
    assert (target / "bin" / "tool").read_bytes() == b"run me"
    assert (target / "share" / "text").stat().st_size == 100_000
    assert (target / "bin" / "tool").stat().st_mode & 0o777 == 0o755


def test_no_file_is_setuid_or_open_to_all(tmp_path: Path):
    target = unpacked(tmp_path, archive(("tool", b""), mode=0o6777))
    assert (target / "tool").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("name", ["../escaped", "bin/../../escaped", "/escaped", "bin/../../../outer/escaped"])
def test_a_name_that_leaves_the_tree_is_refused(tmp_path: Path, name: str):
    with pytest.raises(InstallFailed, match="outside of its directory"):
        unpacked(tmp_path, archive((name, b"evil")))
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("kind", "link"),
    [(tarfile.SYMTYPE, "/etc"), (tarfile.SYMTYPE, "inside"), (tarfile.LNKTYPE, "../arrived"), (tarfile.FIFOTYPE, "")],
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes, link: str):
    with pytest.raises(InstallFailed, match="neither a file nor a directory"):
        unpacked(tmp_path, special(kind, "trick", link))
    assert not list((tmp_path / "outer" / "tree").iterdir())


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path):
    with pytest.raises(InstallFailed, match="more than 1000 bytes"):
        unpacked(tmp_path, archive(("a", b"0" * 600), ("b", b"0" * 600)), limit=1000)


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_a_damaged_archive_is_refused(tmp_path: Path, cut: int):
    with pytest.raises(InstallFailed, match="damaged"):
        unpacked(tmp_path, archive(("a", bytes(range(256)) * 40))[:cut])


def test_what_is_no_archive_is_refused(tmp_path: Path):
    with pytest.raises(InstallFailed, match="damaged"):
        unpacked(tmp_path, b"<html>404</html>")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path):
    with pytest.raises((InstallFailed, FileExistsError)):
        unpacked(tmp_path, archive(("a", b"1"), ("a", b"2")))
