"""Always rules: what humans have allowed for the rest of a session, each exactly as it was shown.

They are in memory and end with the session, or with the daemon: after a restart the agent's permissions are requested
again. What is on disk is masked, so no rule could be made from it, and a rule of last week would grant something that
nobody reviewed.
"""

import hashlib
from collections.abc import Sequence

from attrs import define, evolve, frozen

from ...schema.approvals.always import AlwaysKind
from ...schema.approvals.decided_by import DecidedBy
from ...schema.approvals.rules import PermissionRule


@frozen
class Grant:
    """What an `always` to one permission would allow: everything with this ``fingerprint``. ``text`` is what was
    shown."""

    fingerprint: str
    kind: AlwaysKind
    text: str


@define
class _Kept:
    rule: PermissionRule
    uses: int = 0


class AlwaysRules:
    """The rules of all sessions, by fingerprint."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, _Kept]] = {}

    def __repr__(self) -> str:
        return f"<AlwaysRules sessions={len(self._kept)} rules={sum(map(len, self._kept.values()))}>"

    def remember(
        self, session_id: str, grant: Grant, permission_id: str, action: str, at_ms: int, by: DecidedBy
    ) -> None:
        """Add a rule; nothing happens when there is one for this already."""
        rule = PermissionRule(rule_id_of(permission_id), grant.kind, grant.text, action, permission_id, at_ms, by)
        self._kept.setdefault(session_id, {}).setdefault(grant.fingerprint, _Kept(rule))

    def find(self, session_id: str, grant: Grant) -> str | None:
        """The id of the rule that grants this."""
        kept = self._kept.get(session_id, {}).get(grant.fingerprint)
        return kept.rule.rule_id if kept is not None else None

    def used(self, session_id: str, grant: Grant) -> None:
        if (kept := self._kept.get(session_id, {}).get(grant.fingerprint)) is not None:
            kept.uses += 1

    def of(self, session_id: str) -> Sequence[PermissionRule]:
        """Oldest first."""
        return [evolve(kept.rule, uses=kept.uses) for kept in self._kept.get(session_id, {}).values()]

    def revoke(self, session_id: str, rule_id: str) -> PermissionRule | None:
        """Revoke a rule and return it; None when there is none."""
        rules = self._kept.get(session_id, {})
        for fingerprint, kept in rules.items():
            if kept.rule.rule_id == rule_id:
                del rules[fingerprint]
                return evolve(kept.rule, uses=kept.uses)
        return None

    def forget(self, session_id: str) -> None:
        self._kept.pop(session_id, None)


def rule_id_of(permission_id: str) -> str:
    """The id of the rule that an `always` to this permission makes: it is unique, because permissions' ids are."""
    return f"rule_{hashlib.blake2b(permission_id.encode(errors='replace'), digest_size=8).hexdigest()}"
