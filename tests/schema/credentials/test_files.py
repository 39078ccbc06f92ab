"""What is read from each file, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.credentials import files
from sandbox_agent.schema.credentials.files import CodexConfig, Login, NotReadable, Secret

NOW = 1_800_000_000_000
PAST, FUTURE = NOW - 1, NOW + 1


def data(**content: object) -> bytes:
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "content",
    [
        {"anthropicApiKey": "k"}, {"anthropic_api_key": "k"}, {"apiKey": "k"}, {"api_key": "k"}, {"accessToken": "k"},
        {"access_token": "k"}, {"token": "k"}, {"auth": {"anthropicApiKey": "k"}}, {"auth": {"apiKey": "k"}},
        {"auth": {"token": "k"}}, {"anthropic": {"apiKey": "k"}}, {"anthropic": {"token": "k"}},
    ],
)  # fmt: skip
def test_every_name_that_amps_file_may_use_is_known(content: dict[str, object]):
    assert files.amp_config(data(**content)) == Secret("anthropic", "api_key", "k")


def test_a_key_of_amp_itself_is_never_taken_for_anthropics():
    assert files.amp_config(data(apiKey="sgamp_1")) == Secret("amp", "api_key", "sgamp_1")


@pytest.mark.parametrize("value", ["", "  ", 5, None, ["k"], "k\0"])
def test_a_value_that_no_variable_could_hold_is_no_secret(value: object):
    assert files.amp_config(data(apiKey=value)) is None


def test_amps_secrets_are_those_of_its_server_to_the_letter():
    secrets = data(**{"apiKey@http://a": "one", "apiKey@http://a/": "two", "other": "three"})
    assert files.amp_secrets(secrets, "http://a/") == "two"
    assert files.amp_secrets(secrets, "http://b") is None
    assert files.amp_secrets(secrets, None) == "one"
    assert files.amp_secrets(data(other="x"), None) is None


def test_claudes_keys_must_look_like_anthropics():
    assert files.claude_key(data(primaryApiKey="helper", customApiKey="sk-ant-1")) == Secret(
        "anthropic", "api_key", "sk-ant-1"
    )
    assert files.claude_key(data(apiKey="sk-other")) is None


def test_a_login_token_in_the_place_of_a_key_is_told_apart():
    assert files.claude_key(data(primaryApiKey="sk-ant-oat01-x")) == Secret("anthropic", "oauth", "sk-ant-oat01-x")


@pytest.mark.parametrize(
    ("expires", "token"),
    [
        (PAST, None),
        (NOW, None),
        (FUTURE, "t"),
        (float(PAST), None),
        (0, "t"),
        (True, "t"),
        (None, "t"),
        ("2020-01-01T00:00:00Z", None),
        ("2020-01-01T00:00:00", None),
        ("2999-01-01T00:00:00+02:00", "t"),
        ("2027-01-15T09:59:59.999+02:00", None),  # one millisecond before now
        ("2027-01-15T10:00:00.001+02:00", "t"),
        ("soon", "t"),
    ],
)
def test_an_expired_token_is_known_by_number_and_by_text(expires: object, token: str | None):
    login = files.claude_login(data(claudeAiOauth={"accessToken": "t", "expiresAt": expires}), NOW)
    assert (login.token if login else None) == token


def test_an_expired_login_that_can_be_renewed_is_still_a_login():
    content = {"accessToken": "t", "refreshToken": "r", "expiresAt": PAST}
    assert files.claude_login(data(claudeAiOauth=content), NOW) == Login(None, True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"apiKeyHelper": "get-key"}, "apiKeyHelper"),
        ({"env": {"CLAUDE_CODE_USE_BEDROCK": 1}}, "CLAUDE_CODE_USE_BEDROCK"),
        ({"env": {"ANTHROPIC_BASE_URL": "http://gateway"}}, "ANTHROPIC_BASE_URL"),
        ({"env": {"ANTHROPIC_API_KEY": ""}}, None),
        ({"env": ["x"]}, None),
        ({}, None),
    ],
)
def test_claudes_settings_may_stand_for_a_credential(content: dict[str, object], reason: str | None):
    assert files.claude_settings(data(**content)) == reason


def test_codexs_key_and_login_are_told_apart():
    both = data(OPENAI_API_KEY="sk-o", tokens={"access_token": "t", "refresh_token": "r"})
    assert files.codex_login(both) == ("sk-o", Login("t", True))
    assert files.codex_login(data(OPENAI_API_KEY="", tokens=None)) == (None, None)


@pytest.mark.parametrize(
    ("toml", "config"),
    [
        ("", CodexConfig(None, frozenset())),
        ('model = "gpt-5"', CodexConfig(None, frozenset())),
        ('model_provider = "openai"', CodexConfig(None, frozenset())),
        (
            'model_provider = "mock"\n[model_providers.mock]\nenv_key = "MOCK_KEY"',
            CodexConfig("model_provider", frozenset({"MOCK_KEY"})),
        ),
        ('[profiles.local]\nmodel_provider = "ollama"', CodexConfig("model_provider", frozenset())),
        (
            'cli_auth_credentials_store = "keyring"',
            CodexConfig("cli_auth_credentials_store", frozenset()),
        ),
        ('openai_base_url = "http://gateway"', CodexConfig("openai_base_url", frozenset())),
        ("profiles = 1\nmodel_providers = [1]", CodexConfig(None, frozenset())),
    ],
)
def test_codexs_configuration_may_stand_for_a_credential(toml: str, config: CodexConfig):
    assert files.codex_config(toml.encode()) == config


def test_opencodes_file_holds_any_provider_and_expired_tokens_are_left_out():
    content = data(
        anthropic={"type": "oauth", "access": "a", "expires": PAST, "refresh": "r"},
        openai={"type": "oauth", "access": "o", "expires": FUTURE},
        openrouter={"type": "api", "key": "k"},
        corporate={"type": "wellknown", "key": "X", "token": "t"},
        gone={"type": "oauth", "access": "g", "expires": PAST},
        broken="text",
    )
    assert list(files.opencode_login(content, NOW)) == [
        ("anthropic", None),
        ("openai", Secret("openai", "oauth", "o")),
        ("openrouter", Secret("openrouter", "api_key", "k")),
    ]


PARSERS = {
    "amp_config": files.amp_config,
    "amp_secrets": lambda content: files.amp_secrets(content, None),
    "claude_key": files.claude_key,
    "claude_primary_key": files.claude_primary_key,
    "claude_login": lambda content: files.claude_login(content, NOW),
    "claude_settings": files.claude_settings,
    "codex_login": files.codex_login,
    "opencode_login": lambda content: list(files.opencode_login(content, NOW)),
}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\xfa", b"[" * 100_000])
def test_a_file_that_is_something_else_says_so_and_quotes_nothing(parser: str, content: bytes):
    with pytest.raises(NotReadable, match=r"^is not (a )?JSON( object)?$"):
        PARSERS[parser](content)


@pytest.mark.parametrize("content", [b"= broken", b"\xff", b"a = " + b"[" * 100_000])
def test_a_configuration_that_is_no_toml_says_so_and_quotes_nothing(content: bytes):
    with pytest.raises(NotReadable, match=r"^is not TOML$"):
        files.codex_config(content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["apiKey", "primaryApiKey", "claudeAiOauth", "accessToken", "expiresAt", "refreshToken", "env", "apiKeyHelper",
     "tokens", "access_token", "type", "key", "access", "expires", "anthropic", "auth", "apiKey@x"]
)  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS)
@given(content=st.dictionaries(names, json_values | st.dictionaries(names, json_values, max_size=3), max_size=5))
def test_no_json_object_makes_a_parser_fail(parser: str, content: dict[str, object]):
    PARSERS[parser](json.dumps(content).encode())
