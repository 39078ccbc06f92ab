"""Files that are made to be expensive: parsing is linear in time and bounded in memory.

Work is counted in lines of Python that are executed, or in bytes that are allocated: neither depends on the machine.
"""

import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.credentials.discovery import discover
from sandbox_agent.schema.credentials.places import places
from sandbox_agent.schema.foreign.json_members import Picker, json_object
from sandbox_agent.schema.foreign.jsonc import to_json
from sandbox_agent.schema.foreign.not_readable import NotReadable
from sandbox_agent.schema.foreign.toml import MAX_TOML_BYTES, parse_toml

PLACES = places({}, "/h")


def discovered(path: str, content: bytes) -> object:
    return discover({}, {path: content}, PLACES, 0)


def peak(work: Callable[[], object]) -> int:
    """Bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def lines(work: Callable[[], object]) -> int:
    """Of Python, executed."""
    count = 0

    def trace(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # pyright: ignore
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_a_key_of_twenty_thousand_parts_costs_nothing():
    content = b"a." * 20_000 + b"b = 1\n"
    told: list[object] = []
    assert peak(lambda: told.append(discovered("/h/.codex/config.toml", content))) < 4 << 20
    assert "has a key of too many parts" in repr(told)


PART = '"a\\"b"'


@pytest.mark.parametrize(
    "content",
    [
        "a" + ".a" * 3000 + " = 1",
        "[a" + " . a" * 100 + "]",
        "x = { a" + "\t.\ta" * 3000 + " = 1 }",
        PART + f".{PART}" * 3000 + " = 1",
        "'a'" + ".'a'" * 3000 + " = 1",
        "x = [{k = '''\n \" ''', a" + ".b" * 3000 + '= 1, c = ""}]',
        ("a" + ".a" * 1500 + " = 1\n") * 10,
    ],
)
def test_a_long_key_is_found_however_it_is_written(content: str):
    with pytest.raises(NotReadable, match=r"^has a key of too many parts$"):
        parse_toml(content.encode())


def test_keys_that_people_write_are_read():
    content = '[projects."/home/u/a.b.c"]\ntrust_level = "trusted"\n[a.b.c]\nd.e = "It is. So. It. Seems. " # a.b\n'
    assert parse_toml(content.encode())["a"]["b"]["c"]["d"]["e"].startswith("It is.")
    prose = "It goes on. And on... " * 300
    assert parse_toml(f"text = '{prose}'".encode()) == {"text": prose}


def test_more_toml_than_is_parsed_is_told_with_the_bound():
    content = b"# " + b"x" * MAX_TOML_BYTES
    with pytest.raises(NotReadable, match=f"^is longer than {MAX_TOML_BYTES} bytes, the most TOML that is parsed$"):
        parse_toml(content)


@pytest.mark.parametrize(
    "unit", ["/*", "/", "//\n", ",", ", ", '"', '""', '"\\', "/* */", ",/**/", "\\", "[", "{}", ", \n", '"",'], ids=repr
)
def test_comments_are_taken_out_in_linear_time(unit: str):
    def strip(count: int) -> Callable[[], None]:
        def work() -> None:
            with suppress(ValueError):
                to_json(unit * count)

        return work

    small, large = lines(strip(500)), lines(strip(5000))
    assert large <= 11 * small + 100
    # A regular expression that goes back and forth executes no line of Python: this one would take hours.
    strip(1 << 18)()


@pytest.mark.parametrize(
    ("text", "json"),
    [
        ('{"a": 1, // one\n}', '{"a": 1 \n}'),
        ('{"a": [1, /* , */ ], }', '{"a": [1   ] }'),
        ('{"a": "// no /* comment, ]"}', '{"a": "// no /* comment, ]"}'),
        ('{"a": ",}"}', '{"a": ",}"}'),
        ('{"a": "\\",}"}', '{"a": "\\",}"}'),
        ('{"a": "\\\\",}', '{"a": "\\\\"}'),
        ("// all", ""),
        ("[1,, 2]", "[1,, 2]"),
        ("[1 / 2]", "[1 / 2]"),
        ("[1,/", "[1,/"),
        ("/*/ */1", " 1"),
    ],
)
def test_comments_and_trailing_commas_are_taken_out_and_nothing_else(text: str, json: str):
    assert to_json(text) == json


@pytest.mark.parametrize("text", ['{"a', '"\\"', "{} /* open", "/*/"])
def test_what_does_not_end_is_refused(text: str):
    with pytest.raises(ValueError, match="does not end"):
        to_json(text)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.sampled_from([",]", "/*", "//", '"', "\\"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_plain_json_stays_what_it_is(value: object):
    text = msgspec.json.encode(value).decode()
    assert to_json(text) == text
    spread = msgspec.json.format(text, indent=2)
    assert to_json(spread) == spread


def test_a_file_of_megabytes_is_not_built_for_the_one_string_in_it():
    """16 MB of empty lists would be 700 MB of them."""
    content = b'{"history": [' + b"[]," * 4_000_000 + b'0], "primaryApiKey": "sk-ant-fake"}'
    assert peak(lambda: discovered("/h/.claude.json", content)) < 3 * len(content)


def test_members_are_picked_by_their_names():
    pick = Picker(("a", "b.c", "b.d", "e.f.g"))
    content = b'\xef\xbb\xbf{"a": "1", "x": [{}], "b": {"c": 2.5, "d": true, "y": {}}, "e": {"f": {"g": "7"}}}'
    assert pick(content) == {"a": "1", "b.c": 2.5, "b.d": True, "e.f.g": "7"}
    assert pick(b'{"a": null, "b": "no object", "e": {"f": []}}') == {}
    assert pick(b'{"a": {}, "b": {"c": [1]}}') == {}


def test_an_object_all_of_whose_members_count_is_bounded():
    assert json_object(b'{"a": {"b": []}}') == {"a": {"b": []}}
    with pytest.raises(NotReadable, match=r"^is longer than 1048576 bytes$"):
        json_object(b'{"a": "' + b"x" * (1 << 20) + b'"}')
