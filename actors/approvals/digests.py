"""Digests of what a human is shown. A decision that brings one counts for exactly that."""

import hashlib
import secrets

import msgspec

from ...schema.approvals.approval_data import ApprovalData
from ...schema.events import PermissionEventData


class InputDigests:
    """The digests of one session's asks. They are keyed: a digest stands in the log, where secrets in a command are
    masked, and must not tell who guesses them that he was right."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return "<InputDigests>"

    def of(self, ask: ApprovalData) -> str | None:
        """Of the input itself, before anything of it is masked. None for what cannot be written down."""
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
