"""OpenCode and Amp in an untrusted workspace: how they are started, and that neither goes on where its program did not
take the project's configuration out of its sight."""

import json
from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.dialect import AgentSpec, Launch, Prompt
from sandbox_agent.schema.agents.effects import EndProcess, Errored, FollowStream, Reach, Ready, TurnEnded
from sandbox_agent.schema.agents.opencode.dialect import OpenCode
from sandbox_agent.schema.agents.opencode.launch import CONFIGURATION
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.workspace.bun_view import PROOF, VIEW
from sandbox_agent.schema.workspace.project import Project, ProjectSkill, ProjectText

from .amp import spec as amp_spec
from .opencode import spec as opencode_spec

LISTENING = b"opencode server listening on http://127.0.0.1:4096"

SKILLS = tuple(
    ProjectSkill(name, f"/w/{folder}/{name}", f"---\nname: {name}\ndescription: d\nallowed-tools: x\n---\nBody\n")
    for name, folder in (("a", ".opencode/skill"), ("b", ".agents/skills"), ("c/../d", ".claude/skills"))
)
PROJECT = Project("/w", ("/w",), (ProjectText("/w/AGENTS.md", "text"), ProjectText("/w/sub/A[1].md", "text")), SKILLS)


def untrusted(spec: AgentSpec, **changes: Any) -> AgentSpec:
    return evolve(spec, **{"trusted": False, "private": "/private", "project": PROJECT, **changes})


def opencode(**changes: Any) -> Launch:
    return OpenCode(untrusted(opencode_spec.SPEC, **changes)).launch()


def amp(**changes: Any) -> Launch:
    return Amp(untrusted(amp_spec.SPEC, **changes)).launch()


def configured(theirs: str = "{}", **changes: Any) -> Any:
    said = opencode(environment={CONFIGURATION: theirs}, **changes).env[CONFIGURATION]
    assert said is not None
    return json.loads(said)


@pytest.mark.parametrize("launch", [opencode, amp])
def test_it_starts_away_from_the_project_with_the_program_that_hides_it(launch: Any):
    plan = launch()
    assert plan.directory == "/private"
    assert plan.env["BUN_OPTIONS"] == f"--preload=/private/{VIEW}"
    assert plan.env["BUN_INSPECT_PRELOAD"] == f"/private/{VIEW}"
    assert b'"directory":"/sandbox/work"' in plan.files[VIEW].content


@pytest.mark.parametrize("launch", [opencode, amp])
def test_skills_are_read_from_files_of_ours_that_say_nothing_but_text(launch: Any):
    files = {name: file for name, file in launch().files.items() if name.endswith("SKILL.md")}
    assert len(files) == 3
    for name, file in files.items():
        assert ".." not in name
        assert b"allowed-tools" not in file.content
        assert b"Body\n" in file.content
    assert b'"/w/.agents/skills/b/SKILL.md":"/private/skills/' in launch().files[VIEW].content


@pytest.mark.parametrize("launch", [opencode, amp])
def test_without_a_private_directory_there_is_no_start(launch: Any):
    with pytest.raises(ValueError, match="private directory"):
        launch(private=None)


def test_a_trusted_workspace_is_left_as_it_is():
    for dialect in (OpenCode(opencode_spec.SPEC), Amp(amp_spec.SPEC)):
        plan = dialect.launch()
        assert plan.directory is None
        assert VIEW not in plan.files
        assert not any(name.startswith("BUN") or name.endswith("PROJECT_CONFIG") for name in plan.env)


def test_opencodes_own_switch_is_set_and_its_texts_are_named():
    assert opencode().env["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    said = configured()
    assert said["instructions"] == ["/w/AGENTS.md", "/w/sub/A\\[1\\].md"], "the last part is a pattern"
    assert said["skills"] == {"paths": ["/private/skills/own"]}
    assert "skills" not in configured(project=Project("/w")), "paths of ours would replace those of the user's file"


def test_programs_that_are_found_in_the_project_are_off_whatever_the_user_says():
    theirs = {"lsp": True, "formatter": True, "instructions": ["/mine.md"], "skills": {"paths": ["~/s"], "urls": ["u"]}}
    said = configured(json.dumps(theirs))
    assert (said["lsp"], said["formatter"]) == (False, False)
    assert said["instructions"][-1] == "/mine.md"
    assert said["skills"] == {"paths": ["~/s", "/private/skills/own"], "urls": ["u"]}
    assert configured('{"permission":"allow"}')["permission"] == "allow"


@pytest.mark.parametrize("theirs", ["{ // a comment\n}", "[]"])
def test_a_configuration_of_the_users_that_cannot_be_added_to_is_refused(theirs: str):
    with pytest.raises(Problem, match="OPENCODE_CONFIG_CONTENT is no JSON object"):
        configured(theirs)


def test_what_the_user_has_switched_off_of_claudes_files_stays_off():
    project = Project("/w", ("/w",), (ProjectText("/w/CLAUDE.md", "text"), ProjectText("/w/AGENTS.md", "text")))
    environment = {"OPENCODE_DISABLE_CLAUDE_CODE": "1"}
    said = opencode(project=project, environment=environment).env[CONFIGURATION]
    assert json.loads(said or "")["instructions"] == ["/w/AGENTS.md"]


def test_an_opencode_that_sees_the_project_is_not_spoken_to_and_every_prompt_says_why():
    dialect = OpenCode(untrusted(opencode_spec.SPEC))
    error, ready = dialect.receive(LISTENING)
    assert isinstance(error, Errored)
    assert error.data.code == "workspace_not_hidden"
    assert 'workspaceTrust: "trusted"' in error.data.message
    assert ready == Ready()
    *_, refused, ended = dialect.prompt(Prompt(1, "hi"))
    assert isinstance(refused, Errored)
    assert error.data.message in refused.data.message
    assert ended == TurnEnded("failed")


def test_an_opencode_that_does_not_see_it_is_reached():
    dialect = OpenCode(untrusted(opencode_spec.SPEC))
    assert dialect.receive(b"talk") == ()
    assert dialect.receive(PROOF) == ()
    reach, follow = dialect.receive(LISTENING)
    assert (type(reach), type(follow)) == (Reach, FollowStream)


def test_an_amp_that_sees_the_project_ends_its_turn_and_says_why():
    dialect = Amp(untrusted(amp_spec.SPEC))
    dialect.prompt(Prompt(1, "hi"))
    error, ended, end = dialect.receive(b'{"type":"system","subtype":"init","session_id":"T-1"}')
    assert isinstance(error, Errored)
    assert error.data.code == "workspace_not_hidden"
    assert isinstance(ended, TurnEnded)
    assert (ended.outcome, end) == ("failed", EndProcess())
    assert dialect.receive(PROOF) == ()


def test_an_amp_that_does_not_see_it_goes_on():
    dialect = Amp(untrusted(amp_spec.SPEC))
    assert dialect.receive(PROOF + b"\r") == ()
    (named,) = dialect.receive(b'{"type":"system","subtype":"init","session_id":"T-1"}')
    assert named.native_session_id == "T-1"  # type: ignore[union-attr]
