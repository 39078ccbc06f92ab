"""What a human approved is what runs, with every real agent: `always` is what was shown, and a mode accepts what is
inside of the workspace."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..models.amp import AmpServer
from .codex.home import with_mcp_server
from .daemon import Answer, Event, RunningDaemon, Session, deciders, of_type
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

OTHERS = (
    "rm -rf kept",
    "touch harmless.txt; rm -rf kept",
    "touch harmless.txt && rm -rf kept",
    "touch ../harmless.txt",
)


@pytest.fixture
def outside() -> Iterator[Path]:
    """A place that codex's sandbox lets nothing write to, as it does to the work directory, TMPDIR and /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        yield Path(place)


def granting(text: str) -> Answer:
    """Always for the first ask that shows this, no to everything else; what the daemon decides is left alone."""

    async def answer(session: Session, event: Event) -> None:
        data, granted = event["data"], (await session.http.get(f"{session.url}/rules")).json()["rules"]
        if data["metadata"]["always"] == text and granted:
            return
        reply = "always" if data["metadata"]["always"] == text else "reject"
        await session.post(f"/permissions/{data['permission_id']}/reply", reply=reply, inputDigest=data["input_digest"])

    return answer


async def rejecting(session: Session, event: Event) -> None:
    """Of edits that a mode has accepted nobody is asked any more."""
    pending = (await session.http.get("/v1/permissions")).json()["permissions"]
    approval_id = event["data"]["permission_id"]
    if approval_id in [ask["permission"]["permission_id"] for ask in pending]:
        await session.post(f"/permissions/{approval_id}/reply", reply="reject")


@pytest.mark.parametrize(
    ("agent", "tool"),
    [("claude", "SCN_BASH"), ("codex", "SCN_ESCALATE"), ("opencode", "SCN_BASH"), ("amp", "SCN_BASH")],
)
async def test_always_for_one_command_grants_no_other(
    amp_daemon: RunningDaemon, amps: AmpServer, sandbox: Sandbox, agent: str, tool: str
):
    """The verbs are the same, and so are the prefixes and kinds by which the agents would remember it."""
    (sandbox.work / "kept").mkdir()
    session = await amp_daemon.session(sandbox, granting("touch harmless.txt"), agent=agent)
    await session.turn(f"{tool} touch harmless.txt")
    assert (sandbox.work / "harmless.txt").exists()
    for other in OTHERS:
        await session.turn(f"{tool} '{other}'")
    (sandbox.work / "harmless.txt").unlink()
    await session.turn(f"{tool} touch harmless.txt")
    decided = [
        (event["data"]["metadata"]["always"], event["data"]["status"], event["data"]["decided_by"]["kind"])
        for event in of_type(session.events, "permission.resolved")
    ]
    assert decided[0] == ("touch harmless.txt", "accept_for_session", "token")
    assert decided[-1] == ("touch harmless.txt", "accept_for_session", "rule")
    between = decided[1:-1]
    assert {kind for _, _, kind in between} == {"token"}
    assert {status for _, status, _ in between} == {"reject"}
    assert {text for text, _, _ in between} >= {other for other in OTHERS if not other.startswith("touch ..")}
    assert (sandbox.work / "kept").is_dir()
    assert not (sandbox.work.parent / "harmless.txt").exists()

    (rule,) = (await session.http.get(f"{session.url}/rules")).json()["rules"]
    assert (await session.http.delete(f"{session.url}/rules/{rule['ruleId']}")).status_code == 204
    session.answer = rejecting
    (sandbox.work / "harmless.txt").unlink()
    await session.turn(f"{tool} touch harmless.txt")
    assert deciders(session.events)[-1] == "token"
    assert not (sandbox.work / "harmless.txt").exists(), "the agent has not kept it either"
    assert not (sandbox.work / ".claude").exists()
    assert not (sandbox.home / ".codex" / "rules" / "default.rules").exists()


