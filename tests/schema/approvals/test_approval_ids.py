"""Ids of asks: no two alike, whatever an agent calls them."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.approvals import approval_ids
from sandbox_agent.schema.approvals.approval_ids import MAX_ID, ApprovalIds


@given(st.lists(st.sampled_from(["a", "b", "a~1", "a~2", "ask", "ask~1", "", "x" * 300, "a\nb"]), max_size=40))
def test_none_is_given_twice(named: list[str]):
    ids = ApprovalIds()
    given_ids = [ids.give(name) for name in named]
    assert len(set(given_ids)) == len(given_ids)
    assert all(given_id.isprintable() and 0 < len(given_id) <= MAX_ID + 10 for given_id in given_ids)


def test_an_agents_own_id_is_taken_the_first_time():
    ids = ApprovalIds()
    assert [ids.give("r1"), ids.give("r2"), ids.give("r1")] == ["r1", "r2", "r1~1"]


def test_what_is_remembered_is_bounded_and_no_id_comes_again(monkeypatch):
    monkeypatch.setattr(approval_ids, "MOST_REMEMBERED", 3)
    ids = ApprovalIds()
    given_ids = [ids.give(name) for name in [*"abcdef", *"abcdef", "f~9", "f~10", "f~11"]]
    assert len(set(given_ids)) == len(given_ids)
    assert len(ids._given) == 3
