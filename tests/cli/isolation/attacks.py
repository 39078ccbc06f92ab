"""A daemon with two sessions, one of which runs the attacker as a tool that was allowed."""

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx

from ..commands import COMMAND, TIMEOUT, private_environment
from ..processes import descendants
from ..running import RunningDaemon, anew
from ..users import STRANGER

MARK = ("token-of-the", "daemon-that-nobody-finds")
TOKEN = "-".join(MARK)
ATTACKER = Path(__file__).with_name("attacker.py")


def succeeded(home: Path, level: str, prepare: Callable[[], None] | None = None, work: Path | None = None) -> set[str]:
    """The attacks that have succeeded. The token is stored and in the daemon's environment. With ``work``, a directory
    that the agents' user may write to, agents have a user of their own, who can pass ``home`` and no more."""
    state = home / ".local" / "state" / "sandbox-agent"
    state.mkdir(mode=0o700, parents=True)
    (state / "token").touch(0o600)
    (state / "token").write_text(TOKEN)
    temporary = home / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    user = () if work is None else ("--agent-user", str(STRANGER))
    command = [*COMMAND, "server", "--port", "0", "--agent-isolation", level, *user]
    environment = private_environment(home, TMPDIR=str(temporary), SANDBOX_AGENT_TOKEN=TOKEN)
    running = anew(command, environment, home, prepare)
    with running.living():
        return _attack(running, home, state, temporary, work or home)


def _attack(running: RunningDaemon, home: Path, state: Path, temporary: Path, work: Path) -> set[str]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
        for session in ("victim", "attacker"):
            made = client.post(f"/v1/sessions/{session}", json={"agent": "mock", "directory": str(work)})
            assert made.is_success, made.text
            if session == "victim":
                sibling = max(descendants(running.process.pid))
        parents = (path for path in temporary.glob("sandbox-agent-*") if "-home-" not in path.name)
        private = next(parents, temporary / "sandbox-agent-another")
        (private / "another").mkdir(parents=True)
        places = {
            "mark": MARK,
            "daemon": running.process.pid,
            "sibling": sibling,
            "url": running.url,
            "data": str(home / ".local" / "share" / "sandbox-agent"),
            "state": str(state),
            "private": str(private),
        }
        command = shlex.join([sys.executable, "-IS", str(ATTACKER), json.dumps(places)])
        output = output_of(client, "attacker", command)
    found = cast("dict[str, bool]", json.loads(output.strip().splitlines()[-1]))
    return {attack for attack, success in found.items() if success}


def output_of(client: httpx.Client, session: str, command: str) -> str:
    """What a command says that the session's agent runs as a tool; it is allowed when it is asked for."""
    client.post(f"/v1/sessions/{session}/messages", json={"message": f"run {command}"}).raise_for_status()
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        for asked in client.get("/v1/permissions").json()["permissions"]:
            permission = asked["permission"]["permission_id"]
            client.post(f"/v1/sessions/{session}/permissions/{permission}/reply", json={"reply": "once"})
        events: list[dict[str, Any]] = client.get(f"/v1/sessions/{session}/events").json()["events"]
        if any(event["type"] == "turn.ended" for event in events):
            items = [event["data"]["item"] for event in events if event["type"] == "item.completed"]
            (output,) = [part["output"] for item in items for part in item["content"] if part["type"] == "tool_result"]
            return str(output)
        time.sleep(0.05)
    raise AssertionError("the command has not come to its end")
