"""Which credential counts, what each agent is handed of it, and when an agent is refused. Every file is made up."""

import json
from collections.abc import Mapping

import pytest

from sandbox_agent.schema.agents.definitions import BY_ID
from sandbox_agent.schema.credentials.credential import VARIABLES, by_provider, without_credentials
from sandbox_agent.schema.credentials.discovery import Discovery, discover
from sandbox_agent.schema.credentials.files import NotReadable
from sandbox_agent.schema.credentials.grants import (
    additions,
    available,
    environment_for,
    login_variable,
    missing,
)
from sandbox_agent.schema.credentials.places import Places, places

NOW = 1_800_000_000_000
HOME = "/home/u"
WORK = "/work"

ANTHROPIC = "sk-ant-fake"
CLAUDE_KEY = {f"{HOME}/.claude.json": {"primaryApiKey": "sk-ant-primary"}}
CLAUDE_OLD_KEY = {f"{HOME}/.claude.json.api": {"apiKey": "sk-ant-old"}}
CLAUDE_LOGIN = {f"{HOME}/.claude/.credentials.json": {"claudeAiOauth": {"accessToken": "login", "expiresAt": NOW + 1}}}
CODEX_KEY = {f"{HOME}/.codex/auth.json": {"OPENAI_API_KEY": "sk-codex"}}
CODEX_LOGIN = {f"{HOME}/.codex/auth.json": {"tokens": {"access_token": "chatgpt"}}}
AMP_KEY = {f"{HOME}/.local/share/amp/secrets.json": {"apiKey@https://amp": "sgamp_1"}}
OPENCODE = {
    f"{HOME}/.local/share/opencode/auth.json": {
        "anthropic": {"type": "api", "key": "sk-ant-opencode"},
        "openai": {"type": "api", "key": "sk-opencode"},
        "groq": {"type": "api", "key": "gsk"},
    }
}
OPENCODE_RENEWS = {
    f"{HOME}/.local/share/opencode/auth.json": {
        "anthropic": {"type": "oauth", "access": "old", "refresh": "r", "expires": NOW - 1}
    }
}

Files = Mapping[str, object]


class Here:
    """A home with these files, and an environment."""

    def __init__(self, *files: Files, directory: str | None = WORK, **environment: str) -> None:
        self.environment = {"PATH": "/bin", **environment}
        self.places: Places = places(self.environment, HOME, directory)
        contents = {
            path: content.encode() if isinstance(content, str) else json.dumps(content).encode()
            for file in files
            for path, content in file.items()
        }
        self.discovery: Discovery = discover(self.environment, contents, self.places, NOW)

    def added(self, agent: str) -> dict[str, str]:
        return additions(agent, self.environment, self.discovery)

    def inherits(self, agent: str) -> dict[str, str]:
        return environment_for(agent, self.environment, self.discovery)

    def missing(self, agent: str):
        return missing(agent, self.environment, self.discovery, self.places)

    def available(self, agent: str) -> bool:
        return available(agent, self.environment, self.discovery)

    def chosen(self) -> dict[str, str]:
        return {p: c.secret for p, c in by_provider(self.discovery.found).items()}


# Precedence.


def test_the_environment_comes_first_and_files_in_the_order_of_the_wire():
    amp = {f"{HOME}/.amp/config.json": {"apiKey": "amp-config"}}
    everything = (amp, CLAUDE_OLD_KEY, CLAUDE_KEY, CLAUDE_LOGIN, OPENCODE)
    order = [c.secret for c in Here(*everything, CLAUDE_API_KEY="env").discovery.found if c.provider == "anthropic"]
    assert order == ["env", "amp-config", "sk-ant-old", "sk-ant-primary", "login", "sk-ant-opencode"]


def test_codexs_file_comes_before_opencodes():
    assert Here(CODEX_KEY, OPENCODE).chosen()["openai"] == "sk-codex"
    assert Here(CODEX_LOGIN, OPENCODE).chosen()["openai"] == "chatgpt"
    assert Here(OPENCODE).chosen() == {"anthropic": "sk-ant-opencode", "openai": "sk-opencode", "groq": "gsk"}


