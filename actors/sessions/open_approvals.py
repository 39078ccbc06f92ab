"""Open approvals: the permissions and questions that a session's agent waits for, and the events that resolve them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from attrs import evolve

from ...schema.api.sessions import PermissionReply
from ...schema.approvals.approval_data import ApprovalData, approval_id_of
from ...schema.events import EventType, PermissionEventData, PermissionStatus, QuestionEventData
from ...schema.redaction.redactor import MASK
from ...schema.settings import Settings
from ..approvals.broker import Answers, Decision

_STATUS: Mapping[PermissionReply, PermissionStatus] = {
    "once": "accept",
    "always": "accept_for_session",
    "reject": "reject",
}


def requested(ask: ApprovalData) -> EventType:
    """The type of the event that requests it."""
    return "permission.requested" if isinstance(ask, PermissionEventData) else "question.requested"


def resolved(ask: ApprovalData, decision: Decision) -> tuple[EventType, ApprovalData]:
    """The event that resolves an approval. ``cause`` is added to the metadata when no human decided."""
    if isinstance(ask, PermissionEventData):
        metadata: Any = ask.metadata
        if decision.cause is not None:
            known = cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}
            metadata = {**known, "cause": decision.cause}
        return "permission.resolved", evolve(
            ask, status=_STATUS[decision.reply or "reject"], metadata=metadata, decided_by=decision.by
        )
    if decision.answers is None:
        return "question.resolved", evolve(ask, status="rejected", decided_by=decision.by)
    answers = _shown(ask, decision.answers)
    first = ", ".join(answers[0]) if answers and answers[0] else None
    redacted = True if answers != decision.answers else ask.redacted
    return "question.resolved", evolve(
        ask, status="answered", response=first, answers=answers, decided_by=decision.by, redacted=redacted
    )


def secrets_in(ask: ApprovalData | None, answers: Answers | None) -> Iterator[str]:
    """The secret answers of a human, which only the agent gets."""
    if isinstance(ask, QuestionEventData):
        for hidden, given in _marked(ask, answers or ()):
            if hidden:
                yield from given


def _shown(ask: QuestionEventData, answers: Answers) -> Answers:
    """The answers without the secret ones."""
    return tuple((MASK,) if hidden and given else given for hidden, given in _marked(ask, answers))


def _marked(ask: QuestionEventData, answers: Answers) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """Each answer, and whether it is secret."""
    parts = ask.questions or ()
    for number, given in enumerate(answers):
        yield number < len(parts) and parts[number].secret is True, given


class OpenApprovals:
    """Open approvals by id, in their order. ``bytes`` is about the size of all together."""

    def __init__(self) -> None:
        self.bytes = 0
        self._open: dict[str, ApprovalData] = {}
        self._sizes: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<OpenApprovals {' '.join(self._open) or 'none'}>"

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, approval_id: str) -> bool:
        return approval_id in self._open

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._open))

    def beyond(self, settings: Settings) -> str | None:
        """The bound that is exceeded; None when there is room for one more."""
        if len(self) > settings.max_asks:
            return f"more than {settings.max_asks} open asks"
        if self.bytes > settings.max_asks_bytes:
            return f"more than {settings.max_asks_bytes} bytes of open asks"
        return None

    def open(self) -> tuple[ApprovalData, ...]:
        return tuple(self._open.values())

    def add(self, ask: ApprovalData, size: int = 0) -> None:
        """Add an approval that is not open yet."""
        approval_id = approval_id_of(ask)
        self._open[approval_id], self._sizes[approval_id] = ask, size
        self.bytes += size

    def get(self, approval_id: str) -> ApprovalData | None:
        """The open approval, which stays open."""
        return self._open.get(approval_id)

    def take(self, approval_id: str) -> ApprovalData | None:
        """The open approval, which is removed."""
        self.bytes -= self._sizes.pop(approval_id, 0)
        return self._open.pop(approval_id, None)
