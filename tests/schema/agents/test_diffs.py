"""Diffs of whole files: `patch` must make and unmake the file from them."""

import subprocess
from pathlib import Path

import pytest

from sandbox_agent.schema.agents.diffs import created, deleted

from ...patience import PATIENCE

CONTENTS = ["one\n", "one\ntwo\n", "no newline", "two\nno newline", "\n", "+plus\n-minus\n"]


@pytest.mark.parametrize("content", CONTENTS)
def test_the_diff_of_a_deleted_file_deletes_it(tmp_path: Path, content: str):
    (tmp_path / "f").write_text(content)
    subprocess.run(["patch", "-p0"], input=deleted("f", content), text=True, check=True, cwd=tmp_path, timeout=PATIENCE)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("content", CONTENTS)
def test_the_diff_of_a_created_file_creates_it(tmp_path: Path, content: str):
    subprocess.run(["patch", "-p0"], input=created("f", content), text=True, check=True, cwd=tmp_path, timeout=PATIENCE)
    assert (tmp_path / "f").read_text() == content


def test_an_empty_file_has_only_a_head():
    assert created("f", "") == "--- /dev/null\n+++ f\n"
    assert deleted("f", "") == "--- f\n+++ /dev/null\n"
