"""Handlers of the rules: one per operation, named by its operation id."""

from ...schema.approvals.rules import RuleListResponse
from .call import Call


async def list_rules(call: Call) -> RuleListResponse:
    return await call.daemon.rules(call.session_id)


async def revoke_rule(call: Call) -> None:
    await call.daemon.revoke_rule(call.session_id, call.ids["rule_id"], call.by)
