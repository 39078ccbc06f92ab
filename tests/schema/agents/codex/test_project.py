"""How codex is told whether it may read what lies in its working directory."""

import tomllib
from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.codex.launch import thread_request
from sandbox_agent.schema.workspace.project import Project, ProjectText

from .spec import SPEC


def projects(**changes: Any) -> dict[str, str]:
    """What codex makes of the argument."""
    argv = Codex(evolve(SPEC, **changes)).launch().argv
    (told,) = [argument for argument in argv if argument.startswith("projects=")]
    return {path: level["trust_level"] for path, level in tomllib.loads(told)["projects"].items()}


def test_a_level_is_told_in_any_case():
    assert projects(directory="/w") == {"/w": "trusted"}
    found = Project("/real/w/sub", ("/real/w/sub", "/real/w"))
    assert projects(directory="/w/sub", project=found) == dict.fromkeys(("/w/sub", "/real/w/sub", "/real/w"), "trusted")


def test_nothing_above_an_untrusted_directory_is_trusted():
    found = Project("/real/w/sub", ("/real/w/sub", "/real/w"))
    everything = ("/w/sub", "/real/w/sub", "/real/w", "/real", "/")
    assert projects(directory="/w/sub", project=found, trusted=False) == dict.fromkeys(everything, "untrusted")
    assert set(projects(directory="/w/sub/", trusted=False)) == {"/w/sub/", "/w", "/"}


@pytest.mark.parametrize(
    "name", ['"', "\\", "'", "=}]#", "\n\r\t\b\f", "\x00\x1f\x7f", "ünï ☃ 🎈", '"={trust_level="trusted"}}#', "a.b"]
)
def test_a_path_is_one_key_whatever_is_in_it(name: str):
    assert projects(directory=f"/{name}", trusted=False) == {f"/{name}": "untrusted", "/": "untrusted"}


def test_instructions_are_told_in_every_thread_of_an_untrusted_session():
    found = Project("/w", ("/w",), (ProjectText("/w/AGENTS.md", "TEXT"),))
    for resume in (None, "T"):
        spec = evolve(SPEC, trusted=False, project=found)
        told = thread_request(spec, "thread_1", resume)["params"]["developerInstructions"]
        assert "Contents of /w/AGENTS.md:\n\nTEXT" in told
    assert "developerInstructions" not in thread_request(SPEC, "thread_1", None)["params"]
    assert "developerInstructions" not in thread_request(evolve(SPEC, project=found), "thread_1", None)["params"]