@pytest.mark.parametrize(
    ("variable", "path", "content", "provider"),
    [
        ("CLAUDE_CONFIG_DIR", "/moved/.claude.json", {"primaryApiKey": "sk-ant-m"}, "anthropic"),
        ("CLAUDE_CONFIG_DIR", "/moved/.credentials.json", {"claudeAiOauth": {"accessToken": "m"}}, "anthropic"),
        ("CODEX_HOME", "/moved/auth.json", {"OPENAI_API_KEY": "m"}, "openai"),
        ("XDG_DATA_HOME", "/moved/opencode/auth.json", {"groq": {"type": "api", "key": "m"}}, "groq"),
        ("XDG_DATA_HOME", "/moved/amp/secrets.json", {"apiKey@x": "m"}, "amp"),
    ],
)
def test_files_are_found_where_the_agents_own_variables_move_them(
    variable: str, path: str, content: object, provider: str
):
    assert list(Here({path: content}, **{variable: "/moved"}).chosen()) == [provider]
    assert Here({path: content}).chosen() == {}


def test_a_home_that_was_moved_away_from_is_not_used_behind_the_users_back():
    assert Here(CLAUDE_KEY, CLAUDE_LOGIN, CLAUDE_CONFIG_DIR="/moved").chosen() == {}
    assert Here(CODEX_KEY, CODEX_HOME="/moved").chosen() == {}
    assert Here(AMP_KEY, XDG_DATA_HOME="/moved").chosen() == {}
    assert Here(OPENCODE, XDG_DATA_HOME="/moved").chosen()["groq"] == "gsk"  # 0.1 reads the fixed path always


def test_opencodes_file_may_be_a_variable_which_is_nobody_elses_business():
    content = json.dumps({"openai": {"type": "api", "key": "sk-variable"}})
    here = Here(OPENCODE, OPENCODE_AUTH_CONTENT=content)
    assert here.chosen()["openai"] == "sk-variable"
    assert here.available("opencode")
    assert here.inherits("opencode") == here.environment
    assert here.inherits("codex") == {"PATH": "/bin", "OPENAI_API_KEY": "sk-variable", "CODEX_API_KEY": "sk-variable"}
    for agent in ("claude", "amp", "mock"):
        assert "OPENCODE_AUTH_CONTENT" not in here.inherits(agent)
    assert Here(OPENCODE_AUTH_CONTENT="{").discovery.troubles == ("OPENCODE_AUTH_CONTENT is not JSON",)


# What an agent inherits.


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("claude", {"ANTHROPIC_API_KEY", "CLAUDE_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN"}),
        ("codex", {"OPENAI_API_KEY", "CODEX_API_KEY"}),
        ("opencode", {v.name for v in VARIABLES} - {"AMP_API_KEY"}),
        ("amp", {v.name for v in VARIABLES} - {"OPENAI_API_KEY", "CODEX_API_KEY"}),
        ("mock", set()),
        ("an agent of tomorrow", {v.name for v in VARIABLES}),
    ],
)
def test_an_agent_keeps_the_credentials_of_its_providers_only(agent: str, kept: set[str]):
    own = {
        "ANTHROPIC_BASE_URL": "http://a", "OPENAI_BASE_URL": "http://o", "CODEX_HOME": "/c", "OPENCODE_CONFIG": "/oc",
        "AMP_URL": "http://amp", "HTTPS_PROXY": "http://p", "NODE_EXTRA_CA_CERTS": "/ca", "MOCK_KEY": "k",
    }  # fmt: skip
    here = Here(**{v.name: f"value of {v.name}" for v in VARIABLES}, **own)
    inherited = here.inherits(agent)
    assert {v.name for v in VARIABLES} & set(inherited) == kept
    assert {name: inherited[name] for name in own} == own
    assert all(inherited[name] == here.environment[name] for name in kept)


def test_codex_keeps_a_foreign_key_that_its_configuration_names():
    config = '[model_providers.router]\nenv_key = "ANTHROPIC_API_KEY"'
    here = Here({f"{HOME}/.codex/config.toml": config}, ANTHROPIC_API_KEY="a", AMP_API_KEY="m")
    assert here.inherits("codex") == {"PATH": "/bin", "ANTHROPIC_API_KEY": "a"}


