"""An agent as the daemon knows it: all that is told of it, in one place.

Definitions are read by the command line for its help, so nothing slow is imported here: the dialect and what asks for
models are loaded when they are needed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from ..api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo, AgentModelsResponse
from ..credentials.needs import Needs
from ..workspace.project import ProjectFiles
from .model_query import ModelTalk
from .packages import NpmPackage, VendorDownload

if TYPE_CHECKING:
    from .dialect import MakeDialect

PERMISSION_MODES = ("default", "plan", "bypass", "acceptEdits")
"""All that there are."""

DEFAULT = AgentModelInfo("default", "Default")
"""What the user has configured: it counts for a session that names no model, and is the first in every list."""

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What the APIs of the models take as a picture."""

CAPABILITIES = AgentCapabilities(
    plan_mode=True,
    permissions=True,
    questions=True,
    tool_calls=True,
    tool_results=True,
    text_messages=True,
    images=True,
    file_attachments=True,
    session_lifecycle=True,
    error_events=True,
    reasoning=True,
    status=True,
    command_execution=True,
    file_changes=True,
    mcp_tools=True,
    streaming_deltas=True,
    item_started=True,
    shared_process=False,
)
"""What most agents can do; an agent says only what is otherwise with it."""


@frozen
class HttpGet:
    """A request to make. ``headers`` may hold a credential."""

    url: str
    headers: Mapping[str, str]


@frozen
class ModelList:
    """How to ask an agent's vendor which models there are. ``ask`` gets the environment and returns None when it cannot
    be asked; ``read`` returns None for an answer that it does not understand."""

    ask: Callable[[Mapping[str, str]], HttpGet | None]
    read: Callable[[bytes], AgentModelsResponse | None]


@frozen(kw_only=True)
class AgentDefinition:
    """``executable`` is the program's name on PATH; None for the agent that is our own program. ``version`` is the one
    that is installed when a caller names none, and that the tests with real agents use: here, and nowhere else, a
    vendor's new version is taken up. ``npm`` and ``download`` are where it is installed from.

    ``any_mode`` lets a client name agent modes that are not in ``modes``. ``permission_aliases`` maps a permission mode
    that the agent lacks to the one that it stands for. Attachments of ``inline_mimes`` are handed to the dialect with
    their content. An agent that ``echoes`` says each prompt again in one line, with all that it has inline; ``by_path``
    is for one that takes a picture by its path as well. A ``hooked`` agent gets a private directory, and in it the
    socket on which its hooks ask. ``user_files`` tells by the environment where the user's own settings may be, for an
    agent that reads only one such file; the first that exists is handed to the dialect. ``project`` tells what it
    reads from its working directory; None for one that reads nothing there.

    ``models`` are told where neither ``model_list`` nor ``model_talk``, which asks the program, has an answer.
    ``load_dialect`` imports the dialect, which no daemon needs before an agent is started; it takes some ten
    milliseconds, so it is called in a thread."""

    id: str
    executable: str | None
    version: str | None = None
    npm: NpmPackage | None = None
    download: VendorDownload | None = None
    capabilities: AgentCapabilities = CAPABILITIES
    modes: tuple[AgentModeInfo, ...]
    permission_modes: tuple[str, ...] = PERMISSION_MODES
    permission_aliases: tuple[tuple[str, str], ...] = ()
    any_mode: bool = False
    refuses_bypass_as_root: bool = False
    models: tuple[AgentModelInfo, ...]
    default_model: str
    model_list: Callable[[], ModelList] | None = None
    model_talk: Callable[[], ModelTalk] | None = None
    needs: Needs = Needs()
    inline_mimes: tuple[str, ...] = ()
    echoes: bool = False
    by_path: bool = False
    hooked: bool = False
    user_files: Callable[[Mapping[str, str]], Sequence[str]] | None = None
    project: ProjectFiles | None = None
    load_dialect: "Callable[[], MakeDialect]"
