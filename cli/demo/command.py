"""``sandbox-agent demo``: what `make demo` runs."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ..failure import Failure

SESSION = "demo"


@click.command()
@click.option("-a", "--agent", default="mock", show_default=True, help="The agent to run.")
@click.option("-p", "--permission-mode", default="default", show_default=True)
@click.option("-m", "--model")
@click.option("--prompt", "prompts", multiple=True, help="A prompt of yours instead of the demo's own; repeat.")
def demo(agent: str, permission_mode: str, model: str | None, prompts: tuple[str, ...]) -> None:
    """Run one session and show its transcript.

    Starts a daemon of its own on a free port and stops it at the end. With a terminal it asks you for each permission
    and question; without one it answers them itself and says so. Agents other than mock need their program and
    credentials.
    """
    # All of these are slow to import, and --help must not be.
    from rich.console import Console

    from ..api.client import Client
    from .asks import Human
    from .daemon import own_daemon
    from .script import steps
    from .session import DemoSession
    from .transcript import Transcript

    console = Console(highlight=False)
    transcript = Transcript(console)
    human = Human(transcript, console if sys.stdin.isatty() and sys.stdout.isatty() else None)
    with tempfile.TemporaryDirectory(prefix="sandbox-agent-demo-") as scratch:
        workspace = Path(scratch, "workspace")
        workspace.mkdir()
        with own_daemon(Path(scratch, "daemon.log")) as (url, token), Client(url, token, timeout=120.0) as client:
            transcript.note(f"the daemon listens on {url}")
            _require(client.call("GET", "/v1/agents"), agent)
            body = {"agent": agent, "permissionMode": permission_mode, "model": model, "directory": str(workspace)}
            client.call("POST", f"/v1/sessions/{SESSION}", body={k: v for k, v in body.items() if v is not None})
            session = DemoSession(client, SESSION, human, transcript)
            offset = 0
            for step in steps(agent, prompts):
                offset = session.run(step, offset)
            client.call("POST", f"/v1/sessions/{SESSION}/terminate")
            transcript.note(f"session ended after {offset} events")
        transcript.note("the daemon stopped cleanly")


def _require(listing: Any, agent: str) -> None:
    """Say what is missing before anything is tried. Raises :class:`Failure`."""
    known = {info["id"]: info for info in listing["agents"]}
    if agent not in known:
        raise Failure(f"unknown agent {agent!r}; the daemon knows {', '.join(known)}")
    if not known[agent]["installed"]:
        raise Failure(f"the program `{agent}` is not installed: it is not on PATH")
    if not known[agent]["credentialsAvailable"]:
        raise Failure(f"there are no credentials for {agent}: log in with its own program, or set its API key variable")
