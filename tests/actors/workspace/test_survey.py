"""What of a project reaches an untrusted session: its texts, within bounds, and none of its configuration."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.workspace import survey as module
from sandbox_agent.actors.workspace.survey import look, survey
from sandbox_agent.schema.settings import Settings
from sandbox_agent.schema.workspace.project import Configuration, LeftOut, Project, ProjectFiles

FILES = ProjectFiles(
    configuration=(Configuration(".tool/settings.json", "settings"), Configuration(".tool/agents", "agents")),
    instructions=(("RULES.override.md", "RULES.md"), (".tool/RULES.md",)),
    rules=(".tool/rules",),
    skills=(".tool/skills",),
    reach="root",
    imports=True,
)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository; ``tmp_path`` is not of it."""
    (tmp_path / "work" / ".git").mkdir(parents=True)
    return tmp_path / "work"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def seen(directory: Path, files: ProjectFiles = FILES, **settings: Any) -> Project:
    return look(files, str(directory), Settings(**settings))


def texts(project: Project) -> list[str]:
    return [text.text for text in project.instructions]


def test_configuration_is_told_and_not_read(work: Path):
    put(work / ".tool/settings.json", "{}")
    put(work / ".tool/agents/a.md", "")
    assert seen(work) == Project(
        str(work),
        (str(work),),
        left_out=(LeftOut("settings", ".tool/settings.json"), LeftOut("agents", ".tool/agents")),
    )


def test_configuration_of_the_repository_above_is_told_too(work: Path):
    put(work / ".tool/settings.json", "{}")
    put(work.parent / ".tool/settings.json", "{}")
    (work / "sub").mkdir()
    assert seen(work / "sub").levels == (f"{work}/sub", str(work))
    assert seen(work / "sub").left_out == (LeftOut("settings", "../.tool/settings.json"),)


def test_of_a_group_the_first_counts_and_the_outermost_directory_is_read_first(work: Path):
    put(work.parent / "RULES.md", "above")
    put(work / "RULES.md", "repository")
    put(work / "sub/RULES.md", "not this")
    put(work / "sub/RULES.override.md", "sub")
    put(work / "sub/.tool/RULES.md", "and this")
    put(work / "sub/.tool/rules/deep/a.md", "a rule")
    put(work / "sub/.tool/rules/a.txt", "no rule")
    assert texts(seen(work / "sub")) == ["above", "repository", "sub", "and this", "a rule"]
    nearer = ProjectFiles(instructions=FILES.instructions)
    assert texts(seen(work / "sub", nearer)) == ["repository", "sub", "and this"]


def test_no_link_above_the_repository_is_followed(work: Path):
    put(work.parent / "other.md", "another's")
    (work.parent / "RULES.md").symlink_to("other.md")
    project = seen(work)
    assert project.instructions == ()
    assert project.left_out == (LeftOut("instructions", "../RULES.md", "is a symbolic link"),)


def test_a_file_that_leads_outside_is_told_and_not_carried(work: Path):
    put(work.parent / "secret", "secret")
    (work / "RULES.md").symlink_to("../secret")
    left = LeftOut("instructions", "RULES.md", f"leads out of {work}")
    assert seen(work) == Project(str(work), (str(work),), left_out=(left,))


def test_what_is_no_plain_file_is_told_and_not_read(work: Path):
    (work / ".tool").mkdir()
    os.mkfifo(work / "RULES.md")
    (work / ".tool/RULES.md").symlink_to("/dev/zero")
    os.mkfifo(work / ".tool/rules")
    os.mkfifo(work / ".tool/skills")
    (work / ".git").rmdir()
    os.mkfifo(work / ".git")
    project = seen(work)
    assert (project.instructions, project.skills) == ((), ())
    assert project.left_out == (
        LeftOut("instructions", ".tool/rules", "is not a directory"),
        LeftOut("instructions", "RULES.md", "is not a regular file"),
        LeftOut("instructions", ".tool/RULES.md", "is not a regular file"),
        LeftOut("skill", ".tool/skills", "is not a directory"),
    )


def test_a_text_is_text_whatever_its_bytes(work: Path):
    (work / "RULES.md").write_bytes(b"\xef\xbb\xbfa\0b\xff")
    assert texts(seen(work)) == ["a\ufffdb\ufffd"]


