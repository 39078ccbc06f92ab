"""How much of a subscription is used, and when that is news."""

from typing import Any

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.codex.rate_limits import RateLimits
from sandbox_agent.schema.items import JsonPart, StatusPart

from .spec import SPEC
from .test_dialect import notice


def used(percent: int, **rest: Any) -> dict[str, Any]:
    return {"limitId": "codex", "primary": {"usedPercent": percent, **rest}}


def test_it_is_told_at_first_and_whenever_ten_points_have_gone_since():
    limits = RateLimits()
    told = [percent for percent in (12, 13, 21, 22, 31, 35, 2) if limits.updated(used(percent))]
    assert told == [12, 22, 35, 2]


def test_it_tells_windows_their_length_and_their_end():
    window = {"windowDurationMins": 300, "resetsAt": 1_800_000_000}
    secondary = {"usedPercent": 3, "windowDurationMins": None, "resetsAt": None}
    assert RateLimits().updated(used(12, **window) | {"secondary": secondary}) == (
        StatusPart(
            "rate_limit",
            "codex: 12 % of the primary window of 300 minutes until 2027-01-15T08:00:00Z; 3 % of the secondary window",
        ),
        JsonPart({"limit": "codex", "primary": {"usedPercent": 12, **window}, "secondary": {"usedPercent": 3}}),
    )


def test_an_update_leaves_out_what_has_not_changed():
    limits = RateLimits()
    limits.updated(used(12) | {"secondary": {"usedPercent": 50}})
    assert limits.updated({"limitId": "codex", "primary": {"usedPercent": 13}}) == ()
    (_, facts) = limits.updated({"limitId": "codex", "rateLimitReachedType": "rate_limit_reached"})
    assert facts == JsonPart(
        {
            "limit": "codex",
            "primary": {"usedPercent": 13},
            "secondary": {"usedPercent": 50},
            "rateLimitReachedType": "rate_limit_reached",
        }
    )


def test_each_limit_is_told_by_itself():
    limits = RateLimits()
    assert limits.updated(used(12))
    assert limits.updated(used(12) | {"limitId": "other"})
    assert not limits.updated(used(12) | {"limitId": "other"})


@pytest.mark.parametrize("said", [None, 7, {}, {"primary": 7}, {"primary": {"usedPercent": "x"}}, {"limitId": []}])
def test_what_says_nothing_of_use_is_not_told(said: Any):
    assert RateLimits().updated(said) == ()


def test_a_flag_of_another_kind_is_no_fault():
    (status, facts) = RateLimits().updated(used(12) | {"rateLimitReachedType": True})
    assert status == StatusPart("rate_limit", "codex: 12 % of the primary window")
    assert facts == JsonPart({"limit": "codex", "primary": {"usedPercent": 12}, "rateLimitReachedType": True})


def test_a_time_out_of_the_calendar_is_told_as_it_is():
    (status, _) = RateLimits().updated(used(1, resetsAt=10**30))
    assert isinstance(status, StatusPart)
    assert str(10**30) in (status.detail or "")


def test_a_name_and_a_goal_are_told_when_they_change():
    dialect = Codex(SPEC)
    goal = {"objective": "win", "status": "active", "tokensUsed": 1}
    assert notice("thread/name/updated", threadName="a").say(dialect)
    assert not notice("thread/name/updated", threadName="a").say(dialect)
    assert not notice("thread/name/updated", threadName=None).say(dialect)
    assert notice("thread/name/updated", threadName="b").say(dialect)
    assert notice("thread/goal/updated", goal=goal).say(dialect)
    assert not notice("thread/goal/updated", goal={**goal, "tokensUsed": 2}).say(dialect)
    assert not notice("thread/goal/cleared").say(dialect)
    assert notice("thread/goal/updated", goal=goal).say(dialect), "set anew"


def test_looking_at_a_program_is_no_typing():
    interaction = {"itemId": "i", "processId": "p", "turnId": "U"}
    dialect = Codex(SPEC)
    assert not notice("item/commandExecution/terminalInteraction", stdin="", **interaction).say(dialect)
    assert notice("item/commandExecution/terminalInteraction", stdin="y\n", **interaction).say(dialect)


def test_a_server_that_fails_in_each_thread_is_told_once():
    dialect = Codex(SPEC)
    failed = {"name": "lab", "status": "failed", "error": "e"}
    assert notice("mcpServer/startupStatus/updated", **failed).say(dialect)
    assert not notice("mcpServer/startupStatus/updated", "of a sub-agent", **failed).say(dialect)
    assert notice("mcpServer/startupStatus/updated", name="lab", status="ready").say(dialect)
