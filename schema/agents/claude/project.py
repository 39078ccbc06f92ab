"""What claude reads from its working directory, and how a session that does not trust it gets the text alone (measured
on 2.1.197 and 2.1.332).

Of the three sources of settings only the user's is named. That closes also ``.mcp.json``, agents, commands, output
styles and ``CLAUDE.md`` of the project; ``--strict-mcp-config`` is not said, for it closes the user's own servers.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...workspace.instructions import instructions
from ...workspace.project import Project
from ...workspace.skill import read_skill, write_skill
from ..dialect import AgentSpec, PrivateFile

INSTRUCTIONS = "instructions.md"
PLUGIN = "plugin"

_MANIFEST = {"name": "project", "version": "1.0.0", "description": "The skills of the project, as text"}


def arguments(spec: AgentSpec) -> list[str]:
    """For a session that does not trust its workspace."""
    argv = ["--setting-sources", "user"]
    if spec.project is None or spec.private is None:
        return argv
    if spec.project.instructions:
        argv += ["--append-system-prompt-file", f"{spec.private}/{INSTRUCTIONS}"]
    if spec.project.skills:
        argv += ["--plugin-dir", f"{spec.private}/{PLUGIN}"]
    return argv


def settings(spec: AgentSpec) -> Mapping[str, Any]:
    """Of claude's own, for such a session."""
    if spec.project is None or spec.private is None:
        return {}
    return {"claudeMdExcludes": [_elsewhere(spec, spec.project)]}


def files(spec: AgentSpec) -> Mapping[str, PrivateFile]:
    """What the arguments name."""
    if spec.project is None or spec.private is None:
        return {}
    return {name: PrivateFile(text.encode(errors="replace")) for name, text in _texts(spec.project)}


def _texts(project: Project) -> Iterator[tuple[str, str]]:
    if (text := instructions(project, "CLAUDE.md")) is not None:
        yield INSTRUCTIONS, text
    if project.skills:
        yield f"{PLUGIN}/.claude-plugin/plugin.json", json.dumps(_MANIFEST)
    taken = set[str]()
    for skill in project.skills:
        name = re.sub(r"[^A-Za-z0-9_-]", "-", skill.name)[:64]
        while name in taken:  # the nearest to the working directory comes first, and keeps its name
            name += "-"
        taken.add(name)
        yield f"{PLUGIN}/skills/{name}/SKILL.md", write_skill(name, skill.directory, read_skill(skill.text))


def _elsewhere(spec: AgentSpec, project: Project) -> str:
    """A pattern of what claude's instructions must not be. 2.1.197 also reads ``.claude/rules`` of the folders that it
    works in, whatever the sources, and follows links from there to anywhere."""
    home = spec.environment.get("HOME", "/nowhere")
    places = (home, spec.environment.get("CLAUDE_CONFIG_DIR") or home, project.directory)
    return f"!{{{','.join(_quoted(place) + '/**/*.md' for place in places)}}}"


def _quoted(path: str) -> str:
    """As a pattern that matches nothing else."""
    return re.sub(r"([^\w/ .-])", r"\\\1", path.rstrip("/"))
