"""A daemon with two sessions, one of which runs the attacker as a tool that was allowed."""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import httpx

from ..commands import COMMAND, TIMEOUT, private_environment
from ..daemon import RunningDaemon
from ..processes import descendants

MARK = ("token-of-the", "daemon-that-nobody-finds")
TOKEN = "-".join(MARK)
ATTACKER = Path(__file__).with_name("attacker.py")


def succeeded(
    home: Path,
    *options: str,
    prepare: Callable[[], None] | None = None,
    env: Mapping[str, str] | None = None,
) -> set[str]:
    """The attacks that have succeeded. The token is stored, as it is when nobody gives one."""
    state = home / ".local" / "state" / "sandbox-agent"
    state.mkdir(parents=True)
    (state / "token").touch(0o600)
    (state / "token").write_text(TOKEN)
    process = subprocess.Popen(
        [*COMMAND, "server", "--port", "0", *options],
        env=private_environment(home) | dict(env or {}),
        cwd=home,
        preexec_fn=prepare,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = RunningDaemon(process)
    try:
        running.wait_ready()
        return _attack(running, home, state)
    finally:
        running.close()


def _attack(running: RunningDaemon, home: Path, state: Path) -> set[str]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
        for session in ("victim", "attacker"):
            made = client.post(f"/v1/sessions/{session}", json={"agent": "mock", "directory": str(home)})
            assert made.is_success, made.text
            if session == "victim":
                sibling = max(descendants(running.process.pid))
        places = {
            "mark": MARK,
            "daemon": running.process.pid,
            "sibling": sibling,
            "url": running.url,
            "data": str(home / ".local" / "share" / "sandbox-agent"),
            "state": str(state),
            "private": str(home / "private"),
        }
        command = shlex.join([sys.executable, "-IS", str(ATTACKER), json.dumps(places)])
        client.post("/v1/sessions/attacker/messages", json={"message": f"run {command}"}).raise_for_status()
        output = _output(client)
    found = cast("dict[str, bool]", json.loads(output.strip().splitlines()[-1]))
    return {attack for attack, success in found.items() if success}


def _output(client: httpx.Client) -> str:
    """Of the command, which is allowed when it is asked for."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        for asked in client.get("/v1/permissions").json()["permissions"]:
            permission = asked["permission"]["permission_id"]
            client.post(f"/v1/sessions/attacker/permissions/{permission}/reply", json={"reply": "once"})
        events: list[dict[str, Any]] = client.get("/v1/sessions/attacker/events").json()["events"]
        if any(event["type"] == "turn.ended" for event in events):
            items = [event["data"]["item"] for event in events if event["type"] == "item.completed"]
            (output,) = [part["output"] for item in items for part in item["content"] if part["type"] == "tool_result"]
            return str(output)
        time.sleep(0.05)
    raise AssertionError("the attacker has not come to its end")
