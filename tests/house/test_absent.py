"""What of 0.1 is not there yet is said in README and in CHANGELOG, and both say what is so.

The commands and options are those of sandbox-agent 0.1.12, as its own help lists them.
"""

import re

import attrs
import click

from sandbox_agent.cli.server.variables import FORMER
from sandbox_agent.schema.agents.dialect import AgentSpec

from ..transport.api.test_openapi import LATER_PATHS, reference
from .checkout import ROOT
from .test_names_in_documents import commands, options_of

COMMANDS_OF_01 = {
    "": "--token -t --no-token -n --version -V --help -h",
    "server": "--host -H --port -p --cors-allow-origin -O --cors-allow-method -M --cors-allow-header -A "
    "--cors-allow-credentials -C --no-telemetry --token -t --no-token -n",
    "api agents list": "--endpoint -e --token -t",
    "api agents install": "--reinstall -r --endpoint -e",
    "api agents modes": "--endpoint -e",
    "api agents models": "--endpoint -e",
    "api sessions list": "--endpoint -e",
    "api sessions create": "--agent -a --agent-mode -g --permission-mode -p --model -m --variant -v --agent-version -A "
    "--mcp-config --skill --endpoint -e",
    "api sessions send-message": "--message -m --endpoint -e",
    "api sessions send-message-stream": "--message -m --include-raw --endpoint -e",
    "api sessions terminate": "--endpoint -e",
    "api sessions events": "--offset -o --limit -l --include-raw --endpoint -e",
    "api sessions get-messages": "--offset -o --limit -l --include-raw --endpoint -e",
    "api sessions events-sse": "--offset -o --include-raw --endpoint -e",
    "api sessions reply-question": "--answers -a --endpoint -e",
    "api sessions reject-question": "--endpoint -e",
    "api sessions reply-permission": "--reply -r --endpoint -e",
    "api fs entries": "--path --session-id",
    "api fs read": "--session-id",
    "api fs write": "--content --from-file --session-id",
    "api fs delete": "--recursive --session-id",
    "api fs mkdir": "--session-id",
    "api fs move": "--overwrite --session-id",
    "api fs stat": "--session-id",
    "api fs upload-batch": "--tar --path --session-id",
    "install-agent": "--reinstall -r",
    "opencode": "--host -H --port -p --session-title --yolo",
    "credentials extract": "--agent -a --provider -p --home-dir -d --no-oauth --reveal -r",
    "credentials extract-env": "--export -e --home-dir -d --no-oauth",
    "daemon start": "--host -H --port -p --upgrade",
    "daemon stop": "--host -H --port -p",
    "daemon status": "--host -H --port -p",
}


def absent(page: str, heading: str) -> list[str]:
    """The points of the list below a heading."""
    below = (ROOT / page).read_text().partition(f"\n{heading}\n")[2]
    points = re.search(r"(?:^\* .+\n(?:  .+\n)*)+", below, re.MULTILINE)
    assert points is not None, f"{page} has no list below {heading!r}"
    return [point.rstrip(";.") for point in re.split(r"^\* |\n\* ", points[0].strip()) if point]


def said() -> str:
    return "\n".join(absent("README.md", "## What is not there yet"))


def missing_of_01() -> set[str]:
    """Commands that are not there, and options that are not, after their command."""
    found: set[str] = set()
    for line, options in COMMANDS_OF_01.items():
        path = tuple(line.split())
        command = commands().get(path)
        if command is None:
            found.add("api fs" if path[:2] == ("api", "fs") else line)
            continue
        # What stands before a command is said for it too.
        known = options_of(command) | {"-h"}
        known |= {name for length in range(len(path)) for name in options_of(commands()[path[:length]])}
        found |= {f"{line} {option}" for option in options.split() if option not in known}
    return found


def test_readme_and_changelog_say_the_same() -> None:
    points = absent("README.md", "## What is not there yet")
    assert len(points) > 5
    assert absent("CHANGELOG.md", "Of 0.1 this is not there yet:") == points


def test_the_paths_that_are_missing_are_named_and_no_others() -> None:
    named = set(re.findall(r"`(/v1/[\w/-]+)`", said()))
    assert named == LATER_PATHS
    assert named <= set(reference()["paths"])


def test_the_commands_and_options_that_are_missing_are_named_and_no_others() -> None:
    missing = missing_of_01()
    named = {code for code in re.findall(r"`([a-z][a-z-]*(?: [a-z-]+)*)`", said()) if code not in ("mcp", "skills")}
    assert {name for name in missing if f"`{name}`" not in said()} == set()
    assert named <= missing | {"daemon start --upgrade"}


def test_what_else_is_named_is_missing() -> None:
    root = commands()[()]
    assert isinstance(root, click.Group)
    assert "_LOG_DIR`" in said()
    assert "LOG_DIR" in FORMER
    # A session's MCP servers and skills would reach an agent through what its dialect is made with.
    assert not {field.name for field in attrs.fields(AgentSpec)} & {"mcp", "skills"}
    assert not list(ROOT.glob("inspector/*"))
    assert not list(ROOT.glob("sdk/typescript/*"))
