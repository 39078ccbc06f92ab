"""What `make agents-newest` says, without any agent."""

import sys
from pathlib import Path

import pytest

from sandbox_agent.schema.agents.definitions import PINNED

from .newest import Failed, Newest, failures, published

REPORT = """\
<testsuites><testsuite>
<testcase classname="tests.agents.conformance.test_talk" name="test_a[claude]" time="1"/>
<testcase classname="tests.agents.conformance.test_talk" name="test_b[claude]" time="1">
<failure message="ExceptionGroup: Exceptions from Trio nursery (1 sub-exception)">  + Exception Group Traceback
    | ExceptionGroup: Exceptions from Trio nursery (1 sub-exception)
    +-+---------------- 1 ----------------
      | AssertionError: nothing may be unparsed: conversation_reset
      +------------------------------------
</failure></testcase>
<testcase classname="tests.agents.vocabulary.test_vocabulary" name="test_c" time="1">
<error message="failed on setup">E   FileNotFoundError: no codex</error></testcase>
</testsuite></testsuites>
"""


FIRST = "tests/agents/conformance/test_talk.py::test_b[claude]"


def npm(root: Path, body: str) -> str:
    program = root / "npm"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_the_newest_version_is_the_one_that_npm_names(tmp_path: Path):
    asked = npm(tmp_path, "print('9.9.9' if sys.argv[1:] == ['view', '@openai/codex', 'version'] else 'x')")
    assert published("codex", asked) == "9.9.9"


def test_an_npm_that_fails_is_told_in_its_words(tmp_path: Path):
    with pytest.raises(RuntimeError, match=r"view @openai/codex version failed: no network"):
        published("codex", npm(tmp_path, "sys.exit('no network')"))


def test_each_failed_test_is_one_line_with_its_innermost_reason():
    assert [failed.line for failed in failures(REPORT)] == [
        f"FAILED {FIRST}: AssertionError: nothing may be unparsed: conversation_reset",
        "FAILED tests/agents/vocabulary/test_vocabulary.py::test_c: FileNotFoundError: no codex",
    ]
    assert failures("<testsuites/>") == []
    assert Failed("a", "b").line == "FAILED a: b"


def test_a_version_is_the_newest_or_new_or_cannot_be_tested():
    assert Newest("amp", "1", "1", "1").line == "amp 1: the newest"
    assert Newest("amp", "1", "2", "2").line == "amp 1 -> 2: NEW"
    missing = "amp 2 was not installed: it has no native program"
    assert Newest("amp", "1", "2", "1", missing).line == f"amp 1 -> 2: not tested: {missing}"


def test_every_pinned_agent_is_asked_for():
    assert set(PINNED) == {"claude", "codex", "opencode", "amp"}
