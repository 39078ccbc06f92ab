"""What Amp's tools did to files, and what their results say."""

import json
from typing import Any

import pytest

from sandbox_agent.schema.agents.amp.files import called_files, plain_diff, touched_files
from sandbox_agent.schema.agents.amp.messages import Conversation
from sandbox_agent.schema.agents.amp.wire import AssistantLine, UserLine
from sandbox_agent.schema.agents.effects import ItemCompleted
from sandbox_agent.schema.agents.json_lines import decode
from sandbox_agent.schema.agents.names import Names
from sandbox_agent.schema.items import FileRefPart, JsonPart, ToolResultPart

PATCH = """*** Begin Patch
*** Add File: new.txt
+one
*** Update File: /d/a b.txt
@@
-x
+y
*** Delete File: old.txt
*** End Patch"""

DIFF = "--- /d/a.txt\n+++ /d/a.txt\n@@ -1,1 +1,1 @@\n-x\n+y\n"


def test_a_patch_names_its_files():
    assert called_files("apply_patch", {"patchText": PATCH}) == (
        FileRefPart("new.txt", "write"),
        FileRefPart("/d/a b.txt", "patch"),
        FileRefPart("old.txt", "patch"),
    )


def test_a_file_that_is_made_is_all_new():
    (made,) = called_files("create_file", {"path": "/d/a", "content": "x\n"})
    assert made == FileRefPart("/d/a", "write", "--- /dev/null\n+++ /d/a\n@@ -0,0 +1,1 @@\n+x\n")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("shell_command", {"path": "/d/a"}), ("Read", {"path": 7}), ("Read", None), ("apply_patch", {"patchText": 1})],
)
def test_what_touches_no_file_names_none(tool: str, arguments: Any):
    assert called_files(tool, arguments) == ()


@pytest.mark.parametrize(
    "said",
    [
        "```diff\n--- /d/a.txt\toriginal\n+++ /d/a.txt\tmodified\n@@ -1,1 +1,1 @@\n-x\n+y\n```",
        f"Index: /d/a.txt\n{'=' * 67}\n{DIFF}",
        DIFF,
    ],
)
def test_every_dress_of_a_diff_comes_off(said: str):
    assert plain_diff(said) == DIFF


def test_what_is_no_diff_is_kept_as_it_is():
    assert plain_diff("no change") == "no change"
    assert plain_diff("") == ""


def test_a_lines_tab_is_its_own():
    diff = "--- a\n+++ a\n@@ -1,1 +1,1 @@\n-a\tb\n+a\tc\n"
    assert plain_diff(diff) == diff


def test_a_patch_tells_each_file_with_its_diff():
    files = [{"uri": "file:///d/a%20b.txt", "type": "update", "diff": DIFF}, {"uri": "file:///d/n", "type": "add"}]
    assert touched_files({"files": files}, ()) == (
        FileRefPart("/d/a b.txt", "patch", DIFF),
        FileRefPart("/d/n", "write", None),
    )


def answered(tool: str, arguments: Any, content: Any, *, is_error: bool = False) -> ItemCompleted:
    conversation = Conversation("p", Names(lambda _: False))
    block = {"type": "tool_use", "id": "TU-1", "name": tool, "input": arguments}
    said = json.dumps({"message": {"content": [block]}}).encode()
    list(conversation.assistant(decode(said, AssistantLine), said))
    assert conversation.call_of(tool, arguments) == "TU-1"
    answer = {"type": "tool_result", "tool_use_id": "TU-1", "content": content, "is_error": is_error}
    said = json.dumps({"message": {"content": [answer]}}).encode()
    (item,) = conversation.user(decode(said, UserLine), said)
    assert isinstance(item, ItemCompleted)
    assert conversation.call_of(tool, arguments) is None
    return item


@pytest.mark.parametrize(
    ("content", "output"),
    [
        ("plain words", "plain words"),
        ('{"output":"hi\\n","exitCode":0}', "hi\n"),
        ('{"absolutePath":"/d/a","content":"1: x"}', "1: x"),
        ('{"other":1}', '{"other":1}'),
        ('{"output":', '{"output":'),
        ('[{"type":"text","text":"a"},{"type":"text","text":"b"}]', "a\nb"),
        ([{"type": "text", "text": "a"}], "a"),
        ("", ""),
        (None, "null"),
    ],
)
def test_a_results_text_is_never_json_in_json(content: Any, output: str):
    assert answered("any", {}, content).content[0] == ToolResultPart("TU-1", output)


def test_a_command_that_failed_fails_its_item_though_amp_does_not_say_so():
    item = answered("shell_command", {"command": "x"}, '{"output":"no\\n","exitCode":2}')
    assert item.failed
    assert item.content == (ToolResultPart("TU-1", "no\n"), JsonPart({"exitCode": 2}))


def test_an_edit_is_told_with_its_diff_and_a_failed_one_without():
    arguments = {"path": "/d/a.txt", "old_str": "x", "new_str": "y"}
    item = answered("edit_file", arguments, json.dumps({"diff": DIFF, "lineRange": [1, 1]}))
    assert item.content[1:] == (FileRefPart("/d/a.txt", "patch", DIFF),)
    assert answered("edit_file", arguments, "no such text", is_error=True).content[1:] == ()


def test_a_command_that_goes_on_says_so():
    item = answered("async_shell_command", {"command": "x"}, '{"output":"","running":true,"pid":7}')
    assert item.failed is False
    assert item.content == (ToolResultPart("TU-1", ""), JsonPart({"running": True, "pid": 7}))
