"""What codex reads from its working directory, and how a session says whether it may (measured on 0.169.0 and 0.171.0).

Codex looks for a directory's level of trust in the user's ``config.toml``, and where it finds none it writes one there.
So the level is told on the command line in any case, for the working directory and those above it: ``-c projects={…}``,
for a dotted key cannot hold a path. Up to where codex reads is the user's to set (``project_root_markers``), and so
nothing above is trusted in an untrusted session; in a trusted one it is the repository, up to its ``.git``.

Codex parses the file of an untrusted directory too, in a time by the square of its keys (390 KB took 24 s and 800 MB),
and then throws it away.
"""

from collections.abc import Iterator
from typing import Any

from ...workspace.instructions import instructions
from ...workspace.project import Configuration, ProjectFiles
from ..dialect import AgentSpec

PROJECT = ProjectFiles(
    configuration=(
        Configuration(".codex/config.toml", "settings", parsed=True),
        Configuration(".codex/hooks.json", "hooks"),
        Configuration(".codex/hooks", "hooks"),
        Configuration(".codex/rules", "rules"),
        Configuration(".codex/agents", "agents"),
        Configuration(".codex/prompts", "commands"),
        Configuration(".codex/environments", "environments"),
    ),
    instructions=(("AGENTS.override.md", "AGENTS.md"),),
)

_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\"} | {code: f"\\u{code:04x}" for code in (*range(0x20), 0x7F)}


def arguments(spec: AgentSpec) -> tuple[str, ...]:
    level = "trusted" if spec.trusted else "untrusted"
    levels = () if spec.project is None else spec.project.levels
    if not spec.trusted:
        levels = (*levels, *_above(levels[-1] if levels else spec.directory))
    # By the name that it was given too: what codex makes of links is its own matter.
    directories = dict.fromkeys((spec.directory, *levels))
    told = ",".join(f'{_quoted(directory)}={{trust_level="{level}"}}' for directory in directories)
    return ("-c", f"projects={{{told}}}")


def _above(directory: str) -> Iterator[str]:
    """Every directory above this one, which is absolute."""
    while directory.strip("/"):
        directory = directory.rstrip("/").rpartition("/")[0] or "/"
        yield directory


def texts(spec: AgentSpec) -> dict[str, Any]:
    """What a thread is told instead of what codex does not read."""
    if spec.trusted or spec.project is None:
        return {}
    text = instructions(spec.project, "AGENTS.md")
    return {} if text is None else {"developerInstructions": text}


def _quoted(path: str) -> str:
    """As a basic string of TOML. A name that is no text cannot be written in it, and codex does not look for it."""
    return f'"{path.encode(errors="replace").decode().translate(_ESCAPES)}"'