@pytest.mark.parametrize(
    ("agent", "files", "environment", "added"),
    [
        ("claude", [OPENCODE], {}, {"ANTHROPIC_API_KEY": "sk-ant-opencode"}),
        ("claude", [CLAUDE_OLD_KEY], {}, {"ANTHROPIC_API_KEY": "sk-ant-old"}),
        ("claude", [], {"CLAUDE_API_KEY": "c"}, {"ANTHROPIC_API_KEY": "c"}),
        ("claude", [OPENCODE], {"ANTHROPIC_API_KEY": ""}, {"ANTHROPIC_API_KEY": "sk-ant-opencode"}),
        ("claude", [OPENCODE, CLAUDE_KEY], {}, {}),
        ("claude", [OPENCODE, CLAUDE_LOGIN], {}, {}),
        ("claude", [CLAUDE_LOGIN], {"CLAUDE_API_KEY": "c"}, {}),
        ("claude", [OPENCODE], {"ANTHROPIC_API_KEY": "a"}, {}),
        ("claude", [OPENCODE], {"ANTHROPIC_AUTH_TOKEN": "a"}, {}),
        ("claude", [], {"ANTHROPIC_AUTH_TOKEN": "a", "CLAUDE_API_KEY": "c"}, {}),
        ("claude", [OPENCODE], {"ANTHROPIC_BASE_URL": "http://gateway"}, {}),
        ("claude", [], {"ANTHROPIC_BASE_URL": "http://gateway", "CLAUDE_API_KEY": "c"}, {"ANTHROPIC_API_KEY": "c"}),
        ("claude", [OPENCODE], {"CLAUDE_CODE_USE_BEDROCK": "1"}, {}),
        ("codex", [OPENCODE], {}, {"OPENAI_API_KEY": "sk-opencode", "CODEX_API_KEY": "sk-opencode"}),
        ("codex", [], {"OPENAI_API_KEY": "o"}, {"CODEX_API_KEY": "o"}),
        ("codex", [CODEX_LOGIN, OPENCODE], {}, {}),
        ("codex", [CODEX_LOGIN], {"OPENAI_API_KEY": "o"}, {}),
        ("codex", [CODEX_KEY, OPENCODE], {}, {}),
        (
            "opencode",
            [CODEX_KEY, CLAUDE_KEY],
            {},
            {"ANTHROPIC_API_KEY": "sk-ant-primary", "OPENAI_API_KEY": "sk-codex"},
        ),
        ("opencode", [CODEX_LOGIN, CLAUDE_LOGIN], {}, {}),
        ("opencode", [OPENCODE, CODEX_KEY], {}, {}),
        ("opencode", [OPENCODE_RENEWS, CLAUDE_KEY, CODEX_KEY], {}, {"OPENAI_API_KEY": "sk-codex"}),
        (
            "opencode",
            [OPENCODE],
            {"XDG_DATA_HOME": "/moved"},
            {"ANTHROPIC_API_KEY": "sk-ant-opencode", "OPENAI_API_KEY": "sk-opencode"},
        ),
        ("opencode", [CODEX_KEY], {"OPENAI_BASE_URL": "http://gateway"}, {}),
        ("amp", [AMP_KEY], {}, {}),
        ("amp", [{f"{HOME}/.amp/config.json": {"apiKey": "sgamp_2"}}], {}, {"AMP_API_KEY": "sgamp_2"}),
        ("amp", [{f"{HOME}/.amp/config.json": {"apiKey": "sgamp_2"}}], {"AMP_URL": "http://x"}, {}),
        ("amp", [OPENCODE, CLAUDE_KEY], {}, {}),
        ("mock", [OPENCODE, CLAUDE_KEY, CODEX_KEY], {}, {}),
    ],
)
def test_what_is_handed_over(agent: str, files: list[Files], environment: dict[str, str], added: dict[str, str]):
    here = Here(*files, **environment)
    assert here.added(agent) == added
    inherited = here.inherits(agent)
    for name, value in environment.items():
        assert inherited[name] == (value or added[name])


