"""``sandbox-agent demo``: what `make demo` runs."""

import sys
import tempfile
from pathlib import Path

import click

from ..failure import Failure, Refusal

SESSION = "demo"

REQUEST_TIMEOUT = 120.0
"""Seconds for the daemon to answer anything else."""


@click.command()
@click.option("-a", "--agent", default="mock", show_default=True, help="The agent to run.")
@click.option("-p", "--permission-mode", default="default", show_default=True)
@click.option("-m", "--model")
@click.option("--prompt", "prompts", multiple=True, help="A prompt of yours instead of the demo's own; repeat.")
def demo(agent: str, permission_mode: str, model: str | None, prompts: tuple[str, ...]) -> None:
    """Run one session and show its transcript.

    Starts a daemon of its own on a free port and stops it at the end. With a terminal it asks you for each permission
    and question; without one it answers them itself and says so. Agents other than mock need credentials; one that
    is not there is installed.
    """
    try:
        _run(agent, permission_mode, model, prompts)
    except Refusal as refusal:
        # Who looks at a demo reads sentences, and need not know what a problem is.
        raise Failure(refusal.message) from refusal


def _run(agent: str, permission_mode: str, model: str | None, prompts: tuple[str, ...]) -> None:
    # All of these are slow to import, and --help must not be.
    from rich.console import Console

    from ...schema.settings import Settings
    from ..api.client import Client
    from .approvals import Human
    from .daemon import own_daemon
    from .script import steps
    from .session import DemoSession
    from .transcript import Transcript

    # Creating a session may have to install its agent first.
    patience = Settings().install_timeout + REQUEST_TIMEOUT
    console = Console(highlight=False)
    transcript = Transcript(console)
    human = Human(transcript, console if sys.stdin.isatty() and sys.stdout.isatty() else None)
    with tempfile.TemporaryDirectory(prefix="sandbox-agent-demo-") as scratch:
        workspace = Path(scratch, "workspace")
        workspace.mkdir()
        with own_daemon(Path(scratch, "daemon.log")) as (url, token), Client(url, token, timeout=patience) as client:
            transcript.note(f"the daemon listens on {url}")
            # The daemon knows best what is missing, and says it in its answer.
            body = {"agent": agent, "permissionMode": permission_mode, "model": model, "directory": str(workspace)}
            client.call("POST", f"/v1/sessions/{SESSION}", body={k: v for k, v in body.items() if v is not None})
            session = DemoSession(client, SESSION, human, transcript)
            offset = 0
            for step in steps(agent, prompts):
                offset = session.run(step, offset)
            client.call("POST", f"/v1/sessions/{SESSION}/terminate")
            transcript.note(f"session ended after {offset} events")
        transcript.note("the daemon stopped cleanly")
