"""The rules of a session as the API tells them."""

from attrs import frozen

from .always import AlwaysKind
from .decided_by import DecidedBy


@frozen
class PermissionRule:
    """What an `always` has allowed for the rest of the session. ``always`` is the text that was shown, ``action`` and
    ``permission_id`` are those of the permission that was answered, ``decided_by`` is by whom. ``created_at`` is
    milliseconds since 1970; ``uses`` counts the permissions that the rule has granted since.

    ``kind`` is ``command`` (the same command in the same place), ``file`` (the same files, symlinks resolved), ``url``,
    ``mcp_tool`` (with any arguments) or ``input`` (the same input)."""

    rule_id: str
    kind: AlwaysKind
    always: str
    action: str
    permission_id: str
    created_at: int
    decided_by: DecidedBy
    uses: int = 0


@frozen
class RuleListResponse:
    """Oldest first."""

    rules: tuple[PermissionRule, ...]
