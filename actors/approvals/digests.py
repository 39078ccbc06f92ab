"""Digests of what a human is shown. A decision with a digest counts only for exactly that."""

import hashlib
import secrets

import msgspec

from ...schema.approvals.approval_data import ApprovalData
from ...schema.events import PermissionEventData


class InputDigests:
    """The digests of one session's approvals. They are keyed: a digest is in the log, where secrets in a command are
    masked, and must not confirm a guess of such a secret."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return "<InputDigests>"

    def of(self, ask: ApprovalData) -> str | None:
        """The digest of the input itself, before it is masked. None for an input that cannot be encoded."""
        if isinstance(ask, PermissionEventData):
            shown: list[object] = ["permission", ask.action, ask.metadata]
        else:
            parts = [
                [part.name, part.question, [option.label for option in part.options], part.url]
                for part in ask.questions or ()
            ]
            server = ask.elicitation.server if ask.elicitation is not None else None
            shown = ["question", ask.prompt, list(ask.options), parts, server]
        try:
            said = msgspec.json.encode(shown, order="sorted")
        except (RecursionError, UnicodeError, msgspec.MsgspecError):
            return None
        return hashlib.blake2b(said, key=self._key, digest_size=16).hexdigest()