async def test_always_for_one_tool_of_an_mcp_server_grants_no_other(daemon: RunningDaemon, sandbox: Sandbox):
    with_mcp_server(sandbox.home)
    session = await daemon.session(sandbox, granting("MCP tool echo of lab, with any arguments"), agent="codex")
    await session.turn("SCN_MCP a word")
    await session.turn("SCN_FORM text")
    await session.turn("SCN_MCP another word")
    assert [event["data"]["status"] for event in of_type(session.events, "permission.resolved")] == [
        "accept_for_session", "reject", "accept_for_session",
    ]  # fmt: skip
    assert deciders(session.events) == ["token", "token", "rule"]


async def test_always_for_one_directory_outside_grants_no_other(daemon: RunningDaemon, sandbox: Sandbox, outside: Path):
    (outside / "one").write_text("1")
    (outside / "two").write_text("2")
    session = await daemon.session(sandbox, granting(f'external_directory ["{outside}/*"]'), agent="opencode")
    for path in (outside / "one", "/etc/hostname", outside / "two"):
        await session.turn(f"SCN_READ {path}")
    asked = [event["data"]["metadata"]["patterns"] for event in of_type(session.events, "permission.requested")]
    assert asked == [[f"{outside}/*"], ["/etc/*"], [f"{outside}/*"]]
    assert deciders(session.events) == ["token", "token", "rule"]
    assert of_type(session.events, "permission.resolved")[1]["data"]["status"] == "reject"


async def test_codexs_accept_edits_accepts_nothing_outside(daemon: RunningDaemon, sandbox: Sandbox, outside: Path):
    session = await daemon.session(sandbox, rejecting, agent="codex", permissionMode="acceptEdits")
    (sandbox.work / "link").symlink_to(outside)
    (outside / "there").write_text("as it was\n")
    await session.turn(f"SCN_WRITE {sandbox.work}/inside one")
    for prompt in (
        f"SCN_WRITE {outside}/made one",
        f"SCN_WRITE {sandbox.work}/link/made one",
        f"SCN_WRITE {sandbox.work}/../../../../..{outside}/made one",
        f"SCN_MOVE {sandbox.work}/inside {outside}/moved one two",
        f"SCN_EDIT {outside}/there 'as it was' changed",
        f"SCN_DELETE {outside}/there",
    ):
        await session.turn(prompt)
    assert (sandbox.work / "inside").read_text() == "one\n"
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"there": "as it was\n"}
    assert set(deciders(session.events)) <= {"token", "mode"}
    refused = [e["data"] for e in of_type(session.events, "permission.resolved") if e["data"]["status"] == "reject"]
    assert len(refused) >= 5, "each that codex could not do by itself was asked about"


async def test_opencodes_accept_edits_looks_where_a_path_leads(daemon: RunningDaemon, sandbox: Sandbox, outside: Path):
    session = await daemon.session(sandbox, rejecting, agent="opencode", permissionMode="acceptEdits")
    (sandbox.work / "link").symlink_to(outside)
    for path in ("inside", "link/made", ".git/config"):
        await session.turn(f"SCN_WRITE {sandbox.work}/{path} text")
    resolved = [e["data"] for e in of_type(session.events, "permission.resolved") if e["data"]["action"] == "edit"]
    assert [(data["status"], data["decided_by"]["kind"]) for data in resolved] == [
        ("accept", "mode"), ("reject", "token"), ("reject", "token"),
    ]  # fmt: skip
    assert (sandbox.work / "inside").exists()
    assert list(outside.iterdir()) == []
    assert not (sandbox.work / ".git").exists()


async def test_claudes_accept_edits_does_not_follow_a_symlink_out(
    daemon: RunningDaemon, sandbox: Sandbox, outside: Path
):
    session = await daemon.session(sandbox, rejecting, agent="claude", permissionMode="acceptEdits")
    (sandbox.work / "link").symlink_to(outside)
    await session.turn(f"SCN_WRITE {sandbox.work}/link/made text")
    assert list(outside.iterdir()) == []
    assert deciders(session.events) == ["token"]
