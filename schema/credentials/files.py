"""What stands in the agents' files, from their bytes (wire 0.1, section 10). Nothing here knows where they stand.

A file whose content is not what it should be raises :class:`NotReadable` with the reason, without quoting any of it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from attrs import frozen

from ..foreign.json_members import Picker, json_object
from ..foreign.not_readable import NotReadable as NotReadable
from ..foreign.toml import parse_toml
from .credential import AuthType, is_set

Object = Mapping[str, Any]

_AMP_NAMES = (
    "anthropicApiKey", "anthropic_api_key", "apiKey", "api_key", "accessToken", "access_token", "token",
    "auth.anthropicApiKey", "auth.apiKey", "auth.token", "anthropic.apiKey", "anthropic.token",
)  # fmt: skip
_CLAUDE_NAMES = ("primaryApiKey", "apiKey", "anthropicApiKey", "customApiKey")

CLAUDE_CLOUDS = ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY")
_CLAUDE_VARIABLES = (
    "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", *CLAUDE_CLOUDS,
)  # fmt: skip

_PICK_AMP = Picker(_AMP_NAMES)
_PICK_CLAUDE_KEY = Picker(_CLAUDE_NAMES)
_PICK_CLAUDE_LOGIN = Picker(f"claudeAiOauth.{name}" for name in ("accessToken", "refreshToken", "expiresAt"))
_PICK_CLAUDE_SETTINGS = Picker(("apiKeyHelper", *(f"env.{name}" for name in _CLAUDE_VARIABLES)))
_PICK_CODEX_LOGIN = Picker(("OPENAI_API_KEY", "tokens.access_token", "tokens.refresh_token"))


@frozen
class Secret:
    provider: str
    auth_type: AuthType
    value: str


@frozen
class Login:
    """``token`` is None when it has expired; ``renewable`` says that its agent can get a new one by itself."""

    token: str | None
    renewable: bool


@frozen
class CodexConfig:
    """``special`` says why codex may do without an OpenAI credential; ``variables`` are those that hold its keys."""

    special: str | None
    variables: frozenset[str]


def amp_config(data: bytes) -> Secret | None:
    """The reference takes every key in it for Anthropic's, also Amp's own, which Anthropic has no business to see."""
    content = _PICK_AMP(data)
    for name in _AMP_NAMES:
        if value := _string(content.get(name)):
            return Secret("amp", "api_key", value) if value.startswith("sgamp_") else _anthropic(value)
    return None


def amp_secrets(data: bytes, url: str | None) -> str | None:
    """The key for this server, whose URL stands in the name exactly as it was given to amp (measured: a trailing slash
    counts). Without a URL any key counts: amp may have one from its settings."""
    content = json_object(data)
    names = [f"apiKey@{url}"] if url else [name for name in content if name.startswith("apiKey@")]
    return next((value for name in names if (value := _string(content.get(name)))), None)


def claude_key(data: bytes) -> Secret | None:
    content = _PICK_CLAUDE_KEY(data)
    for name in _CLAUDE_NAMES:
        if (value := _string(content.get(name))) and value.startswith("sk-ant-"):
            return _anthropic(value)
    return None


def claude_primary_key(data: bytes) -> str | None:
    """The one key of the file that claude itself reads."""
    return _string(_PICK_CLAUDE_KEY(data).get("primaryApiKey"))


def claude_login(data: bytes, now_ms: int) -> Login | None:
    content = _PICK_CLAUDE_LOGIN(data)
    token = _string(content.get("claudeAiOauth.accessToken"))
    renewable = _string(content.get("claudeAiOauth.refreshToken")) is not None
    if _expired(content.get("claudeAiOauth.expiresAt"), now_ms):
        token = None
    return Login(token, renewable) if token or renewable else None


def claude_settings(data: bytes) -> str | None:
    """Why claude may do without a credential that we know of."""
    content = _PICK_CLAUDE_SETTINGS(data)
    if _string(content.get("apiKeyHelper")):
        return "apiKeyHelper"
    values = {name.removeprefix("env."): str(value) for name, value in content.items()}
    return next((name for name in _CLAUDE_VARIABLES if is_set(values, name)), None)


def codex_login(data: bytes) -> tuple[str | None, Login | None]:
    """The API key, and the ChatGPT login. Its token says nothing of its expiry; codex renews it by itself."""
    content = _PICK_CODEX_LOGIN(data)
    token = _string(content.get("tokens.access_token"))
    renewable = _string(content.get("tokens.refresh_token")) is not None
    return _string(content.get("OPENAI_API_KEY")), Login(token, renewable) if token or renewable else None


def codex_config(data: bytes) -> CodexConfig:
    content = parse_toml(data)
    profiles = [content, *_objects(content.get("profiles"))]
    providers = [p.get("model_provider", "openai") for p in profiles]
    variables = [_string(provider.get("env_key")) for provider in _objects(content.get("model_providers"))]
    special: str | None = None
    if any(provider != "openai" for provider in providers):
        special = "model_provider"
    elif content.get("cli_auth_credentials_store", "file") != "file":
        special = "cli_auth_credentials_store"
    elif _string(content.get("openai_base_url")):
        special = "openai_base_url"
    return CodexConfig(special, frozenset(filter(None, variables)))


def opencode_login(data: bytes, now_ms: int) -> Iterator[tuple[str, Secret | None]]:
    """Each provider that the file lets in, with what others can use of it: None for a token that has expired and that
    opencode renews."""
    for provider, login in json_object(data).items():
        if not isinstance(login, dict):
            continue
        content = cast("Object", login)
        match content.get("type"):
            case "api":
                if key := _string(content.get("key")):
                    yield provider, Secret(provider, "api_key", key)
            case "oauth":
                token = None if _expired(content.get("expires"), now_ms) else _string(content.get("access"))
                if token or _string(content.get("refresh")):
                    yield provider, Secret(provider, "oauth", token) if token else None
            case _:
                pass


def _anthropic(value: str) -> Secret:
    """A login's token looks like a key and is refused as one."""
    return Secret("anthropic", "oauth" if value.startswith("sk-ant-oat") else "api_key", value)


def _expired(at: Any, now_ms: int) -> bool:
    """Milliseconds since the epoch, or RFC 3339. No time, or one that nobody can read, is no expiry."""
    if isinstance(at, bool):
        return False
    if isinstance(at, (int, float)):
        return 0 < at <= now_ms
    if not isinstance(at, str):
        return False
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return False
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() * 1000 <= now_ms


def _string(value: Any) -> str | None:
    """Neither blank nor with a NUL, which no variable can hold."""
    return value if isinstance(value, str) and value.strip() and "\0" not in value else None


def _objects(table: Any) -> list[Object]:
    values: list[Any] = list(cast("Object", table).values()) if isinstance(table, dict) else []
    return [cast("Object", value) for value in values if isinstance(value, dict)]
