"""MCP servers that do not work, and how claude is asked about them."""

from typing import Any

from sandbox_agent.schema.agents.claude.mcp import ClaudeMcp
from sandbox_agent.schema.agents.claude.wire import ControlAnswer
from sandbox_agent.schema.agents.effects import Effect, ItemCompleted, Write
from sandbox_agent.schema.agents.json_lines import decode, line
from sandbox_agent.schema.agents.mcp_servers import McpServers
from sandbox_agent.schema.agents.names import Names
from sandbox_agent.schema.bounds import MAX_NAME, MAX_REASON
from sandbox_agent.schema.items import StatusPart


def test_a_server_is_told_once_and_again_when_its_state_or_the_reason_changes():
    servers = McpServers()
    assert servers.told("lab", "failed", "no") == StatusPart("mcp.failed", "lab: no")
    assert servers.told("lab", "failed", "no") is None
    assert servers.told("lab", "failed", "other") == StatusPart("mcp.failed", "lab: other")
    assert servers.told("lab", "needs-auth") == StatusPart("mcp.needs_auth", "lab")


def test_a_server_that_works_is_told_only_when_it_did_not():
    servers = McpServers()
    assert servers.told("lab", "connected") is None
    servers.told("lab", "failed")
    assert servers.told("lab", "connected") == StatusPart("mcp.connected", "lab")
    assert servers.told("lab", "connected") is None


def test_names_states_and_reasons_are_bounded():
    part = McpServers().told("n" * 9999, "s" * 9999, "r" * 9999)
    assert part is not None
    assert len(part.label) == MAX_NAME + len("mcp.")
    assert len(part.detail or "") == MAX_NAME + len(": ") + MAX_REASON


def server(name: str, status: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "status": status, **rest}


def answered(mcp: ClaudeMcp, *servers: dict[str, Any], subtype: str = "success") -> list[Effect]:
    response = {"subtype": subtype, "request_id": "mcp_status_1", "response": {"mcpServers": servers}}
    return list(mcp.answered(decode(line(response), ControlAnswer)))


def details(effects: list[Effect]) -> list[tuple[str, str | None]]:
    told = [effect.content[0] for effect in effects if isinstance(effect, ItemCompleted)]
    return [(part.label, part.detail) for part in told if isinstance(part, StatusPart)]


def test_claude_is_asked_for_reasons_only_when_something_else_has_failed():
    mcp = ClaudeMcp(Names(lambda _: False))
    assert list(mcp.turn_began([server("a", "connected"), server("b", "disabled")])) == []
    (asked,) = mcp.turn_began([server("a", "failed"), server("b", "disabled")])
    assert isinstance(asked, Write)
    assert b'"subtype":"mcp_status"' in asked.data
    config = {"env": {"KEY": "secret"}}
    effects = answered(mcp, server("a", "failed", error="no", config=config), server("b", "disabled"))
    assert details(effects) == [("mcp.failed", "a: no")]
    assert "secret" not in repr(effects)
    assert list(mcp.turn_ended()) == []
    assert list(mcp.turn_began([server("a", "failed"), server("b", "disabled")])) == []
    assert details(list(mcp.turn_began([server("a", "connected")]))) == [("mcp.connected", "a")]


def test_one_that_has_not_answered_is_told_at_the_end_of_the_turn():
    mcp = ClaudeMcp(Names(lambda _: False))
    assert list(mcp.turn_began([server("a", "pending")])) == []
    assert answered(mcp, server("a", "pending")) == []
    (asked,) = mcp.turn_ended()
    assert isinstance(asked, Write)
    assert details(answered(mcp, server("a", "pending"))) == [("mcp.pending", "a: it has not answered yet")]


def test_a_claude_that_cannot_be_asked_still_tells_which():
    mcp = ClaudeMcp(Names(lambda _: False))
    list(mcp.turn_began([server("a", "failed")]))
    assert details(answered(mcp, subtype="error")) == [("mcp.failed", "a")]


def test_what_is_no_list_of_servers_is_none():
    mcp = ClaudeMcp(Names(lambda _: False))
    for told in (None, 7, "x", [None, 7, [], {"name": {}}]):
        list(mcp.turn_began(told))
    list(mcp.turn_ended())
    assert answered(mcp) == []
