"""The mock agent as the daemon knows it (wire 0.1, section 3)."""

from typing import TYPE_CHECKING

from ...api.agent_info import AgentModeInfo, AgentModelInfo
from ..definition import AgentDefinition

if TYPE_CHECKING:
    from ..dialect import MakeDialect


def _load_dialect() -> "MakeDialect":
    from .dialect import Mock

    return Mock


DEFINITION = AgentDefinition(
    id="mock",
    executable=None,
    modes=(
        AgentModeInfo("build", "Build", "Plays its script, for tests and user interfaces"),
        AgentModeInfo("plan", "Plan", "The same script: the mock agent plans nothing"),
    ),
    permission_modes=("default", "plan", "bypass"),
    permission_aliases=(("acceptEdits", "default"),),
    models=(AgentModelInfo("mock", "Mock"),),
    default_model="mock",
    load_dialect=_load_dialect,
)
