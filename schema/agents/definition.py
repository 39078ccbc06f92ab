"""An agent as the daemon knows it: what it is called, what it can do, which modes it has, how it is spoken to."""

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from ..api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo, AgentModelsResponse
from ..workspace.project import ProjectFiles
from .dialect import MakeDialect
from .model_query import ModelTalk


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


@frozen
class AgentDefinition:
    """``executable`` is the program's name on PATH; None for the agent that is our own program. ``any_mode`` lets a
    client name agent modes that are not in ``modes``. ``permission_aliases`` maps a permission mode that the agent
    lacks to the one that it stands for. Attachments of ``inline_mimes`` are handed to the dialect with
    their content. An agent that ``echoes`` says each prompt again in one line, with all that it has inline; ``by_path``
    is for one that takes a picture by its path as well. A ``hooked`` agent gets a private directory, and in it the
    socket on which its hooks ask. ``user_files`` tells by the environment where the user's own settings may be, for an
    agent that reads only one such file; the first that exists is handed to the dialect. ``project`` tells what it
    reads from its working directory; None for one that reads nothing there. ``load_dialect`` imports the dialect, which
    no daemon needs before an agent is started; it takes some ten milliseconds, so it is called in a thread."""

    id: str
    executable: str | None
    capabilities: AgentCapabilities
    modes: tuple[AgentModeInfo, ...]
    permission_modes: tuple[str, ...]
    models: tuple[AgentModelInfo, ...]
    default_model: str
    load_dialect: Callable[[], MakeDialect]
    permission_aliases: tuple[tuple[str, str], ...] = ()
    any_mode: bool = False
    refuses_bypass_as_root: bool = False
    inline_mimes: tuple[str, ...] = ()
    echoes: bool = False
    by_path: bool = False
    hooked: bool = False
    user_files: Callable[[Mapping[str, str]], Sequence[str]] | None = None
    project: ProjectFiles | None = None
    model_list: ModelList | None = None
    model_talk: Callable[[], ModelTalk] | None = None
