"""All agents. A new one is a folder beside this file, and a line in the tuple."""

from collections.abc import Mapping
from types import MappingProxyType

from .amp import definition as amp
from .claude import definition as claude
from .codex import definition as codex
from .definition import AgentDefinition
from .mock import definition as mock
from .opencode import definition as opencode

DEFINITIONS: tuple[AgentDefinition, ...] = tuple(agent.DEFINITION for agent in (claude, codex, opencode, amp, mock))
"""In the order in which they are told."""

BY_ID: Mapping[str, AgentDefinition] = MappingProxyType({each.id: each for each in DEFINITIONS})

PINNED: Mapping[str, str] = MappingProxyType({each.id: each.version for each in DEFINITIONS if each.version})
"""The versions of the agents that can be installed: those that are installed when a caller names none."""
