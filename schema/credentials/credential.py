"""Credentials: a key or token that was found, and how it is shown to people and to shells.

The names of providers, sources and variables are those of wire 0.1, section 10; ``amp`` is a provider of its own here,
because Amp takes no key of a model's vendor any more.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Literal

from attrs import field, frozen

AuthType = Literal["api_key", "oauth"]
Source = Literal["environment", "amp", "claude-code", "codex", "opencode"]

SHOWN = 4
"""Characters of a secret that are left to see at each end; one that has no more than both ends shows nothing."""


@frozen
class Variable:
    """An environment variable that holds a credential."""

    name: str
    provider: str
    auth_type: AuthType = "api_key"


VARIABLES = (
    Variable("ANTHROPIC_API_KEY", "anthropic"),
    Variable("CLAUDE_API_KEY", "anthropic"),
    Variable("CLAUDE_CODE_OAUTH_TOKEN", "anthropic", "oauth"),
    Variable("ANTHROPIC_AUTH_TOKEN", "anthropic", "oauth"),
    Variable("OPENAI_API_KEY", "openai"),
    Variable("CODEX_API_KEY", "openai"),
    Variable("AMP_API_KEY", "amp"),
)
"""All that we know, in the order in which they count."""


OPENCODE_CONTENT = "OPENCODE_AUTH_CONTENT"
"""What would stand in OpenCode's file, as a variable; it reads both (seen in 1.18.33)."""


def secret_variables() -> frozenset[str]:
    """Those that may hold a credential of any vendor."""
    return frozenset({variable.name for variable in VARIABLES} | {OPENCODE_CONTENT})


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """For programs that need none: npm with the scripts of a package, an agent that is asked for its version."""
    secret = secret_variables()
    return {name: value for name, value in environment.items() if name not in secret}


@frozen
class Credential:
    """``place`` is the variable or the file where it stands."""

    provider: str
    source: Source
    auth_type: AuthType
    secret: str = field(repr=False)
    place: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that carry it to another program. A token is never passed off as an API key."""
        if self.source == "environment" and self.auth_type == "oauth":
            return (self.place,)
        same = tuple(v.name for v in VARIABLES if (v.provider, v.auth_type) == (self.provider, self.auth_type))
        if self.auth_type == "oauth":
            # ANTHROPIC_AUTH_TOKEN is a bearer for gateways: a login's token that goes there is refused.
            return same[:1] or (f"{_variable_stem(self.provider)}_OAUTH_TOKEN",)
        return same or (f"{_variable_stem(self.provider)}_API_KEY",)


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """A variable that is empty or blank says nothing."""
    return bool(environment.get(name, "").strip())


def of_environment(environment: Mapping[str, str]) -> tuple[Credential, ...]:
    return tuple(
        Credential(v.provider, "environment", v.auth_type, environment[v.name], v.name)
        for v in VARIABLES
        if is_set(environment, v.name)
    )


def by_provider(found: Iterable[Credential], oauth: bool = True) -> dict[str, Credential]:
    """The credential of each provider that counts: the first. ``oauth`` is False to leave tokens out."""
    chosen: dict[str, Credential] = {}
    for credential in found:
        if oauth or credential.auth_type == "api_key":
            chosen.setdefault(credential.provider, credential)
    return chosen


def redacted(secret: str) -> str:
    """``abcd...wxyz``, counted in characters; ``****`` when that would show all of it."""
    return f"{secret[:SHOWN]}...{secret[-SHOWN:]}" if len(secret) > 2 * SHOWN else "****"


def shell_lines(credentials: Iterable[Credential], export: bool = False) -> list[str]:
    """One assignment per variable, each safe to ``eval`` whatever the secret holds; the first claim to a name wins."""
    values: dict[str, str] = {}
    for credential in credentials:
        for name in credential.variables:
            values.setdefault(name, credential.secret)
    prefix = "export " if export else ""
    return [f"{prefix}{name}={shlex.quote(secret)}" for name, secret in values.items()]


def _variable_stem(provider: str) -> str:
    """A provider's name is whatever a file says; in a variable only letters, digits and ``_`` may stand."""
    stem = "".join(c if c.isascii() and c.isalnum() else "_" for c in provider.upper())
    return f"_{stem}" if stem[:1].isdigit() else stem
