"""Discovery: which credentials there are, in the order in which they count (wire 0.1, section 10)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from attrs import define, field, frozen

from . import files
from .credential import OPENCODE_CONTENT, Credential, Source, is_set, of_environment
from .files import NotReadable, Secret
from .places import Places

T = TypeVar("T")

FileContent = bytes | NotReadable
"""What stands in a file that exists, or why that cannot be told."""


@frozen
class Discovery:
    """``found`` is in order of precedence. ``logins`` are agents and the providers at which their own files let them
    in, also by a token that has expired and that they renew themselves. ``special`` says of an agent why its own
    set-up may need no credential that we know of. ``variables`` are those that an agent's own
    configuration names as holding keys.
    ``troubles`` are files that could not be read, with the reason."""

    found: tuple[Credential, ...]
    logins: frozenset[tuple[str, str]]
    special: Mapping[str, str]
    variables: Mapping[str, frozenset[str]]
    troubles: tuple[str, ...]


NOTHING = Discovery((), frozenset(), MappingProxyType({}), MappingProxyType({}), ())


def discover(
    environment: Mapping[str, str], contents: Mapping[str, FileContent], places: Places, now_ms: int
) -> Discovery:
    """``contents`` holds each of ``places`` that exists, by path."""
    content = environment.get(OPENCODE_CONTENT, "")
    given = {OPENCODE_CONTENT: content.encode(errors="surrogateescape")} if content.strip() else {}
    search = _Search(environment, {**contents, **given}, now_ms, list(of_environment(environment)))
    search.amp(places)
    search.claude(places)
    search.codex(places)
    search.opencode(places)
    return Discovery(
        tuple(search.found),
        frozenset(search.logins),
        search.special,
        search.variables,
        tuple(search.troubles),
    )


@define
class _Search:
    environment: Mapping[str, str]
    contents: Mapping[str, FileContent]
    now_ms: int
    found: list[Credential]
    logins: set[tuple[str, str]] = field(factory=set[tuple[str, str]])
    special: dict[str, str] = field(factory=dict[str, str])
    variables: dict[str, frozenset[str]] = field(factory=dict[str, frozenset[str]])
    troubles: list[str] = field(factory=list[str])

    def amp(self, places: Places) -> None:
        self.add("amp", places.amp_config, self.read(places.amp_config, files.amp_config))
        url = self.environment.get("AMP_URL")
        path = places.own_amp_secrets
        if key := self.read(path, lambda data: files.amp_secrets(data, url)):
            self.logins.add(("amp", "amp"))
            self.add("amp", path, Secret("amp", "api_key", key))

    def claude(self, places: Places) -> None:
        for path in places.claude_keys:
            if path == places.own_claude_key and self.read(path, files.claude_primary_key) is not None:
                self.logins.add(("claude", "anthropic"))
            self.add("claude-code", path, self.read(path, files.claude_key))
        for path in places.claude_logins:
            login = self.read(path, lambda data: files.claude_login(data, self.now_ms))
            if login is not None and path == places.own_claude_login:
                self.logins.add(("claude", "anthropic"))
            if login is not None and login.token is not None:
                self.add("claude-code", path, Secret("anthropic", "oauth", login.token))
        clouds = (name for name in files.CLAUDE_CLOUDS if _is_on(self.environment, name))
        for name in (*clouds, *(n for n in ("ANTHROPIC_BASE_URL",) if is_set(self.environment, n))):
            self.special.setdefault("claude", name)
        for path in places.claude_settings:
            if reason := self.read(path, files.claude_settings):
                self.special.setdefault("claude", f"{reason} in {path}")

    def codex(self, places: Places) -> None:
        path = places.own_codex_login
        key, login = self.read(path, files.codex_login) or (None, None)
        if key is not None or login is not None:
            self.logins.add(("codex", "openai"))
        if key is not None:
            self.add("codex", path, Secret("openai", "api_key", key))
        if login is not None and login.token is not None:
            self.add("codex", path, Secret("openai", "oauth", login.token))
        for path in places.codex_configs:
            if config := self.read(path, files.codex_config):
                self.variables["codex"] = self.variables.get("codex", frozenset()) | config.variables
                if config.special:
                    self.special.setdefault("codex", f"{config.special} in {path}")

    def opencode(self, places: Places) -> None:
        for path in (OPENCODE_CONTENT, *places.opencode_logins):
            for provider, secret in self.read(path, lambda data: tuple(files.opencode_login(data, self.now_ms))) or ():
                if path in (OPENCODE_CONTENT, places.own_opencode_login):
                    self.logins.add(("opencode", provider))
                self.add("opencode", path, secret)

    def read(self, path: str, parse: Callable[[bytes], T]) -> T | None:
        content = self.contents.get(path)
        try:
            if isinstance(content, NotReadable):
                raise content
            return None if content is None else parse(content)
        except NotReadable as error:
            if (trouble := f"{path} {error}") not in self.troubles:
                self.troubles.append(trouble)
            return None

    def add(self, source: Source, path: str, secret: Secret | None) -> None:
        if secret is not None:
            self.found.append(Credential(secret.provider, source, secret.auth_type, secret.value, path))


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")
