"""The routes of the rules, part of the route table."""

from ...schema.approvals.rules import RuleListResponse
from ..route import Route, get
from . import approval_handlers as handlers

_RULES = "/v1/sessions/{session_id}/rules"

RULE_ROUTES: tuple[Route, ...] = (
    get(
        _RULES,
        handlers.list_rules,
        scopes=("read",),
        tag="sessions",
        summary="List Rules",
        success="What `always` has allowed in this session",
        answer=RuleListResponse,
        problems=(400, 404),
    ),
    Route(
        method="DELETE",
        path=f"{_RULES}/{{rule_id}}",
        handler=handlers.revoke_rule,
        scopes=("approve",),
        tag="sessions",
        summary="Revoke Rule",
        description="What the rule has granted stays granted; from now on the same is asked again.",
        success="The rule is gone",
        status=204,
        problems=(400, 404, 500),
    ),
)
