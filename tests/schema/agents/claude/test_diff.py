"""Diffs that a patch program takes, and nothing but None for what is no diff."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.schema.agents.claude.diff import file_refs, unified
from sandbox_agent.schema.agents.diffs import created
from sandbox_agent.schema.items import FileRefPart

from ....patience import PATIENCE


def patched(root: Path, diff: str) -> None:
    subprocess.run(
        ["git", "apply", "--unidiff-zero", "-p0"], cwd=root, input=diff, text=True, check=True, timeout=PATIENCE
    )


@pytest.mark.parametrize("content", ["one\n", "one", "one\ntwo\n", "one\n\ntwo", "\n", "täglich\n", "a\r\nb\r\n"])
def test_the_diff_of_a_new_file_makes_that_file(tmp_path: Path, content: str):
    patched(tmp_path, created("new.txt", content))
    assert (tmp_path / "new.txt").read_bytes().decode() == content


def test_a_new_empty_file_has_no_hunk():
    assert created("new.txt", "") == "--- /dev/null\n+++ new.txt\n"


def test_the_diff_of_an_edit_makes_that_edit(tmp_path: Path):
    file = tmp_path / "a.txt"
    file.write_text("".join(f"{n}\n" for n in range(10)))
    hunks = [
        {"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 3, "lines": [" 0", "-1", "+one", "+and a half"]},
        {"oldStart": 9, "oldLines": 2, "newStart": 10, "newLines": 1, "lines": [" 8", "-9"]},
    ]
    diff = unified("a.txt", hunks)
    assert diff is not None
    patched(tmp_path, diff)
    assert file.read_text() == "0\none\nand a half\n2\n3\n4\n5\n6\n7\n8\n"


@pytest.mark.parametrize("hunks", [None, [], {}, "x", [7], [{"lines": []}], [{"oldStart": 1}]])
def test_what_is_no_patch_is_no_diff(hunks: Any):
    assert unified("a", hunks) is None


@pytest.mark.parametrize("facts", [None, "Error: x", [], {}, {"filePath": 7, "structuredPatch": []}])
def test_facts_about_no_file_leave_what_was_called(facts: Any):
    called = FileRefPart("/a", "read")
    assert file_refs(facts, (called,)) == (called,)
    assert file_refs(facts, ()) == ()
