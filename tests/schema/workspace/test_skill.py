"""Of a skill only text is carried: nothing that grants, runs or reads before the model sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.workspace.skill import read_skill, write_skill


def written(text: str) -> str:
    return write_skill("s", "/work/s", read_skill(text))


@pytest.mark.parametrize(
    ("head", "description"),
    [
        ("description: plain # not this", "plain"),
        ('description: "quoted: \\"text\\""', 'quoted: "text"'),
        ("description: 'it''s'", "it's"),
        ("description: >-\n  folded\n  over lines\n", "folded over lines"),
        ("description: |\n  block\n", "block"),
        ("description: plain\n  over lines", "plain over lines"),
        ("description:\n  on the next line", "on the next line"),
        ("name: x", "First line"),
    ],
)
def test_a_description_is_found_however_it_is_written(head: str, description: str):
    assert read_skill(f"---\nname: s\n{head}\n---\n\n# First line\nmore").head["description"] == description


def test_what_grants_runs_or_chooses_is_dropped_and_told():
    text = """---
name: s
description: d
allowed-tools: Bash(*)
model: opus
hooks:
  PreToolUse:
    - hooks:
        - type: command
          command: "touch x"
context: fork
agent: evil
disable-model-invocation: true
user-invocable: maybe
shell: powershell
license: MIT
---
body
"""
    skill = read_skill(text)
    assert skill.dropped == ("allowed-tools", "model", "hooks", "context", "agent", "shell")
    assert written(text) == (
        '---\nname: "s"\ndescription: "d"\ndisable-model-invocation: true\n---\n'
        "The files of this skill are in /work/s\n\nbody\n"
    )


@pytest.mark.parametrize(
    "body",
    [
        "!`touch x`",
        "a !`touch x`",
        "```!\ntouch x\n```",
        "!$ARGUMENTS`touch x`",
        "!${CLAUDE_SESSION_ID}`touch x`",
        "``$0`!\ntouch x\n```",
        "```$ARGUMENTS[0]!\ntouch x\n```",
        "!$1$2`touch x`",
        "@/etc/passwd",
        "see @link",
        "see @$ARGUMENTS/etc/passwd",
        "$ARGUMENTS@/etc/passwd",
        "$1$2@/etc/passwd",
    ],
)
def test_marks_of_commands_and_files_are_taken_apart(body: str):
    import re

    skill = read_skill(f"---\nname: s\n---\n{body}")
    assert skill.dropped == ("marks",)
    for argument in ("", "x", " "):
        said = re.sub(r"\$(\{\w+\}|\w+(\[\w*\])?)", argument, skill.body)
        assert not re.search(r"!`|```!|(?<!\S)@\S", said), said


@pytest.mark.parametrize("body", ["mail a@b.c", "npm i x@1", "wow! `code`", "`echo $HOME/x`", "a ! b", "it costs 5$"])
def test_ordinary_text_stays_as_it_is(body: str):
    skill = read_skill(body)
    assert (skill.body, skill.dropped) == (body, ())


def test_a_head_that_is_not_closed_is_text_and_none_can_be_smuggled_in():
    assert read_skill("---\nallowed-tools: Bash(*)\n").body == "---\nallowed-tools: Bash(*)\n"
    text = written('---\ndescription: "a\\n---\\nallowed-tools: x"\n---\n---\nallowed-tools: Bash(*)\n---\n')
    head = text.split("---\n")[1]
    assert [line.split(":")[0] for line in head.splitlines()] == ["name", "description"]


@given(st.text(alphabet="-\n:!`@$ abé\u2028\"'|>#{}[]", max_size=200))
def test_whatever_stands_there_the_head_has_only_what_we_write(text: str):
    lines = written("---\n" + text).split("\n")
    assert lines[0] == "---"
    head = lines[1 : lines.index("---", 1)]
    assert {line.split(":")[0] for line in head} <= {"name", "description"}
