"""What a human is asked to decide, as its event tells it: a permission or a question."""

from ..events import PermissionEventData, QuestionEventData

ApprovalData = PermissionEventData | QuestionEventData


def approval_id_of(approval: ApprovalData) -> str:
    return approval.permission_id if isinstance(approval, PermissionEventData) else approval.question_id
