"""What each agent gets of the credentials that there are, and when it cannot do without.

The daemon adds and never replaces: an agent that its own files let in, or that has its credential in a variable that
it reads, is handed nothing. A credential from a file goes only where its file would have sent it: not to the server
that ANTHROPIC_BASE_URL, OPENAI_BASE_URL or AMP_URL names, and not into a set-up that needs none.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..problems import Problem, credentials_missing
from .credential import OPENCODE_CONTENT, VARIABLES, AuthType, Credential, is_set
from .places import Places

if TYPE_CHECKING:
    from .discovery import Discovery  # slow to import: the command line reads the tables below for its help

_REDIRECTS = {"anthropic": "ANTHROPIC_BASE_URL", "openai": "OPENAI_BASE_URL", "amp": "AMP_URL"}

Takes = Mapping[tuple[str, AuthType], tuple[str, ...]]


@frozen
class Needs:
    """``providers`` are those whose credentials the agent keeps in its environment. ``takes`` are the variables by
    which a credential of this provider and kind is handed to it. ``reads`` are all variables by which it can be let
    in. ``remedy`` tells a person what to do when there is nothing; empty for an agent that works without."""

    providers: tuple[str, ...]
    takes: Takes = field(factory=dict[tuple[str, AuthType], tuple[str, ...]])
    reads: tuple[str, ...] = ()
    remedy: str = ""


NEEDS: Mapping[str, Needs] = {
    "claude": Needs(
        providers=("anthropic",),
        takes={
            ("anthropic", "api_key"): ("ANTHROPIC_API_KEY",),
            ("anthropic", "oauth"): ("CLAUDE_CODE_OAUTH_TOKEN",),
        },
        reads=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        remedy="set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN for the daemon, or log in with `claude` as its user",
    ),
    "codex": Needs(
        providers=("openai",),
        takes={("openai", "api_key"): ("OPENAI_API_KEY", "CODEX_API_KEY")},
        reads=("OPENAI_API_KEY", "CODEX_API_KEY"),
        remedy="set OPENAI_API_KEY for the daemon, or log in with `codex login` as its user",
    ),
    "opencode": Needs(
        providers=("anthropic", "openai"),
        takes={
            ("anthropic", "api_key"): ("ANTHROPIC_API_KEY",),
            ("openai", "api_key"): ("OPENAI_API_KEY",),
        },
        reads=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
    ),
    # Early releases of Amp took Anthropic's key; today's need their own, and wait minutes for a login without it.
    "amp": Needs(
        providers=("amp", "anthropic"),
        takes={("amp", "api_key"): ("AMP_API_KEY",)},
        reads=("AMP_API_KEY",),
        remedy="set AMP_API_KEY for the daemon, or log in with `amp login` as its user",
    ),
    "mock": Needs(providers=()),
}

_ANY = Needs(providers=tuple({v.provider for v in VARIABLES}))


def environment_for(agent: str, environment: Mapping[str, str], discovery: "Discovery") -> dict[str, str]:
    """What the agent inherits of the daemon's environment, and what it is handed besides."""
    providers = NEEDS.get(agent, _ANY).providers
    foreign = {v.name for v in VARIABLES if v.provider not in providers}
    if agent in NEEDS and agent != "opencode":
        foreign.add(OPENCODE_CONTENT)
    if agent == "codex":
        foreign -= discovery.variables
    kept = {name: value for name, value in environment.items() if name not in foreign}
    return kept | additions(agent, environment, discovery)


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """For programs that need none: npm with the scripts of a package, an agent that is asked for its version."""
    secret = secret_variables()
    return {name: value for name, value in environment.items() if name not in secret}


def secret_variables() -> frozenset[str]:
    """Those that may hold a credential of any vendor."""
    return frozenset({variable.name for variable in VARIABLES} | {OPENCODE_CONTENT})


def additions(agent: str, environment: Mapping[str, str], discovery: "Discovery") -> dict[str, str]:
    added: dict[str, str] = {}
    needs = NEEDS.get(agent, _ANY)
    for provider in dict.fromkeys(provider for provider, _ in needs.takes):
        credential = _for(agent, provider, environment, discovery)
        if credential is not None:
            names = needs.takes[provider, credential.auth_type]
            others = [n for n in needs.reads if n not in names and is_set(environment, n) and _is_of(n, provider)]
            if not others:
                added |= {name: credential.secret for name in names if not is_set(environment, name)}
    return added


def login_variable(agent: str, environment: Mapping[str, str], discovery: "Discovery") -> str | None:
    """The variable of the agent's environment whose key it must be told at its start. Codex's server reads none of
    them (measured on 0.169.0). None for an agent that is let in without, and whose own login would be lost."""
    own_provider = discovery.special.get("codex", "openai_base_url").startswith("openai_base_url")
    if agent != "codex" or ("codex", "openai") in discovery.logins or not own_provider:
        return None
    inherited = environment_for(agent, environment, discovery)
    return next((name for name in NEEDS[agent].reads if is_set(inherited, name)), None)


def available(agent: str, environment: Mapping[str, str], discovery: "Discovery") -> bool:
    """For an agent that works without any: whether there is one that it can use."""
    needs = NEEDS.get(agent, _ANY)
    if not needs.providers:
        return True
    let_in = any(who == agent for who, _ in discovery.logins) or any(is_set(environment, n) for n in needs.reads)
    return let_in or agent in discovery.special or additions(agent, environment, discovery) != {}


def missing(agent: str, environment: Mapping[str, str], discovery: "Discovery", places: Places) -> Problem | None:
    """The problem of an agent that could not work, or would wait for a login that nobody can give it."""
    needs = NEEDS.get(agent, _ANY)
    if not needs.remedy or available(agent, environment, discovery):
        return None
    return credentials_missing(agent, needs.remedy, needs.reads, places.of(agent), discovery.troubles)


def takes_any(agent: str) -> bool:
    """False for an agent to which nothing is ever handed: nobody has to look for it."""
    return NEEDS.get(agent, _ANY).takes != {}


def providers_of(agent: str) -> tuple[str, ...]:
    """Whose credential the agent uses first; for people who ask by the agent's name."""
    return tuple(dict.fromkeys(provider for provider, _ in NEEDS[agent].takes))


def _for(agent: str, provider: str, environment: Mapping[str, str], discovery: "Discovery") -> Credential | None:
    """The credential to hand over; None also when the agent has its own."""
    if (agent, provider) in discovery.logins:
        return None
    takes = NEEDS[agent].takes
    redirected = is_set(environment, _REDIRECTS[provider]) or agent in discovery.special
    for credential in discovery.found:
        usable = credential.provider == provider and (provider, credential.auth_type) in takes
        if usable and (credential.source == "environment" or not redirected):
            return credential
    return None


def _is_of(name: str, provider: str) -> bool:
    return any(v.name == name and v.provider == provider for v in VARIABLES)
