"""What each agent gets of the credentials that there are, and when it cannot do without.

The daemon adds and never replaces: an agent that its own files let in, or that has its credential in a variable that
it reads, is handed nothing. A credential from a file goes only where its file would have sent it: not to the server
that ANTHROPIC_BASE_URL, OPENAI_BASE_URL or AMP_URL names, and not into a set-up that needs none.
"""

from collections.abc import Mapping

from ..agents.definitions import BY_ID
from ..problems import Problem, credentials_missing
from .credential import OPENCODE_CONTENT, VARIABLES, Credential, is_set
from .discovery import Discovery
from .needs import Needs
from .places import Places

_REDIRECTS = {"anthropic": "ANTHROPIC_BASE_URL", "openai": "OPENAI_BASE_URL", "amp": "AMP_URL"}

OPENCODE = "opencode"
"""The agent that reads ``OPENCODE_CONTENT``."""

_ANY = Needs(providers=tuple({v.provider for v in VARIABLES}))
"""Of an agent that nothing is told of."""

ELSEWHERE = "openai_base_url"
"""Codex's own word for another server that takes the same key."""


def environment_for(agent: str, environment: Mapping[str, str], discovery: Discovery) -> dict[str, str]:
    """What the agent inherits of the daemon's environment, and what it is handed besides."""
    needs = _needs(agent)
    foreign = {v.name for v in VARIABLES if v.provider not in needs.providers}
    if agent in BY_ID and agent != OPENCODE:
        foreign.add(OPENCODE_CONTENT)
    foreign -= discovery.variables.get(agent, frozenset())
    kept = {name: value for name, value in environment.items() if name not in foreign}
    return kept | additions(agent, environment, discovery)


def additions(agent: str, environment: Mapping[str, str], discovery: Discovery) -> dict[str, str]:
    added: dict[str, str] = {}
    needs = _needs(agent)
    for provider in needs.handed:
        credential = _for(agent, provider, environment, discovery)
        if credential is not None:
            names = needs.takes[provider, credential.auth_type]
            others = [n for n in needs.reads if n not in names and is_set(environment, n) and _is_of(n, provider)]
            if not others:
                added |= {name: credential.secret for name in names if not is_set(environment, name)}
    return added


def login_variable(agent: str, environment: Mapping[str, str], discovery: Discovery) -> str | None:
    """The variable of the agent's environment whose key it must be told at its start. None for an agent that reads
    it, or that is let in without, and whose own login would be lost."""
    needs = _needs(agent)
    let_in = any((agent, provider) in discovery.logins for provider in needs.providers)
    if not needs.told or let_in or not discovery.special.get(agent, ELSEWHERE).startswith(ELSEWHERE):
        return None
    inherited = environment_for(agent, environment, discovery)
    return next((name for name in needs.reads if is_set(inherited, name)), None)


def available(agent: str, environment: Mapping[str, str], discovery: Discovery) -> bool:
    """For an agent that works without any: whether there is one that it can use."""
    needs = _needs(agent)
    if not needs.providers:
        return True
    let_in = any(who == agent for who, _ in discovery.logins) or any(is_set(environment, n) for n in needs.reads)
    return let_in or agent in discovery.special or additions(agent, environment, discovery) != {}


def missing(agent: str, environment: Mapping[str, str], discovery: Discovery, places: Places) -> Problem | None:
    """The problem of an agent that could not work, or would wait for a login that nobody can give it."""
    needs = _needs(agent)
    if not needs.remedy or available(agent, environment, discovery):
        return None
    return credentials_missing(agent, needs.remedy, needs.reads, places.of(agent), discovery.troubles)


def takes_any(agent: str) -> bool:
    """False for an agent to which nothing is ever handed: nobody has to look for it."""
    return _needs(agent).takes != {}


def _for(agent: str, provider: str, environment: Mapping[str, str], discovery: Discovery) -> Credential | None:
    """The credential to hand over; None also when the agent has its own."""
    if (agent, provider) in discovery.logins:
        return None
    takes = _needs(agent).takes
    redirected = is_set(environment, _REDIRECTS[provider]) or agent in discovery.special
    for credential in discovery.found:
        usable = credential.provider == provider and (provider, credential.auth_type) in takes
        if usable and (credential.source == "environment" or not redirected):
            return credential
    return None


def _is_of(name: str, provider: str) -> bool:
    return any(v.name == name and v.provider == provider for v in VARIABLES)


def _needs(agent: str) -> Needs:
    return BY_ID[agent].needs if agent in BY_ID else _ANY
