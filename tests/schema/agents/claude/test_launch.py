"""The command line: every mode, and nothing that the user did not ask for."""

import json
from uuid import UUID

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.claude.definition import DEFINITION
from sandbox_agent.schema.agents.claude.dialect import Claude

from .spec import SPEC

ALWAYS = (
    "claude -p --output-format stream-json --input-format stream-json --verbose --include-partial-messages"
    " --permission-prompt-tool stdio"
)


def arguments(**changes: object) -> list[str]:
    """What comes after the part that never changes."""
    *argv, flag, settings = Claude(evolve(SPEC, **changes)).launch().argv
    fixed = ALWAYS.split()
    assert argv[: len(fixed)] == fixed
    assert (flag, json.loads(settings)) == ("--settings", {"useAutoModeDuringPlan": False})
    return argv[len(fixed) :]


def test_a_fresh_conversation_gets_an_id_that_no_other_process_gets():
    flag, session_id, *rest = arguments()
    assert flag == "--session-id"
    assert str(UUID(session_id)) == session_id
    assert rest == ["--permission-mode", "default"]
    assert arguments(seed="other")[1] != session_id
    assert arguments(session_id="other")[1] != session_id


def test_a_resumed_conversation_keeps_its_id():
    assert arguments(resume="abc")[:2] == ["--resume", "abc"]


def test_the_default_model_is_claudes_own_choice():
    assert arguments(model="default") == arguments(model=None) == arguments()
    assert "--model opus --effort high" in " ".join(arguments(model="opus", variant="high"))


@pytest.mark.parametrize(
    ("agent_mode", "permission_mode", "flags"),
    [
        ("build", "default", "--permission-mode default"),
        ("build", "plan", "--permission-mode plan"),
        ("build", "acceptEdits", "--permission-mode acceptEdits"),
        ("build", "bypass", "--permission-mode bypassPermissions --allow-dangerously-skip-permissions"),
        ("plan", "default", "--permission-mode plan"),
        ("plan", "bypass", "--permission-mode plan --allow-dangerously-skip-permissions"),
    ],
)
def test_modes(agent_mode: str, permission_mode: str, flags: str):
    assert arguments(agent_mode=agent_mode, permission_mode=permission_mode)[2:] == flags.split()


def test_the_environment_leaves_the_users_word_alone():
    launch = Claude(SPEC).launch()
    assert launch.defaults == {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_ENABLE_TODO_TOOLS": "1"}
    assert launch.env == {}


def test_the_definition_offers_what_the_dialect_knows():
    definition = DEFINITION
    assert definition.permission_modes == ("default", "plan", "bypass", "acceptEdits")
    assert [mode.id for mode in definition.modes] == ["build", "plan"]
    assert [model.id for model in definition.models] == ["default", "sonnet", "opus", "haiku"]
    assert definition.default_model == "default"
    assert definition.refuses_bypass_as_root
    assert not definition.capabilities.shared_process