def test_a_login_is_handed_over_as_what_it_is():
    login = {f"{HOME}/.local/share/opencode/auth.json": {"anthropic": {"type": "oauth", "access": "t", "expires": 0}}}
    assert Here(login).added("claude") == {"CLAUDE_CODE_OAUTH_TOKEN": "t"}
    chatgpt = {f"{HOME}/.local/share/opencode/auth.json": {"openai": {"type": "oauth", "access": "t", "expires": 0}}}
    assert Here(chatgpt).added("codex") == {}


GATEWAY = {f"{HOME}/.codex/config.toml": 'openai_base_url = "http://gateway"'}
ROUTER = {f"{HOME}/.codex/config.toml": 'model_provider = "router"'}
KEYRING = {f"{HOME}/.codex/config.toml": 'cli_auth_credentials_store = "keyring"'}


@pytest.mark.parametrize(
    ("here", "variable"),
    [
        (Here(OPENAI_API_KEY="o"), "OPENAI_API_KEY"),
        (Here(CODEX_API_KEY="c"), "OPENAI_API_KEY"),
        (Here(OPENCODE), "OPENAI_API_KEY"),
        (Here(GATEWAY, OPENAI_API_KEY="o"), "OPENAI_API_KEY"),
        (Here(GATEWAY, OPENCODE), None),
        (Here(CODEX_KEY, OPENAI_API_KEY="o"), None),
        (Here(CODEX_LOGIN, OPENAI_API_KEY="o"), None),
        (Here(ROUTER, OPENAI_API_KEY="o"), None),
        (Here(KEYRING, OPENAI_API_KEY="o"), None),
        (Here(), None),
    ],
)
def test_codex_is_told_a_key_only_when_nothing_else_lets_it_in(here: Here, variable: str | None):
    assert login_variable("codex", here.environment, here.discovery) == variable
    assert variable is None or variable in here.inherits("codex")
    assert login_variable("claude", here.environment, here.discovery) is None


# Refusals.


@pytest.mark.parametrize("agent", ["claude", "codex", "amp"])
def test_an_agent_without_any_credential_is_refused_with_all_that_helps(agent: str):
    here = Here(ANTHROPIC_API_KEY="", OPENAI_API_KEY=" ", AMP_API_KEY="")
    problem = here.missing(agent)
    assert problem is not None
    body = problem.body()
    assert (body["type"], body["status"]) == ("urn:sandbox-agent:error:credentials_missing", 424)
    assert body["agent"] == agent
    assert BY_ID[agent].needs.remedy in body["detail"]
    assert set(BY_ID[agent].needs.reads) <= set(body["details"]["variables"])
    assert all(path.startswith("/") for path in body["details"]["files"])
    assert "troubles" not in body["details"]
    assert not here.available(agent)


@pytest.mark.parametrize("agent", ["opencode", "mock", "an agent of tomorrow"])
def test_an_agent_that_works_without_is_never_refused(agent: str):
    assert Here().missing(agent) is None


SETTINGS = f"{HOME}/.claude/settings.json"


