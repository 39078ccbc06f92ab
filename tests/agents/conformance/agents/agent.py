"""What the story must know of an agent: its home, how its model is moved to do something, and how it hears."""

import sys
from collections.abc import Callable, Mapping
from shlex import quote

from attrs import field, frozen

from ....models.amp import AmpServer
from ....models.server import ModelServer
from ... import mcp_server
from ...sandbox import Sandbox

USAGE = {"input_tokens": 100, "output_tokens": 20, "cache_read_tokens": 20, "cache_write_tokens": 30}
"""What every scripted model says of every answer."""

MCP_SERVER = (sys.executable, mcp_server.__file__)


@frozen
class Models:
    """Every scripted model there is; an agent uses the one that it knows."""

    http: ModelServer
    amp: AmpServer

    def last_request(self) -> str:
        """The last request that came with tools: one without is for a title."""
        asked = [body for body in self.http.asked() if "tools" in body]
        return str(asked[-1:])


Prepare = Callable[[Sandbox, Models], Mapping[str, str]]
"""Writes the agent's configuration; what it returns goes into the daemon's environment."""


def scripted(scenario: str) -> Callable[[str], str]:
    """The prompt for a scenario that takes a shell command."""
    return lambda command: f"{scenario} {quote(command)}"


def nothing(_: Sandbox, __: Models) -> Mapping[str, str]:
    """:meth:`Sandbox.make` has done it all."""
    return {}


@frozen
class Agent:
    """Prompts are what moves the scripted model. ``tool`` makes the agent ask for leave to run a shell
    command, ``edit`` wants a path, an old and a new word behind it.

    ``told`` is what the agent's model says of a prompt that it got whole, ``seen`` what it says of one PNG at a path.
    ``questions`` are those that ``ask`` makes it ask, and whether several labels may be chosen. ``usage`` is what is
    told of the tokens of ``hello``. ``with_mcp`` adds the server ``lab`` to the user's configuration; None where there
    are no such servers. ``heard`` is all that the model was told with the last prompt; None for an agent without a
    model. ``hang`` makes the model begin an answer and never end it; with ``forgets_unanswered`` nothing is left of a
    conversation without any answer when its agent is killed. ``ends_on_interrupt``: its process does. ``cannot`` are
    the capabilities that the agent is known not to have: every other one must be there.

    ``form`` makes the MCP server ``elicitor`` ask its user to sign up; ``told_server`` is what that server hears from
    an agent that passes no question of a server on.

    ``leave`` makes the agent start a command that it does not wait for, and ``background`` is what it calls such work;
    None when nobody is told of it. ``left`` is then what the model hears of it, and ``leaves_unseen`` whether the
    command runs all the same."""

    name: str
    heard: Callable[[Models], str] | None
    hello: str = "SCN_HELLO"
    answer: str = "Hello from the model."
    tool: Callable[[str], str] = scripted("SCN_BASH")
    edit: str = "SCN_EDIT"
    think: str = "SCN_THINK"
    thought: str = "First I ponder. Then I decide."
    ask: str | None = "SCN_ASK"
    questions: tuple[tuple[str, bool], ...] = (("Which color?", False), ("Which sizes?", True))
    form: str = "SCN_FORM signup"
    elicitor: str = "lab"
    told_server: str | None = None
    leave: Callable[[str], str] = scripted("SCN_LEAVE")
    background: str | None = None
    left: str = ""
    leaves_unseen: bool = False
    fail: str = "SCN_400"
    error: str = "the scripted model refuses"
    hang: str = "SCN_HANG"
    long: str = "SCN_LEN"
    told: Callable[[str], str] = lambda prompt: f"Prompt has {len(prompt)} characters."
    image: str = "SCN_IMAGE"
    seen: Callable[[str], str] = lambda _path: "Images: image/png:"
    usage: Mapping[str, int] | None = field(factory=lambda: dict(USAGE))
    prepare: Prepare = nothing
    with_mcp: Callable[[Sandbox], None] | None = None
    forgets_unanswered: bool = False
    ends_on_interrupt: bool = False
    cannot: frozenset[str] = field(factory=frozenset[str])

    def __repr__(self) -> str:
        return self.name
