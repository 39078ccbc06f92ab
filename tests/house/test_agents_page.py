"""The page about agents: its table of what is covered says what the daemon says, and each line names its tests."""

import re

import attrs

from sandbox_agent.schema.agents.definitions import DEFINITIONS
from sandbox_agent.schema.api.agent_info import AgentCapabilities

from ..agents.vocabulary.lacks import lacks
from .checkout import ROOT
from .test_documents import TEST, is_test

NO_CAPABILITY = "none"


def coverage() -> list[list[str]]:
    """The cells of the table, its head first."""
    table = (ROOT / "docs" / "agents.md").read_text().partition("\n| What ")[2].partition("\n\n")[0]
    head, _, *rows = [line.strip("| ").split(" | ") for line in f"| What {table}".splitlines()]
    return [head, *rows]


def test_each_line_says_yes_or_no_of_every_agent_and_names_tests_that_exist() -> None:
    head, *rows = coverage()
    assert head[2:-1] == [each.id for each in DEFINITIONS]
    for what, _, *cells, tests in rows:
        assert len(cells) == len(DEFINITIONS), what
        assert set(cells) <= {"yes", "no"}, what
        named = TEST.findall(tests)
        assert named, what
        assert all(name and is_test(file, name) for file, name in named), what


def test_the_table_agrees_with_the_capabilities() -> None:
    agents = [each.capabilities for each in DEFINITIONS]
    told: set[str] = set()
    for what, capability, *cells, _ in coverage()[1:]:
        if capability != NO_CAPABILITY:
            name = field(capability)
            told.add(name)
            assert cells == ["yes" if getattr(agent, name) else "no" for agent in agents], what
    # Those two are told in words: mock says of MCP what wire 0.1 says of it.
    assert {each.name for each in attrs.fields(AgentCapabilities)} - told == {"mcp_tools", "shared_process"}


def test_what_is_not_taken_up_is_ranked_and_short() -> None:
    ranks = [lack.rank for lack in lacks()]
    assert sorted(set(ranks)) == list(range(1, len(set(ranks)) + 1))
    assert len(set(ranks)) <= 15
    assert {lack.kind.agent for lack in lacks()} <= {each.id for each in DEFINITIONS}


def field(capability: str) -> str:
    """The field of a capability as it is called on the wire."""
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", capability.strip("`"))
