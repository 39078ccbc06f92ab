"""Archives that would write where they must not, or more than they may."""

import gzip
import io
import lzma
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from sandbox_agent.actors.installs import archive as install_archive
from sandbox_agent.actors.installs.archive import unpack
from sandbox_agent.actors.installs.errors import InstallFailed

from .vendor import archive


def never() -> None:
    return


def unpacked(tmp_path: Path, packed: bytes, limit: int = 1 << 20) -> Path:
    tmp_path.mkdir(exist_ok=True)
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


def block(name: bytes, size: int, kind: bytes) -> bytes:
    """A header alone, with a size that it only says."""
    member = tarfile.TarInfo(name.decode())
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_of_any_size_that_it_says_is_not_read_into_memory(tmp_path: Path, kind: bytes):
    """Two gigabytes of zeros are two megabytes of an archive."""
    size = 20 << 20
    packed = gzip.compress(block(b"header", size, kind) + bytes(size), 1)
    tracemalloc.start()
    try:
        with pytest.raises(InstallFailed, match=r"has a header of \d+ bytes; at most 1048576 are read"):
            unpacked(tmp_path, packed)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_headers_before_headers_before_headers_are_refused(tmp_path: Path):
    pax = block(b"header", 6, tarfile.XHDTYPE) + b"6 a=b\n".ljust(512, b"\0")
    with pytest.raises(InstallFailed, match=r"too many headers|damaged"):
        unpacked(tmp_path, gzip.compress(pax * 5000 + block(b"file", 0, tarfile.REGTYPE) + bytes(1024)))


def test_what_is_passed_over_counts_too(tmp_path: Path):
    """A member of a kind that is not written: what it says to have is passed over, which is unpacking it."""
    with pytest.raises(InstallFailed, match=r"unpacks to more than|neither a file"):
        unpacked(tmp_path, gzip.compress(block(b"odd", 8 << 30, b"Z") + bytes(4096)), limit=1 << 10)


def test_folders_and_names_are_bounded(tmp_path: Path):
    with pytest.raises(InstallFailed, match="folders 201 deep; at most 32 are made"):
        unpacked(tmp_path, archive(("d/" * 200 + "file", b"")))
    with pytest.raises(InstallFailed, match="a name of 100000 characters"):
        unpacked(tmp_path / "other", archive(("n" * 100_000, b"")))


def test_members_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(install_archive, "MAX_MEMBERS", 10)
    with pytest.raises(InstallFailed, match="more than 10 members"):
        unpacked(tmp_path, archive(*[(f"f{number}", b"") for number in range(11)]))


def test_only_what_vendors_send_is_unpacked(tmp_path: Path):
    with pytest.raises(InstallFailed, match="damaged"):
        unpacked(tmp_path, lzma.compress(bytes(10240)))
