"""How codex is told a key: playbooks without a process."""

import json
from typing import Any

import pytest

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import AgentSpec, Effects
from sandbox_agent.schema.agents.effects import Errored, Write

KEY = "sk-fake-openai-key-for-tests"


def codex(login_variable: str | None) -> Codex:
    return Codex(
        AgentSpec(
            "s", ("codex",), "/work", "build", "default", "seed",
            environment={"OPENAI_API_KEY": KEY}, login_variable=login_variable,
        )
    )  # fmt: skip


def written(effects: Effects) -> list[dict[str, Any]]:
    return [json.loads(effect.data) for effect in effects if isinstance(effect, Write)]


def say(dialect: Codex, **frame: object) -> Effects:
    return dialect.receive(json.dumps(frame).encode())


@pytest.mark.parametrize("variable", [None, "OPENAI_API_KEY"])
def test_a_key_is_told_before_the_thread_is_opened_and_only_when_it_must_be(variable: str | None):
    dialect = codex(variable)
    dialect.begin()
    asked = written(say(dialect, id="initialize", result={}))
    login = [{"id": "login", "method": "account/login/start", "params": {"type": "apiKey", "apiKey": KEY}}]
    assert asked[1:-1] == (login if variable else [])
    assert (asked[0]["method"], asked[-1]["method"]) == ("initialized", "thread/start")


@pytest.mark.parametrize("variable", [None, "OPENAI_API_KEY"])
def test_what_is_told_is_kept_in_memory_and_an_own_login_stays_in_use(variable: str | None):
    argv = codex(variable).launch().argv
    assert ('cli_auth_credentials_store="ephemeral"' in argv) == (variable is not None)
    assert KEY not in " ".join(argv)
    assert KEY not in repr(codex(variable))


def test_a_login_that_works_is_silent():
    dialect = codex("OPENAI_API_KEY")
    assert list(say(dialect, id="login", result={"type": "apiKey"})) == []
    assert list(say(dialect, method="account/login/completed", params={"success": True, "error": None})) == []


def test_a_login_that_is_refused_is_an_error_that_says_why():
    (effect,) = say(codex("OPENAI_API_KEY"), id="login", error={"code": -32600, "message": "login is disabled"})
    assert isinstance(effect, Errored)
    assert (effect.data.code, effect.data.message) == ("login_failed", "login is disabled")
