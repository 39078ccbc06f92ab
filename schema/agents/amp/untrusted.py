"""An Amp that does not read the configuration of its project (measured on 0.0.1790142911).

It has no switch for that: `.amp/settings.json` comes before the user's own, a plugin there may allow every tool, and a
skill may start MCP servers of its own. So they are out of its sight. AGENTS.md it reads by itself.
"""

from attrs import evolve

from ...workspace.bun_view import VIEW, Hidden, program, variables
from ...workspace.project import Project
from ..dialect import AgentSpec, Launch, PrivateFile
from ..private_skills import skill_files
from .definition import PLUGINS, SETTINGS_FILES, SKILLS

HIDDEN = (
    *(Hidden(path) for path in (*SETTINGS_FILES, PLUGINS)),
    *(Hidden(folder, ("skill.md", "mcp.json"), home=False) for folder in SKILLS),
)


def untrusted(launch: Launch, spec: AgentSpec) -> Launch:
    """The same, out of sight of the project. Raises ValueError without a private directory."""
    if spec.private is None:
        raise ValueError("an untrusted amp needs a private directory")
    skills = skill_files((spec.project or Project(spec.directory)).skills, "project")
    instead = {path: f"{spec.private}/{name}" for path, (name, _) in skills.items()}
    view = PrivateFile(program(spec.private, spec.directory, HIDDEN, instead, spec.environment))
    files = {**launch.files, VIEW: view, **dict(skills.values())}
    return evolve(
        launch, env={**launch.env, **variables(spec.private, spec.environment)}, files=files, directory=spec.private
    )
