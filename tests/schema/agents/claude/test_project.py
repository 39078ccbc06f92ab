"""How claude is started where its workspace is not trusted."""

import json

from attrs import evolve

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.dialect import Launch
from sandbox_agent.schema.workspace.project import Project, ProjectSkill, ProjectText

from .spec import SPEC


def launch(*, directory: str = "/work", home: str = "/home/u", **found: object) -> Launch:
    project = Project(directory, **found)  # type: ignore[arg-type]
    spec = evolve(SPEC, trusted=False, project=project, private="/private", environment={"HOME": home})
    return Claude(spec).launch()


def excluded(launched: Launch) -> list[str]:
    settings = json.loads(launched.argv[launched.argv.index("--settings") + 1])
    assert settings["useAutoModeDuringPlan"] is False, "as in any session"
    patterns: list[str] = settings["claudeMdExcludes"]
    return patterns


def test_only_the_users_settings_are_read():
    assert "--setting-sources user" in " ".join(launch().argv)
    assert "--setting-sources" not in Claude(SPEC).launch().argv
    assert launch().files == {}


def test_a_workspace_that_could_not_be_looked_at_is_closed_all_the_same():
    argv = Claude(evolve(SPEC, trusted=False)).launch().argv
    assert "--setting-sources user" in " ".join(argv)
    assert argv[-1] == Claude(SPEC).launch().argv[-1], "the settings of any session"


def test_texts_are_files_and_never_arguments():
    texts = (ProjectText("/work/CLAUDE.md", "FIRST"), ProjectText("/work/sub/CLAUDE.md", "SECOND\ud800"))
    launched = launch(instructions=texts, skills=(ProjectSkill("s", "/work/.claude/skills/s", "SKILL"),))
    assert "--append-system-prompt-file /private/instructions.md --plugin-dir /private/plugin" in " ".join(
        launched.argv
    )
    said = launched.files["instructions.md"].content.decode()
    assert said.index("/work/CLAUDE.md:\n\nFIRST") < said.index("/work/sub/CLAUDE.md:\n\nSECOND?")
    assert set(launched.files) == {"instructions.md", "plugin/.claude-plugin/plugin.json", "plugin/skills/s/SKILL.md"}
    assert not any("FIRST" in argument for argument in launched.argv)


def test_a_skills_folder_cannot_choose_where_its_file_is_written():
    names = ("a b", "..", "a\ud800b", "a-b", "x" * 200)
    skills = tuple(ProjectSkill(name, "/work", "text") for name in names)
    written = [name for name in launch(skills=skills).files if name.endswith("SKILL.md")]
    folders = [name.removeprefix("plugin/skills/").removesuffix("/SKILL.md") for name in written]
    assert folders == ["a-b", "--", "a-b-", "a-b--", "x" * 64]


def test_a_path_in_the_pattern_matches_nothing_else():
    (pattern,) = excluded(launch(directory="/w/{a,b}[c]*!(d)", home="/home/ü u"))
    assert pattern == "!{/home/ü u/**/*.md,/home/ü u/**/*.md,/w/\\{a\\,b\\}\\[c\\]\\*\\!\\(d\\)/**/*.md}"
