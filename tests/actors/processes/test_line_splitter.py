"""Lines: whatever the chunks, the same lines; a line of any length costs bounded memory and linear time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.actors.processes.line_splitter import KEPT_HEAD, LineSplitter, OversizedLine


def split(data: bytes, cuts: list[int], limit: int) -> list[bytes | OversizedLine]:
    splitter = LineSplitter(limit)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    lines = [line for a, b in pairwise(edges) for line in splitter.feed(data[a:b])]
    last = splitter.finish()
    return lines + ([last] if last is not None else [])


texts = st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"").rstrip(b"\r")), max_size=20)


@given(texts, st.lists(st.integers(0, 1000)), st.booleans())
def test_cutting_the_stream_anywhere_gives_the_same_lines(lines: list[bytes], cuts: list[int], newline_at_end: bool):
    data = b"\n".join(lines) + (b"\n" if newline_at_end else b"")
    assert split(data, cuts, 1000) == [line for line in lines if line]


@given(st.lists(st.integers(0, 40), max_size=10), st.lists(st.integers(0, 1000)))
def test_a_line_over_the_limit_is_told_and_the_next_one_is_whole(sizes: list[int], cuts: list[int]):
    data = b"".join(b"x" * size + b"\n" for size in sizes)
    for size, line in zip(filter(None, sizes), split(data, cuts, 20), strict=True):
        if size > 20:
            # How much of the head is known depends on the chunks; that it is more than the limit does not.
            assert isinstance(line, OversizedLine)
            assert line.length == size
            assert 20 < len(line.head) <= size
        else:
            assert line == b"x" * size


def test_50_mb_without_a_line_break_are_not_held():
    splitter = LineSplitter(1 << 20)
    for _ in range(800):
        assert not list(splitter.feed(b"y" * (1 << 16)))
        assert sum(map(len, splitter._chunks)) <= (1 << 20)
    (line,) = splitter.feed(b"z\n")
    assert line == OversizedLine(b"y" * KEPT_HEAD, 800 * (1 << 16) + 1)
    assert list(splitter.feed(b"next\r\n")) == [b"next"]
