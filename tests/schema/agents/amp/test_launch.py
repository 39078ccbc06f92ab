"""Amp's command line, and the settings that it is given instead of the user's own file."""

import json
from typing import Any

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.amp.definition import DEFINITION, user_files
from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.dialect import Launch, UserFile
from sandbox_agent.schema.problems import Problem

from .spec import SPEC

PROTOCOL = [
    "--settings-file", "/private/dir/settings.json", "--execute", "--stream-json", "--stream-json-thinking",
    "--stream-json-input", "--no-archive-after-execute",
]  # fmt: skip
DELEGATE = {"tool": "*", "action": "delegate", "to": "/private/dir/ask"}


def launch(**changes: object) -> Launch:
    return Amp(evolve(SPEC, **changes)).launch()


def settings(users: str | None = None, **changes: object) -> dict[str, Any]:
    file = UserFile("/home/u/.config/amp/settings.json", users.encode()) if users is not None else None
    return dict(json.loads(launch(user_file=file, **changes).files["settings.json"].content))


def allowed(rules: list[dict[str, Any]]) -> set[str]:
    return {rule["tool"] for rule in rules if rule["action"] == "allow"}


def test_a_fresh_thread_and_one_that_goes_on():
    assert launch().argv == ("amp", *PROTOCOL)
    assert launch(resume="T-1").argv == ("amp", "threads", "continue", "T-1", *PROTOCOL)


def test_the_variant_is_amps_mode_and_any_name_passes():
    assert launch(variant="my plugin's").argv[-2:] == ("--mode", "my plugin's")
    assert launch(model="amp-default").argv == launch().argv


def test_only_a_fresh_thread_takes_a_title():
    assert launch(title="my work").argv == (*launch().argv, "--title", "my work")
    assert launch(title="my work", resume="T-1").argv == launch(resume="T-1").argv


def test_a_model_is_refused_with_what_there_is_instead():
    with pytest.raises(Problem, match="amp takes no model"):
        launch(model="gpt-5")


def test_without_a_hook_nobody_would_be_asked():
    with pytest.raises(ValueError, match="needs a hook"):
        launch(hook=None)


def test_the_hook_is_one_program_whose_command_line_survives_spaces():
    program = launch().files["ask"]
    assert program.program
    command = "/usr/bin/python3 -IS '/our place/amp_hook.py' /private/dir/hook"
    assert program.content.decode() == f"#!/bin/sh\nexec {command}\n"
    assert not launch().files["settings.json"].program


def test_whatever_no_rule_allows_is_asked():
    rules = settings()["amp.permissions"]
    assert rules[-1] == DELEGATE
    assert {"Read", "Grep", "glob"} <= allowed(rules)
    assert not allowed(rules) & {"edit_file", "create_file", "apply_patch", "shell_command", "web_search"}


def test_accept_edits_asks_us_about_edits_because_amp_does_not_look_where_a_path_leads():
    assert settings(permission_mode="acceptEdits") == settings()


def test_bypass_has_no_rules_of_ours():
    assert settings(permission_mode="bypass") == {"amp.dangerouslyAllowAll": True}
    kept = settings('{"amp.permissions":[{"tool":"x","action":"reject"}]}', permission_mode="bypass")
    assert kept["amp.permissions"] == [{"tool": "x", "action": "reject"}]


def test_the_users_settings_stay_and_their_rules_come_first():
    reject = {"tool": "Bash", "action": "reject", "message": "no"}
    users = {"amp.permissions": [reject, {"tool": "x", "action": "allow"}], "amp.mcpServers": {"a": {"command": "b"}}}
    merged = settings(json.dumps(users))
    assert merged["amp.mcpServers"] == {"a": {"command": "b"}}
    assert merged["amp.permissions"][:2] == users["amp.permissions"]
    assert merged["amp.permissions"][-1] == DELEGATE


def test_a_rule_that_asks_asks_through_us():
    users = '{"amp.permissions":[{"tool":"Bash","matches":{"cmd":"*rm*"},"action":"ask"}]}'
    assert settings(users)["amp.permissions"][0] == {**DELEGATE, "tool": "Bash", "matches": {"cmd": "*rm*"}}


def test_a_user_who_allows_everything_is_still_asked_in_a_session_that_asks():
    assert settings('{"amp.dangerouslyAllowAll":true}')["amp.dangerouslyAllowAll"] is False


@pytest.mark.parametrize(
    "users",
    [
        '// all\n{"amp.url": "http://x//y", /* or\n not */ "a": [1, 2,], }',
        '\ufeff{"amp.url": "http://x//y", "a": [1, 2]}',
    ],
)
def test_comments_and_trailing_commas_are_as_good_as_to_amp(users: str):
    merged = settings(users)
    assert (merged["amp.url"], merged["a"]) == ("http://x//y", [1, 2])


def test_a_string_keeps_what_looks_like_a_comment_or_a_comma():
    said = 'a ,] /* b */ // "c" ,}'
    assert settings(json.dumps({"x": said}))["x"] == said


def test_an_empty_file_is_no_settings():
    assert settings("\n") == settings()


@pytest.mark.parametrize("users", ['{"amp.permissions": [', "[]", "7", "[" * 100_000])
def test_settings_that_cannot_be_read_are_refused_and_not_left_out(users: str):
    with pytest.raises(Problem, match=r"amp's settings in /home/u/\.config/amp/settings\.json"):
        settings(users)


@pytest.mark.parametrize(
    ("environment", "paths"),
    [
        ({"HOME": "/h"}, ("/h/.config/amp/settings.json", "/h/.config/amp/settings.jsonc")),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, ("/x/amp/settings.json", "/x/amp/settings.jsonc")),
        ({"HOME": "/h", "AMP_SETTINGS_FILE": "/s"}, ("/s",)),
    ],
)
def test_where_the_users_settings_are(environment: dict[str, str], paths: tuple[str, ...]):
    assert tuple(user_files(environment)) == paths


def test_amps_environment_is_the_users():
    assert launch().env == {}


def test_the_definition_tells_what_the_dialect_does():
    definition = DEFINITION
    assert definition.permission_modes == ("default", "bypass", "acceptEdits")
    assert definition.hooked
    said = definition.capabilities
    assert (said.permissions, said.questions, said.streaming_deltas, said.item_started) == (True, False, False, False)
