"""How opencode is started, and which model a session means."""

import json
from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.dialect import Attachment, Prompt
from sandbox_agent.schema.agents.opencode import models as opencode_models
from sandbox_agent.schema.agents.opencode.commands import prompt_parts as native
from sandbox_agent.schema.agents.opencode.definition import DEFINITION
from sandbox_agent.schema.agents.opencode.launch import CONFIGURATION, PERMISSION_MODES, launch, listening

from ...playbook import any_of, prompts
from .spec import SPEC
from .talk import OWN, answers_call, calls, connected, idle


def configured(theirs: str | None = None, **spec: Any) -> Any:
    environment = {} if theirs is None else {CONFIGURATION: theirs}
    said = launch(evolve(SPEC, environment=environment, **spec)).env[CONFIGURATION]
    assert said is not None
    return said


def test_the_password_is_in_the_environment_and_not_on_the_command_line():
    started = launch(SPEC)
    assert started.argv == ("opencode", "serve", "--hostname", "127.0.0.1", "--port", "0")
    assert started.env["OPENCODE_SERVER_PASSWORD"] == SPEC.seed


def test_its_background_is_off_also_where_the_user_has_it_on():
    name = "OPENCODE_EXPERIMENTAL_BACKGROUND_SUBAGENTS"
    assert launch(evolve(SPEC, environment={name: "true"})).env[name] == "false"


@pytest.mark.parametrize("mode", PERMISSION_MODES)
def test_each_permission_mode_says_what_to_do_with_edits_and_commands(mode: str):
    said = json.loads(configured(permission_mode=mode))["permission"]
    expected = {"bypass": ("allow", "allow")}.get(mode, ("ask", "ask"))
    assert (said["edit"], said["bash"]) == expected


def test_the_users_own_words_count_and_ours_fill_the_gaps():
    theirs = {"model": "a/b", "permission": {"bash": {"git *": "allow"}}, "agent": {"plan": {"model": "c/d"}}}
    said = json.loads(configured(json.dumps(theirs)))
    assert said["model"] == "a/b"
    assert said["permission"]["bash"] == {"git *": "allow"}
    assert said["permission"]["edit"] == "ask"
    assert said["agent"]["plan"]["model"] == "c/d"
    assert said["agent"]["plan"]["permission"]["edit"]["*"] == "deny"
    assert json.loads(configured('{"permission":{}}'))["permission"]["edit"] == "ask"


@pytest.mark.parametrize("theirs", ["{ // a comment\n}", "[]", '{"permission":"allow"}'])
def test_a_configuration_that_we_cannot_add_to_is_left_alone(theirs: str):
    assert configured(theirs) == theirs


@pytest.mark.parametrize(
    "line",
    [b"", b"listening", b"opencode server listening on http://0.0.0.0:4096", b"listening on http://127.0.0.1:4096/x"],
)
def test_only_a_server_on_loopback_is_reached(line: bytes):
    assert listening(line, SPEC) is None


def test_bypass_and_a_title_are_told_to_the_session():
    rules = [{"permission": "*", "pattern": "*", "action": "allow"}]
    with pytest.raises(AssertionError, match=r"call session: POST /session"):
        connected(permission_mode="bypass", title="t")
    book = connected(resume="ses_x", permission_mode="bypass", title="t") >> answers_call("session", {}, 404)
    assert book << any_of(object) << calls("session", "POST", "/session", {"title": "t", "permission": rules})


@pytest.mark.parametrize(
    ("spec", "agent", "model"),
    [
        ({}, "build", "p/m"),
        ({"model": "default"}, "build", "p/m"),
        ({"model": "x/y/z"}, "build", "x/y/z"),
        ({"permission_mode": "plan", "agent_mode": "poet"}, "plan", "p/m"),
        ({"agent_mode": "poet"}, "poet", "p/m"),
    ],
)
def test_every_prompt_names_its_agent_and_its_model(spec: dict[str, Any], agent: str, model: str):
    provider, _, name = model.partition("/")
    body = {
        "parts": [{"type": "text", "text": "hi"}], "agent": agent, "variant": "high",
        "model": {"providerID": provider, "modelID": name},
    }  # fmt: skip
    book = idle(variant="high", **spec) >> prompts("hi") << any_of(object) << any_of(object) << any_of(object)
    assert book << calls("prompt 1", "POST", f"/session/{OWN}/prompt_async", body)


def test_the_default_model_is_the_agents_then_the_configurations_then_the_first_providers():
    config = {"model": "a/b", "agent": {"poet": {"model": "c/d"}}}
    assert opencode_models.configured(config, "poet") == "c/d"
    assert opencode_models.configured(config, "build") == "a/b"
    assert opencode_models.configured({}, "build") is None
    providers = {"providers": [{"id": "z"}, {"id": "y"}], "default": {"y": "m", "q": "n"}}
    assert opencode_models.first_default(providers) == "y/m"
    assert opencode_models.first_default({"providers": 3}) is None


def test_images_go_inline_text_is_read_by_opencode_and_the_rest_is_named():
    prompt = Prompt(1, "look", (
        Attachment("/w/p.png", "image/png", None, b"png"),
        Attachment("/w/a b.md", "text/markdown", "notes"),
        Attachment("/w/z.zip", "application/zip", None),
    ))  # fmt: skip
    assert native(prompt) == [
        {"type": "text", "text": "look\n\nAttachments:\n- /w/z.zip"},
        {"type": "file", "mime": "image/png", "filename": "p.png", "url": "data:image/png;base64,cG5n"},
        {"type": "file", "mime": "text/plain", "filename": "notes", "url": "file:///w/a%20b.md"},
    ]


def test_it_has_a_server_for_each_session_and_takes_agents_of_the_users_own():
    definition = DEFINITION
    assert definition.capabilities.shared_process is False
    assert definition.any_mode is True
    assert definition.permission_modes == ("default", "plan", "bypass", "acceptEdits")