@pytest.mark.parametrize(
    ("agent", "here"),
    [
        ("claude", Here(ANTHROPIC_API_KEY=ANTHROPIC)),
        ("claude", Here(CLAUDE_API_KEY=ANTHROPIC)),
        ("claude", Here(ANTHROPIC_AUTH_TOKEN="t")),
        ("claude", Here(CLAUDE_CODE_OAUTH_TOKEN="t")),
        ("claude", Here(ANTHROPIC_BASE_URL="http://gateway")),
        ("claude", Here(CLAUDE_CODE_USE_BEDROCK="1")),
        ("claude", Here(CLAUDE_CODE_USE_VERTEX="true")),
        ("claude", Here({SETTINGS: {"apiKeyHelper": "x"}})),
        ("claude", Here({f"{WORK}/.claude/settings.json": {"apiKeyHelper": "x"}})),
        ("claude", Here({f"{WORK}/.claude/settings.local.json": {"env": {"ANTHROPIC_API_KEY": "x"}}})),
        ("claude", Here({"/etc/claude-code/managed-settings.json": {"apiKeyHelper": "x"}})),
        ("claude", Here(CLAUDE_KEY)),
        ("claude", Here(CLAUDE_LOGIN)),
        ("claude", Here(OPENCODE)),
        (
            "claude",
            Here({f"{HOME}/.claude/.credentials.json": {"claudeAiOauth": {"refreshToken": "r", "expiresAt": 1}}}),
        ),
        ("codex", Here(OPENAI_API_KEY="o")),
        ("codex", Here(CODEX_API_KEY="o")),
        ("codex", Here(CODEX_KEY)),
        ("codex", Here(CODEX_LOGIN)),
        ("codex", Here(OPENCODE)),
        ("codex", Here({f"{HOME}/.codex/config.toml": 'model_provider = "mock"'})),
        ("codex", Here({f"{WORK}/.codex/config.toml": 'model_provider = "mock"'})),
        ("amp", Here(AMP_API_KEY="sgamp_1")),
        ("amp", Here(AMP_KEY)),
        ("amp", Here(AMP_KEY, AMP_URL="https://amp")),
    ],
)
def test_an_agent_that_may_work_is_not_refused(agent: str, here: Here):
    assert here.missing(agent) is None
    assert here.available(agent)


@pytest.mark.parametrize(
    ("agent", "here"),
    [
        ("claude", Here(CLAUDE_CODE_USE_BEDROCK="0")),
        ("claude", Here({SETTINGS: {"apiKeyHelper": "x"}}, CLAUDE_CONFIG_DIR="/moved")),
        ("claude", Here({f"{WORK}/.claude/settings.json": {"apiKeyHelper": "x"}}, directory="/elsewhere")),
        ("claude", Here(OPENAI_API_KEY="o", AMP_API_KEY="m")),
        (
            "claude",
            Here({f"{HOME}/.claude/.credentials.json": {"claudeAiOauth": {"accessToken": "t", "expiresAt": 1}}}),
        ),
        ("codex", Here({f"{HOME}/.codex/config.toml": 'model = "gpt-5"'}, ANTHROPIC_API_KEY="a")),
        ("amp", Here(ANTHROPIC_API_KEY="a")),
        ("amp", Here(AMP_KEY, AMP_URL="https://amp/")),
    ],
)
def test_what_only_looks_like_a_credential_does_not_help(agent: str, here: Here):
    assert here.missing(agent) is not None
    assert not here.available(agent)


def test_a_file_that_cannot_be_read_is_named_with_its_reason():
    where = places({}, HOME)
    contents = {where.own_claude_login: NotReadable("cannot be opened: Permission denied"), where.own_claude_key: b"{"}
    discovery = discover({}, contents, where, NOW)
    problem = missing("claude", {}, discovery, where)
    assert problem is not None
    assert problem.body()["details"]["troubles"] == [
        f"{HOME}/.claude.json is not JSON",
        f"{HOME}/.claude/.credentials.json cannot be opened: Permission denied",
    ]


@pytest.mark.parametrize(
    ("files", "available"),
    [([], False), ([OPENCODE], True), ([OPENCODE_RENEWS], True), ([CODEX_KEY], True), ([AMP_KEY], False)],
)
def test_opencode_is_listed_with_credentials_when_it_can_use_one(files: list[Files], available: bool):
    assert Here(*files).available("opencode") is available


def test_only_opencodes_own_other_providers_are_enough_for_it():
    groq = {f"{HOME}/.local/share/opencode/auth.json": {"groq": {"type": "api", "key": "gsk"}}}
    assert Here(groq).available("opencode")
    assert not Here(groq).available("claude")


def test_a_program_that_needs_no_credential_gets_none():
    known = {variable.name: "secret" for variable in VARIABLES}
    assert without_credentials({"PATH": "/bin", "NPM_CONFIG_REGISTRY": "url", **known}) == {
        "PATH": "/bin",
        "NPM_CONFIG_REGISTRY": "url",
    }
