"""A credential as people and shells see it."""

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_agent.schema.credentials.credential import (
    VARIABLES,
    Credential,
    by_provider,
    of_environment,
    redacted,
    shell_lines,
)

from ...patience import PATIENCE


def key(secret: str = "sk-secret", provider: str = "anthropic", source="environment", place="P") -> Credential:
    return Credential(provider, source, "api_key", secret, place)


def token(secret: str = "tok", provider: str = "anthropic", source="claude-code", place="file") -> Credential:
    return Credential(provider, source, "oauth", secret, place)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("sk-ant-abcdefwxyz", "sk-a...wxyz"),
        ("abcdefghi", "abcd...fghi"),
        ("abcdefgh", "****"),
        ("", "****"),
        ("ключ-від-дверей", "ключ...ерей"),
        ("🔑🔑🔑🔑🔒🔒🔓🔓🔓🔓", "🔑🔑🔑🔑...🔓🔓🔓🔓"),
    ],
)
def test_redaction_counts_characters_and_never_splits_one(secret: str, shown: str):
    assert redacted(secret) == shown


def test_a_secret_is_not_in_the_repr_of_its_credential():
    assert "sk-secret" not in repr(key())


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_a_variable_that_is_set_but_empty_is_no_credential(value: str):
    assert of_environment({v.name: value for v in VARIABLES}) == ()


def test_variables_count_in_order_and_keys_before_tokens():
    everything = {v.name: f"value of {v.name}" for v in VARIABLES}
    names = [credential.place for credential in of_environment(everything)]
    assert names == [
        "ANTHROPIC_API_KEY", "CLAUDE_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN",
        "OPENAI_API_KEY", "CODEX_API_KEY", "AMP_API_KEY",
    ]  # fmt: skip
    chosen = by_provider(of_environment(everything | {"ANTHROPIC_API_KEY": ""}))
    assert {p: c.place for p, c in chosen.items()} == {
        "anthropic": "CLAUDE_API_KEY",
        "openai": "OPENAI_API_KEY",
        "amp": "AMP_API_KEY",
    }


def test_without_oauth_a_key_that_comes_later_counts():
    found = (token("t"), key("k", source="opencode"))
    assert by_provider(found)["anthropic"].secret == "t"
    assert by_provider(found, oauth=False)["anthropic"].secret == "k"
    assert by_provider((token(),), oauth=False) == {}


def test_a_token_is_never_printed_as_an_api_key():
    assert shell_lines([token("t")]) == ["CLAUDE_CODE_OAUTH_TOKEN=t"]
    assert shell_lines([token("t", source="environment", place="ANTHROPIC_AUTH_TOKEN")]) == ["ANTHROPIC_AUTH_TOKEN=t"]
    assert shell_lines([token("t", provider="openai")]) == ["OPENAI_OAUTH_TOKEN=t"]
    assert shell_lines([token("t", provider="github-copilot")]) == ["GITHUB_COPILOT_OAUTH_TOKEN=t"]


def test_a_key_is_printed_under_each_name_that_programs_know():
    assert shell_lines([key("a"), key("o", "openai"), key("m", "amp"), key("r", "open-router")], export=True) == [
        "export ANTHROPIC_API_KEY=a",
        "export CLAUDE_API_KEY=a",
        "export OPENAI_API_KEY=o",
        "export CODEX_API_KEY=o",
        "export AMP_API_KEY=m",
        "export OPEN_ROUTER_API_KEY=r",
    ]


def test_two_providers_with_one_variable_do_not_overwrite_each_other():
    assert shell_lines([key("a", "x-y"), key("b", "x.y")]) == ["X_Y_API_KEY=a"]


secrets = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(secret=secrets, provider=st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_secret_or_a_providers_name_holds_a_line_is_one_assignment(secret: str, provider: str):
    for line in shell_lines([key(secret, provider)]):
        name, _, value = line.partition("=")
        assert name.isascii()
        assert name.isidentifier()
        assert shlex.split(value) == [secret]


@settings(max_examples=20)
@given(secret=secrets.filter(lambda text: not text.endswith("\n")))
def test_a_shell_that_evaluates_the_lines_gets_the_secret(secret: str):
    script = "\n".join(["LC_ALL=C", *shell_lines([key(secret)]), 'printf %s "$ANTHROPIC_API_KEY"'])
    done = subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, timeout=PATIENCE, check=True)
    assert done.stdout == secret.encode()