def test_imports_of_the_workspace_follow_their_text(work: Path):
    put(work / "RULES.md", "see @docs/style.md and `@code.md` and @nobody\n```\n@fenced.md\n```\n")
    put(work / "docs/style.md", "style, see @../RULES.md @deeper.md")
    put(work / "docs/deeper.md", "deeper")
    put(work / "code.md", "code")
    put(work / "fenced.md", "fenced")
    assert texts(seen(work))[1:] == ["style, see @../RULES.md @deeper.md", "deeper"]
    assert seen(work).left_out == ()


@pytest.mark.parametrize("word", ["/etc/passwd", "~/.ssh/id_rsa", "../secret", "sub/../../secret", "link"])
def test_an_import_from_outside_is_not_taken(work: Path, word: str):
    put(work.parent / "secret", "secret")
    (work / "link").symlink_to("../secret")
    put(work / "RULES.md", f"@{word}")
    project = seen(work)
    assert texts(project) == [f"@{word}"]
    assert [left.kind for left in project.left_out] == ["instructions"]


def test_skills_are_text_and_a_folder_of_links_is_not_listed(work: Path):
    put(work / ".tool/skills/one/SKILL.md", "---\nname: one\n---\ndo")
    put(work.parent / "outside/two/SKILL.md", "two")
    (work / ".tool/skills/two").symlink_to("../../../outside/two")
    (work / "sub/.tool").mkdir(parents=True)
    (work / "sub/.tool/skills").symlink_to("../../../outside")
    project = seen(work / "sub")
    assert [(skill.name, skill.directory) for skill in project.skills] == [("one", f"{work}/.tool/skills/one")]
    assert project.left_out == (
        LeftOut("skill", ".tool/skills", f"leads out of {work}/sub"),
        LeftOut("skill", "../.tool/skills/two/SKILL.md", f"leads out of {work}"),
    )


def test_texts_are_bounded_one_by_one_and_together(work: Path):
    put(work / "RULES.md", "x" * 101)
    put(work / ".tool/RULES.md", "y" * 100)
    put(work / ".tool/skills/s/SKILL.md", "z" * 51)
    project = seen(work, workspace_file_bytes=100, workspace_text_bytes=150)
    assert texts(project) == ["y" * 100]
    assert project.left_out == (
        LeftOut("instructions", "RULES.md", "has 101 bytes; at most 100 are read"),
        LeftOut("skill", ".tool/skills/s/SKILL.md", "the texts of a workspace may have 150 bytes"),
    )


def test_what_is_told_is_bounded(work: Path):
    put(work / "RULES.md", " ".join(f"@/outside/{n}" for n in range(1000)))
    for n in range(module.MAX_NAMES):
        (work / f".tool/skills/{n}/SKILL.md").mkdir(parents=True)
    assert len(seen(work).left_out) == module.MAX_LEFT_OUT


def test_a_name_that_is_no_text_can_be_told(work: Path):
    (work / ".tool/skills" / os.fsdecode(b"\xff") / "SKILL.md").mkdir(parents=True)
    (left,) = seen(work).left_out
    assert left.path == ".tool/skills/\\udcff/SKILL.md"


async def test_a_file_system_that_hangs_costs_its_time_and_not_the_session(work: Path, monkeypatch: pytest.MonkeyPatch):
    answer = threading.Event()
    monkeypatch.setattr(module, "look", lambda *_: answer.wait())
    project = await survey(FILES, str(work), Settings(), ForeignFiles(0.01))
    answer.set()
    (left,) = project.left_out
    assert project.levels == (str(work),)
    assert left == LeftOut("workspace", ".", "cannot be read: there was no answer within 0.01 s")


PARSED = ProjectFiles(configuration=(Configuration(".tool/config.toml", "settings", parsed=True),))


def huge(path: Path) -> None:
    path.write_text("a.b = 1\n" * 40_000)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (huge, "has 320000 bytes; at most 65536 are read"),
        (os.mkfifo, "is not a regular file"),
        (device, "is not a regular file"),
    ],
)
def test_a_configuration_that_the_agent_parses_in_any_case_must_not_hurt_it(
    work: Path, place: Callable[[Path], object], reason: str
):
    below = work / "below"
    below.mkdir()
    put(work / ".tool" / "config.toml", "model = 'x'")
    assert seen(below, PARSED).refused is None
    (work / ".tool" / "config.toml").unlink()
    place(work / ".tool" / "config.toml")
    assert seen(below, PARSED).refused == LeftOut("settings", "../.tool/config.toml", reason)
