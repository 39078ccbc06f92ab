"""The versions of the agents that are installed when a caller names none. The tests with real agents use the same:
here, and nowhere else, a vendor's new version is taken up."""

from collections.abc import Mapping
from types import MappingProxyType

PINNED: Mapping[str, str] = MappingProxyType(
    {
        "claude": "2.1.332",
        "codex": "0.171.0",
        "opencode": "1.18.33",
        "amp": "0.0.1790142911-g7618fb",
    }
)
