"""An OpenCode that does not read the configuration of its project (measured on 1.18.33).

`OPENCODE_DISABLE_PROJECT_CONFIG` closes what it has closed since long, and drops AGENTS.md with it. The newer part of
the program, which every prompt starts, does not know that switch: it imports plugins and clones what is referred to.
The front matter of a skill, also of one in `.agents/skills`, may be JavaScript, which is run when skills are listed. So
all of these are out of its sight, and the texts come by our configuration and by files of ours.
"""

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from ...workspace.bun_view import VIEW, Hidden, program, variables
from ...workspace.project import Project, ProjectSkill
from ..dialect import AgentSpec, Launch, PrivateFile
from ..json_lines import elements, members
from ..private_skills import folder, skill_files
from .definition import OWN_SKILLS, SHARED_SKILLS

HIDDEN = (
    Hidden(".opencode", home=False),
    Hidden("opencode.json"),
    Hidden("opencode.jsonc"),
    *(Hidden(folder, ("skill.md",), home=False) for folder in SHARED_SKILLS),
)

_NO_PROGRAMS: Mapping[str, Any] = {"lsp": False, "formatter": False}
"""Both are found in the project as well: in its `node_modules`, whatever the user's configuration says of them."""

_YES = ("true", "1")


def untrusted(launch: Launch, spec: AgentSpec) -> Launch:
    """The same, out of sight of the project. Raises ValueError without a private directory."""
    if spec.private is None:
        raise ValueError("an untrusted opencode needs a private directory")
    shared, own = skill_files(_skills(spec, own=False), "shared"), skill_files(_skills(spec, own=True), "own")
    instead = {path: f"{spec.private}/{name}" for path, (name, _) in shared.items()}
    view = PrivateFile(program(spec.private, spec.directory, HIDDEN, instead, spec.environment))
    env = {**launch.env, "OPENCODE_DISABLE_PROJECT_CONFIG": "1", **variables(spec.private, spec.environment)}
    files = {**launch.files, VIEW: view, **dict(shared.values()), **dict(own.values())}
    return evolve(launch, env=env, files=files, directory=spec.private)


def closed(configuration: Mapping[str, Any], spec: AgentSpec) -> dict[str, Any]:
    """A configuration of the user's, with the texts of the project and without programs that are looked for there."""
    instructions = [*_instructions(spec), *elements(configuration.get("instructions"))]
    texts: dict[str, Any] = {"instructions": instructions}
    if _skills(spec, own=True):
        # Paths said here replace those of the user's file: they are said only where there is something to read.
        skills = members(configuration.get("skills"))
        texts["skills"] = {**skills, "paths": [*elements(skills.get("paths")), f"{spec.private}/{folder('own')}"]}
    return {**configuration, **_NO_PROGRAMS, **texts}


def _instructions(spec: AgentSpec) -> list[str]:
    """Opencode reads the files themselves; the last part of a path is a pattern to it."""
    paths = [text.path.rpartition("/") for text in _project(spec).instructions]
    without_claude = _switched(spec, "OPENCODE_DISABLE_CLAUDE_CODE", "OPENCODE_DISABLE_CLAUDE_CODE_PROMPT")
    named = [(place, name) for place, _, name in paths if not (without_claude and name == "CLAUDE.md")]
    return [f"{place}/" + re.sub(r"[?*()\[\]{}\\]", r"\\\g<0>", name) for place, name in named]


def _skills(spec: AgentSpec, *, own: bool) -> list[ProjectSkill]:
    """``own``: those in the folders that opencode does not share with other agents."""
    folders = OWN_SKILLS if own else SHARED_SKILLS
    return [skill for skill in _project(spec).skills if any(f"/{place}/" in skill.directory for place in folders)]


def _project(spec: AgentSpec) -> Project:
    return spec.project or Project(spec.directory)


def _switched(spec: AgentSpec, *names: str) -> bool:
    return any(spec.environment.get(name, "").lower() in _YES for name in names)
