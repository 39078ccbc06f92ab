"""What opencode tells of itself beside its turns."""

from typing import Any

import pytest

from sandbox_agent.schema.agents.effects import CallHttp, Effect, ItemCompleted
from sandbox_agent.schema.agents.names import Names
from sandbox_agent.schema.agents.opencode.news import News
from sandbox_agent.schema.agents.opencode.status import retry
from sandbox_agent.schema.agents.opencode.wire import Status
from sandbox_agent.schema.items import StatusPart

from .talk import OWN, answering, calls, idle, tells

FAILED = {"status": "failed", "error": "no"}


def news() -> News:
    return News(Names(lambda _: False))


def words(effects: list[Effect]) -> list[tuple[str, str | None]]:
    told = [effect.content[0] for effect in effects if isinstance(effect, ItemCompleted)]
    return [(part.label, part.detail) for part in told if isinstance(part, StatusPart)]


def test_a_retry_tells_when_the_next_attempt_comes():
    effect = retry(Status("retry", 2, "overloaded", 1_800_000_000_000), "e", None, b"")
    assert words([effect]) == [("api_retry", "overloaded: attempt 2 at 2027-01-15T08:00:00Z")]


def test_servers_that_do_not_work_are_told_once_and_those_that_are_off_never():
    told = news()
    said = {"a": FAILED, "b": {"status": "disabled"}, "c": {"status": "connected"}, "d": {"status": "needs_auth"}}
    assert words(list(told.servers(said, b""))) == [("mcp.failed", "a: no"), ("mcp.needs_auth", "d")]
    assert list(told.servers(said, b"")) == []
    assert words(list(told.servers({"a": {"status": "connected"}}, b""))) == [("mcp.connected", "a")]


@pytest.mark.parametrize("said", [None, 7, [], {"a": 7}, {"a": {"status": 7}}])
def test_what_names_no_state_is_not_told(said: Any):
    assert list(news().servers(said, b"")) == []


def test_a_title_is_told_when_it_changes():
    told = news()
    told.began("New session")
    assert list(told.titled("New session", "e", b"")) == []
    assert words(list(told.titled("Tests", "e", b""))) == [("session_title_changed", "Tests")]
    assert list(told.titled("Tests", "e", b"")) == []
    assert list(told.titled(None, "e", b"")) == []


def test_the_servers_are_asked_about_once_in_a_turn():
    told = news()
    assert list(told.model_asked(1)) == [CallHttp("mcp", "GET", "/mcp", None)]
    assert list(told.model_asked(1)) == []
    assert list(told.model_asked(2)) == [CallHttp("mcp", "GET", "/mcp", None)]


def test_a_sub_agents_title_is_not_the_conversations():
    assert (
        answering()
        >> tells("session.updated", info={"id": "ses_child", "title": "t"})
        >> tells("session.updated", info={"id": OWN, "title": "t"})
        << "S item.started itm_2 evt_1 status system"
        << "item.completed itm_2 evt_1 status system completed"
    )


def test_a_server_that_waits_for_a_login_is_told_with_its_address():
    assert (
        idle()
        >> tells("mcp.browser.open.failed", mcpName="lab", url="https://login.example")
        << "S item.started itm_1 evt_1 status system"
        << "item.completed itm_1 evt_1 status system completed"
        >> tells("mcp.tools.changed", server="lab")
        << calls("mcp", "GET", "/mcp")
    )
