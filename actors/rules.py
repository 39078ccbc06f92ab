"""What "always" means: the permissions that a human has granted for the rest of a session.

A permission has keys: its action and the names that its metadata gives the tool, each also cut at the first colon and
lower-cased. An "always" remembers the keys; a later permission that shares one is granted (wire 0.1, section 6).
"""

from typing import Any

from ..schema.events import PermissionEventData

_NAMES = ("permission", "codexRequestKind", "toolName", "tool_name")


def permission_keys(permission: PermissionEventData) -> frozenset[str]:
    metadata: Any = permission.metadata
    named: list[Any] = [metadata.get(name) for name in _NAMES] if isinstance(metadata, dict) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    keys: set[str] = set()
    for name in (permission.action, *named):
        if isinstance(name, str) and name:
            keys |= {name, name.split(":", 1)[0].strip().lower()}
    return frozenset(keys)


class Rules:
    """The remembered keys of every session."""

    def __init__(self) -> None:
        self._keys: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        return f"<Rules sessions={len(self._keys)} keys={sum(map(len, self._keys.values()))}>"

    def remember(self, session_id: str, permission: PermissionEventData) -> None:
        self._keys.setdefault(session_id, set()).update(permission_keys(permission))

    def grants(self, session_id: str, permission: PermissionEventData) -> bool:
        return not self._keys.get(session_id, set()).isdisjoint(permission_keys(permission))

    def forget(self, session_id: str) -> None:
        self._keys.pop(session_id, None)
