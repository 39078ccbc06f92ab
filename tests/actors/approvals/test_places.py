"""Where a file really is, and what passes for inside of the workspace."""

import os
import threading
from pathlib import Path

import pytest

from sandbox_agent.actors.approvals import places
from sandbox_agent.actors.approvals.places import FileLocator, look


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with files, and beside it what an agent must not get at unasked."""
    work = tmp_path / "work"
    for name in ("sub", ".git/hooks", "sub/.codex"):
        (work / name).mkdir(parents=True)
    for name in ("a.txt", "sub/b.txt", ".git/hooks/pre-commit"):
        (work / name).write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    return work


def inside(work: Path, *paths: str) -> bool | None:
    """None when it cannot be told."""
    found = look(str(work), paths)
    return found.inside if found is not None else None


@pytest.mark.parametrize("path", ["a.txt", "sub/b.txt", "new.txt", "new/dir/file", "sub/../a.txt", "./a.txt"])
def test_files_of_the_workspace_are_inside_also_those_that_are_not_there_yet(work: Path, path: str):
    assert inside(work, path)
    assert inside(work, f"{work}/{path}")


@pytest.mark.parametrize(
    "path", ["../outside/secret", "/etc/passwd", "sub/../../outside/new", "", ".", "..", "../work2/a", "../work"]
)
def test_a_path_that_leads_out_is_outside(work: Path, path: str):
    assert not inside(work, path)


@pytest.mark.parametrize(
    "path",
    [".git/hooks/pre-commit", ".git/config", "sub/.codex/config.toml", ".GIT/config", ".mcp.json", "opencode.json"],
)
def test_what_decides_which_programs_run_is_not_accepted_unasked(work: Path, path: str):
    assert not inside(work, path)


def test_a_symlink_that_leads_out_is_outside_wherever_it_stands_in_the_path(work: Path):
    (work / "link").symlink_to(work.parent / "outside")
    (work / "file").symlink_to(work.parent / "outside" / "secret")
    (work / "dangling").symlink_to(work.parent / "outside" / "nothing")
    for path in ("link/secret", "link/new", "file", "dangling", "link/../outside/secret", "sub/../link/new"):
        assert inside(work, path) is False, path
    assert inside(work, "a.txt", "link/new") is False


def test_a_symlink_that_stays_inside_is_inside(work: Path):
    (work / "link").symlink_to(work / "sub")
    assert inside(work, "link/b.txt")
    found = look(str(work), ["link/b.txt"])
    assert found is not None
    assert found.files == (f"{os.path.realpath(work)}/sub/b.txt",)


def test_a_workspace_that_is_a_symlink_is_what_it_leads_to(work: Path):
    alias = work.parent / "alias"
    alias.symlink_to(work)
    assert inside(alias, "a.txt", f"{work}/a.txt", f"{alias}/sub/b.txt")


def test_a_file_with_a_second_name_may_be_another_one(work: Path):
    os.link(work.parent / "outside" / "secret", work / "hard")
    found = look(str(work), ["hard"])
    assert found is not None
    assert (found.ordinary, found.inside) == (False, False)


def test_what_is_no_file_is_not_ordinary(work: Path):
    os.mkfifo(work / "pipe")
    for path in ("pipe", "sub"):
        found = look(str(work), [path])
        assert found is not None
        assert not found.ordinary


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "loop"])
def test_a_path_that_leads_nowhere_cannot_be_told(work: Path, path: str):
    (work / "loop").symlink_to(work / "loop")
    assert look(str(work), [path]) is None


async def test_a_file_system_that_does_not_answer_holds_up_nobody(work: Path, monkeypatch: pytest.MonkeyPatch):
    released = threading.Event()

    def stuck(*_: object) -> None:
        released.wait()

    monkeypatch.setattr(places, "look", stuck)
    lookout = FileLocator(str(work), patience=0.05)
    try:
        assert await lookout.look(["a.txt"]) is None
        assert await lookout.look(["a.txt"]) is None
    finally:
        released.set()
