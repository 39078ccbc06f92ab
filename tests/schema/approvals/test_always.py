"""What `always` is about: exactly what was shown. Each test names what must not pass for the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.agents.amp import always as amp_always
from sandbox_agent.schema.agents.claude import always as claude_always
from sandbox_agent.schema.agents.codex import always as codex_always
from sandbox_agent.schema.agents.opencode import always as opencode_always
from sandbox_agent.schema.agents.opencode.wire import PermissionAsked, Tool
from sandbox_agent.schema.approvals.always import MAX_TEXT, Always, of_command, of_files

OTHERS = (
    "rm -rf x",
    "touch harmless.txt; rm -rf y",
    "touch harmless.txt && rm -rf y",
    "touch harmless.txt\nrm -rf y",
    "touch harmless.txt ",
    "touch  harmless.txt",
    "touch harmless.txt $(rm -rf y)",
    "touch ./harmless.txt",
    "Touch harmless.txt",
)


def same(one: Always | None, other: Always | None) -> bool:
    assert one is not None
    assert other is not None
    return one.fingerprint(one.paths) == other.fingerprint(other.paths)


def opencode(permission: str, metadata: Any = None, patterns: Any = None, **arguments: Any) -> Always:
    asked = PermissionAsked("p", permission, patterns or ["*"], metadata or {}, ["*"], Tool("c"))
    return opencode_always.always_of(asked, arguments)


def command(agent: str, text: str) -> Always:
    match agent:
        case "claude":
            return claude_always.always_of("Bash", {"command": text, "description": "says what it likes"})
        case "codex":
            return codex_always.of_run({"command": text, "cwd": "/w", "reason": "any"}, "/w")
        case "opencode":
            return opencode("bash", {"command": text}, ["touch *"], command=text, description="any")
        case _:
            return amp_always.always_of("shell_command", {"command": text})


@pytest.mark.parametrize("agent", ["claude", "codex", "opencode", "amp"])
def test_another_command(agent: str):
    harmless = command(agent, "touch harmless.txt")
    assert harmless.text == "touch harmless.txt"
    assert same(harmless, command(agent, "touch harmless.txt"))
    assert [other for other in OTHERS if same(harmless, command(agent, other))] == []


def test_the_same_command_in_another_place_or_with_more_leave():
    here = codex_always.of_run({"command": "make", "cwd": "/w"}, "/w")
    there = codex_always.of_run({"command": "make", "cwd": "/w/other"}, "/w")
    more = codex_always.of_run({"command": "make", "cwd": "/w", "additionalPermissions": {"network": True}}, "/w")
    assert [same(here, other) for other in (there, more)] == [False, False]
    assert (there.text, more.text) == ("make (in /w/other)", 'make {"additionalPermissions":{"network":true}}')
    bash = claude_always.always_of("Bash", {"command": "make"})
    unsafe = claude_always.always_of("Bash", {"command": "make", "dangerouslyDisableSandbox": True})
    assert not same(bash, unsafe)
    assert unsafe.text == 'make {"dangerouslyDisableSandbox":true}'
    assert not same(opencode("bash", {"command": "make"}), opencode("bash", {"command": "make"}, workdir="/etc"))
    amp = [amp_always.always_of("shell_command", {"command": "make", **more}) for more in ({}, {"workdir": "/etc"})]
    assert not same(*amp)


def test_a_command_of_another_tool_that_looks_the_same():
    assert not same(of_command("Bash", "x", {}), of_command("Python", "x", {}))


def test_another_tool_of_the_same_mcp_server_or_the_same_of_another():
    echo = codex_always.of_tool("lab", "echo", {"text": "a"})
    assert same(echo, codex_always.of_tool("lab", "echo", {"text": "b"}))
    for server, tool in (("lab", "delete"), ("other", "echo"), ("lab.echo", ""), ("la", "b.echo")):
        assert not same(echo, codex_always.of_tool(server, tool, {"text": "a"}))
    assert echo.text == "MCP tool echo of lab, with any arguments"
    names = ("mcp__lab__echo", "mcp__lab__delete", "mcp__other__echo")
    for always_of in (claude_always.always_of, amp_always.always_of):
        first, *others = [always_of(name, {}) for name in names]
        assert [same(first, other) for other in others] == [False, False]
    assert not same(opencode("lab_echo"), opencode("lab_delete"))


def test_an_mcp_tool_that_is_not_named_is_only_its_arguments():
    assert not same(codex_always.of_tool("lab", None, {"a": 1}), codex_always.of_tool("lab", None, {"a": 2}))


def test_another_directory_outside():
    tmp = opencode("external_directory", {"parentDir": "/tmp"}, ["/tmp/*"])
    assert same(tmp, opencode("external_directory", {"parentDir": "/tmp", "filepath": "/tmp/b"}, ["/tmp/*"]))
    for patterns in (["/etc/*"], ["/tmp/*", "/etc/*"], ["/tmp/../etc/*"], ["/*"]):
        assert not same(tmp, opencode("external_directory", {"parentDir": "/tmp"}, patterns))


def test_another_file_or_another_thing_done_to_it():
    one = claude_always.always_of("Edit", {"file_path": "/w/a", "old_string": "x", "new_string": "y"})
    assert same(one, claude_always.always_of("Edit", {"file_path": "/w/a", "old_string": "p", "new_string": "q"}))
    for tool, path in (("Edit", "/w/b"), ("Edit", "/w/../a"), ("Write", "/w/a"), ("Read", "/w/a")):
        assert not same(one, claude_always.always_of(tool, {"file_path": path}))
    write, delete = (
        codex_always.of_patch([{"path": "/w/a", "kind": {"type": kind}, "diff": ""}]) for kind in ("add", "delete")
    )
    assert not same(write, delete)


def test_a_file_that_has_become_another_one():
    always = of_files("Edit", ["Edit"], ["/w/a"])
    assert always.fingerprint(["/w/a"]) != always.fingerprint(["/etc/passwd"])


def test_another_url():
    one = claude_always.always_of("WebFetch", {"url": "https://a.example/x", "prompt": "read it"})
    for url in ("https://a.example/y", "https://a.example/x?leak=1", "http://a.example/x"):
        assert not same(one, claude_always.always_of("WebFetch", {"url": url, "prompt": "read it"}))
    assert one.text == "WebFetch https://a.example/x"
    assert not same(opencode("webfetch", {"url": "https://a"}), opencode("webfetch", {"url": "https://b"}))


@pytest.mark.parametrize(
    "patch",
    [
        "*** Begin Patch\n*** Update File: /w/a\n*** Move to: /etc/b\n@@\n-x\n+y\n*** End Patch",
        "*** Begin Patch\n*** Update File: /w/a\n*** Copy to: /etc/b\n*** End Patch",
        "*** Begin Patch\n  *** Delete File: /etc/b\n*** Update File: /w/a\n*** End Patch",
    ],
)
def test_a_patch_of_amps_that_does_more_than_it_seems(patch: str):
    plain = amp_always.always_of("apply_patch", {"patchText": "*** Begin Patch\n*** Update File: /w/a\n*** End Patch"})
    more = amp_always.always_of("apply_patch", {"patchText": patch})
    assert plain.paths == ("/w/a",)
    assert more.paths == () or "/etc/b" in more.paths
    assert not same(plain, more)


def test_an_opencode_patch_is_about_every_file_of_it():
    files = [
        {"filePath": "/w/a", "type": "update"},
        {"filePath": "/w/b", "type": "move", "movePath": "/etc/c"},
        {"filePath": "/w/d", "type": "delete"},
    ]
    always = opencode("edit", {"filepath": "a, b, d", "files": files})
    assert always.paths == ("/w/a", "/w/b", "/etc/c", "/w/d")
    assert always.text == "edit /w/a, move /w/b, edit /etc/c, delete /w/d"
    assert opencode("edit", {"filepath": "a", "files": [{"filePath": 7}]}).paths == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["Bash", "Edit", "WebFetch", "mcp__a__b", "Other"]), JSON)
def test_whatever_an_agent_says_there_is_something_that_always_is_about(tool: str, said: Any):
    for always in (claude_always.always_of(tool, said), amp_always.always_of(tool, said)):
        assert 0 < len(always.text) <= MAX_TEXT
        assert same(always, always)
    codex_always.of_patch(said)
    opencode("edit", said if isinstance(said, dict) else {})


@given(JSON, JSON)
def test_another_input(one: Any, other: Any):
    first, second = (claude_always.always_of("Other", said) for said in (one, other))
    assert same(first, second) == (first.subject == second.subject and repr(one) == repr(other)) or one == other
