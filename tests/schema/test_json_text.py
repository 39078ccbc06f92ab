"""JSON from outside that is nested too deep: refused where it comes in, by everybody who reads some."""

import json
import subprocess
import sys

import msgspec
import pytest

from sandbox_agent.actors.agents import amp_hook
from sandbox_agent.actors.installs.versions import RECEIPT, InstalledVersions
from sandbox_agent.schema.agents.claude.models import read_models
from sandbox_agent.schema.agents.json_lines import BAD_JSON, decode, plain
from sandbox_agent.schema.api.sessions import MessageRequest
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import json_or_text
from sandbox_agent.schema.json_text import MAX_DEPTH, decode_json
from sandbox_agent.schema.problems import Problem


def arrays(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


DEEP = [make(depth) for make in (arrays, objects) for depth in (MAX_DEPTH + 1, 900, 990, 100_000)]


@pytest.mark.parametrize("make", [arrays, objects])
def test_what_is_nested_as_deep_as_allowed_is_read(make):
    text = make(MAX_DEPTH)
    assert decode_json(text) == decode_json(text.decode()) == json.loads(text)
    assert plain(text) == json.loads(text)
    assert json_or_text(text) == text


def test_brackets_in_a_text_and_beside_each_other_are_not_nested():
    for value in ("[{" * 100_000, [[]] * 1000, [{"a": [1]}] * 1000):
        text = json.dumps(value).encode()
        assert decode_json(text) == value


@pytest.mark.parametrize("text", DEEP, ids=lambda text: f"{chr(text[0])} {len(text)}")
def test_what_is_nested_deeper_is_refused_by_all_who_read_for_others(text):
    for read in (decode_json, plain, lambda text: decode(text, msgspec.Raw), lambda text: decode(text, dict)):
        with pytest.raises(BAD_JSON):
            read(text)
    assert json_or_text(text) == msgspec.json.encode(text.decode())
    with pytest.raises(Problem) as refused:
        Codec().decode(b'{"message":' + text + b"}", MessageRequest)
    assert refused.value.status == 400
    assert "nested more than 128 deep" in refused.value.detail
    assert read_models(text) is None


def test_a_receipt_that_is_nested_too_deep_is_a_damaged_one(tmp_path):
    store = InstalledVersions(tmp_path, "claude")
    (store.root / "1.2.3").mkdir(parents=True)
    (store.root / "1.2.3" / RECEIPT).write_bytes(arrays(100_000))
    assert store.find("1.2.3") is None


def test_a_tool_whose_input_is_nested_too_deep_still_asks():
    asked = json.loads(amp_hook.request({"AGENT_TOOL_NAME": "Bash"}, arrays(100_000)))
    assert asked["input"] == arrays(100_000).decode()


@pytest.mark.parametrize(
    "arguments", [("reply-question", "s", "q", "--answers"), ("create", "s", "-a", "mock", "--mcp-config")]
)
def test_a_command_line_with_such_json_is_a_sentence(tmp_path, arguments):
    deep = tmp_path / "deep.json"
    deep.write_bytes(arrays(100_000))
    value = str(deep) if arguments[-1] == "--mcp-config" else arrays(50_000).decode()
    done = subprocess.run(
        [sys.executable, "-m", "sandbox_agent.cli.main", "api", "sessions", *arguments, value],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
