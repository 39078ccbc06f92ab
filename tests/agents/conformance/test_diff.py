"""The suite's own reader of diffs: one that took anything would prove nothing."""

from difflib import unified_diff

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .diff import applied

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), max_size=12)


@given(old=LINES, new=LINES, context=st.integers(0, 3))
def test_what_difflib_makes_leads_from_the_old_text_to_the_new(old: list[str], new: list[str], context: int) -> None:
    diff = "".join(unified_diff(old, new, "old", "new", n=context))
    assert not diff or applied("".join(old), diff) == "".join(new)


@pytest.mark.parametrize(
    "diff",
    [
        "--- a\n+++ a\n@@ -1,2 +1,2 @@\n-other\n+ONE\n two\n",
        "--- a\n+++ a\n@@ -1,2 +1,2 @@\n-one\n+ONE\n other\n",
        "--- a\n+++ a\n@@ -2,1 +2,1 @@\n-one\n+ONE\n",
        "@@ -1,1 +1,1 @@\n-one\n+ONE\n",
    ],
    ids=["another old line", "another context", "another place", "no header"],
)
def test_a_diff_that_does_not_fit_is_refused(diff: str) -> None:
    with pytest.raises(AssertionError):
        applied("one\ntwo\n", diff)
