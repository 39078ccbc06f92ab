"""Nothing that an agent can say has gone unseen by us: it is told, passed over on purpose, or known to be lacking.

A vendor's new version fails here by the name of what is new.
"""

from collections.abc import Sequence

import pytest

from ..install import executable
from ..sandbox import Sandbox
from .claude import claude_kinds
from .codex import codex_kinds
from .kinds import Made
from .lacks import lacks
from .opencode import opencode_kinds
from .passed_over import MOVES, NOT_FOR_US, is_passed_over

pytestmark = pytest.mark.agents


@pytest.fixture(params=["claude", "codex", "opencode"])
async def said(request: pytest.FixtureRequest, sandbox: Sandbox) -> Sequence[Made]:
    match request.param:
        case "claude":
            return list(claude_kinds(executable("claude").resolve()))
        case "codex":
            return list(codex_kinds(sandbox))
        case _:
            return await opencode_kinds(sandbox)


async def test_everything_that_an_agent_can_say_is_told_or_passed_over_or_known_to_be_lacking(said: Sequence[Made]):
    assert len(said) > 50, "this is what it can say"
    unknown = [f"{each.kind.name}: {each.why or each.outcome}" for each in said if not _is_known(each)]
    assert unknown == []


async def test_what_is_lacking_can_still_be_said_and_is_still_lacking(said: Sequence[Made]):
    outcomes = {each.kind: each.outcome for each in said}
    agent = said[0].kind.agent
    for lack in lacks():
        if lack.kind.agent == agent:
            assert lack.kind in outcomes, f"{agent} cannot say {lack.kind.name} any more"
            assert lack.in_part == (outcomes[lack.kind] == "told" or lack.kind.name in MOVES[agent]), lack


def _is_known(each: Made) -> bool:
    match each.outcome:
        case "told":
            return True
        case "quiet":
            return is_passed_over(each.kind) or each.kind.name in MOVES[each.kind.agent]
        case "unparsed":
            return each.kind.name in NOT_FOR_US or each.kind in {lack.kind for lack in lacks()}
