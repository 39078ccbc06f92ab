"""``sandbox-agent api sessions``: every call on a session."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...schema.workspace.trust import LEVELS
from ..failure import Failure
from ..seconds import Seconds
from ..suggestions import SuggestingChoice
from .approvals import SHOWN, has_secret
from .bodies import mcp_servers, message_body, read_answers, read_message, skill_sources
from .connection import area, session_path, with_client
from .turn_failure import TurnFailure

if TYPE_CHECKING:
    from .client import Client

session_argument = click.argument("session")
raw_option = click.option(
    "--include-raw", is_flag=True, default=None, help="Add the agent's own messages to the events."
)
offset_option = click.option(
    "-o", "--offset", metavar="CURSOR", help="Start after this sequence, or after an SSE id (LOG:SEQUENCE)."
)
message_option = click.option(
    "-m", "--message", required=True, callback=read_message, help="The prompt; `-` reads it from stdin."
)
key_option = click.option(
    "-k", "--key", help="Your own name for this command: repeated with it, the command is done once."
)
digest_option = click.option(
    "--input-digest", metavar="DIGEST", help="The ask's `input_digest`: decide only if that is what is asked."
)
attach_option = click.option("--attach", multiple=True, metavar="FILE", help="A file for the agent to read; repeat.")


TIMEOUTS = {
    "start_timeout": "startSeconds",
    "idle_timeout": "idleSeconds",
    "turn_timeout": "turnSeconds",
    "suspend_after": "suspendAfterSeconds",
    "ask_timeout": "askSeconds",
}
"""Options by the names of the daemon's settings, and what a body calls them."""


def timeout_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(TIMEOUTS):
        flag = f"--{option.replace('_', '-')}"
        command = click.option(flag, type=Seconds(), metavar="SECONDS", help=f"The session's own {flag}.")(command)
    return command


def raw_query(include_raw: bool | None) -> dict[str, Any]:
    return {"include_raw": "true" if include_raw else None}


@area
def sessions() -> None:
    """Sessions: one conversation with one agent each."""


@sessions.command()
@session_argument
@click.option("-a", "--agent", required=True, help="claude, codex, opencode, amp or mock.")
@click.option("-g", "--agent-mode", help="For example build or plan; default is build.")
@click.option("-p", "--permission-mode", help="default, plan, acceptEdits or bypass.")
@click.option("-m", "--model")
@click.option("-v", "--variant")
@click.option("-A", "--agent-version")
@click.option("--directory", help="The agent's working directory, where the daemon runs.")
@click.option("--title")
@click.option(
    "--workspace-trust",
    type=SuggestingChoice(LEVELS),
    help="Whether the agent reads the configuration in its directory; the daemon's setting counts where none is given.",
)
@click.option(
    "--mcp-config", type=click.Path(path_type=Path), metavar="FILE", help="MCP servers: a JSON object by name."
)
@click.option("--skill", multiple=True, metavar="DIR", help="A directory with skills; repeat.")
@timeout_options
@with_client
def create(client: Client, session: str, mcp_config: Path | None, skill: tuple[str, ...], **fields: Any) -> None:
    """Create a session with an id of your choice. Its timeouts are in seconds, 0 is off; the daemon's settings count
    where none is given."""
    timeouts = {name: fields.pop(option) for option, name in TIMEOUTS.items()}
    body: dict[str, Any] = {_camel(name): value for name, value in fields.items() if value is not None}
    if given := {name: seconds for name, seconds in timeouts.items() if seconds is not None}:
        body["timeouts"] = given
    if mcp_config is not None:
        body["mcp"] = mcp_servers(mcp_config)
    if skill:
        body["skills"] = skill_sources(skill)
    created = client.call("POST", session_path(session), body=body, patient=True)  # its agent may have to be installed
    click.echo(json.dumps(created, indent=2, ensure_ascii=False))
    if not created["healthy"]:
        raise Failure(created["error"]["message"])


@sessions.command("list")
@with_client
def list_sessions(client: Client) -> None:
    """List sessions, the newest first."""
    client.show("GET", "/v1/sessions")


@sessions.command()
@session_argument
@with_client
def get(client: Client, session: str) -> None:
    """Show one session."""
    client.show("GET", session_path(session))


@sessions.command("send-message")
@session_argument
@message_option
@attach_option
@key_option
@click.option("--print-turn", is_flag=True, help="Print the id of the turn in which the prompt runs.")
@with_client
def send_message(
    client: Client, session: str, message: str, attach: tuple[str, ...], key: str | None, print_turn: bool
) -> None:
    """Send a prompt and return at once; prints nothing, unless the turn is asked for."""
    turn = client.send_prompt(session_path(session, "messages"), message_body(message, attach), key)
    if print_turn and turn is not None:
        click.echo(turn)


@sessions.command("send-message-stream")
@session_argument
@message_option
@attach_option
@raw_option
@key_option
@with_client
def send_message_stream(
    client: Client, session: str, message: str, attach: tuple[str, ...], include_raw: bool | None, key: str | None
) -> None:
    """Send a prompt and print its turn's events as they arrive. Fails with the reason when the turn fails."""
    failure = TurnFailure()
    client.copy_stream(
        "POST",
        session_path(session, "messages", "stream"),
        body=message_body(message, attach),
        query=raw_query(include_raw),
        key=key,
        watch=failure.feed,
    )
    if failure.reason is not None:
        raise Failure(failure.reason)


@sessions.command()
@session_argument
@offset_option
@click.option("-l", "--limit", type=click.IntRange(min=0), help="Most events to return.")
@raw_option
@with_client
def events(client: Client, session: str, offset: str | None, limit: int | None, include_raw: bool | None) -> None:
    """Print the events of a session."""
    query = {"offset": offset, "limit": limit} | raw_query(include_raw)
    client.show("GET", session_path(session, "events"), query=query)


sessions.add_command(events, "get-messages")


@sessions.command("events-sse")
@session_argument
@offset_option
@raw_option
@with_client
def events_sse(client: Client, session: str, offset: str | None, include_raw: bool | None) -> None:
    """Print the events of a session as they arrive, for as long as the stream lasts."""
    client.copy_stream("GET", session_path(session, "events", "sse"), query={"offset": offset} | raw_query(include_raw))


@sessions.command("reply-permission")
@session_argument
@click.argument("permission")
@click.option("-r", "--reply", required=True, type=SuggestingChoice(["once", "always", "reject"]))
@digest_option
@key_option
@with_client
def reply_permission(
    client: Client, session: str, permission: str, reply: str, input_digest: str | None, key: str | None
) -> None:
    """Decide a pending permission. `always` allows what its metadata tells as `always`, until the session ends."""
    body = {"reply": reply} | ({"inputDigest": input_digest} if input_digest is not None else {})
    client.show("POST", session_path(session, "permissions", permission, "reply"), body=body, key=key)


@sessions.command()
@session_argument
@with_client
def rules(client: Client, session: str) -> None:
    """List what `always` has allowed in a session."""
    client.show("GET", session_path(session, "rules"))


@sessions.command("revoke-rule")
@session_argument
@click.argument("rule")
@with_client
def revoke_rule(client: Client, session: str, rule: str) -> None:
    """Take back what `always` has allowed; the same is asked again."""
    client.show("DELETE", session_path(session, "rules", rule))


@sessions.command("reply-question")
@session_argument
@click.argument("question")
@click.option(
    "-a", "--answers", metavar="JSON", help="One list of labels per question; other users of the machine can see it."
)
@click.option(
    "--answers-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same from a file, for answers that are secret; `-` reads it from stdin.",
)
@key_option
@with_client
def reply_question(
    client: Client, session: str, question: str, answers: str | None, answers_file: Path | None, key: str | None
) -> None:
    """Answer a pending question: with --answers, or with --answers-file."""
    body = {"answers": read_answers(answers, answers_file)}
    if answers is not None and has_secret(client, session, question):
        click.echo(SHOWN, err=True)
    client.show("POST", session_path(session, "questions", question, "reply"), body=body, key=key)


@sessions.command("reject-question")
@session_argument
@click.argument("question")
@key_option
@with_client
def reject_question(client: Client, session: str, question: str, key: str | None) -> None:
    """Refuse to answer a pending question."""
    client.show("POST", session_path(session, "questions", question, "reject"), key=key)


@sessions.command()
@session_argument
@with_client
def queue(client: Client, session: str) -> None:
    """List the prompts that wait, in the order in which they will run."""
    client.show("GET", session_path(session, "queue"))


@sessions.command()
@session_argument
@click.argument("turn")
@key_option
@with_client
def cancel(client: Client, session: str, turn: str, key: str | None) -> None:
    """Take a prompt that waits out of the queue, by its turn."""
    client.show("DELETE", session_path(session, "queue", turn), key=key)


@sessions.command()
@session_argument
@key_option
@with_client
def interrupt(client: Client, session: str, key: str | None) -> None:
    """Stop the running turn; the session stays. Prompts that wait run next."""
    client.show("POST", session_path(session, "interrupt"), key=key)


@sessions.command()
@session_argument
@key_option
@with_client
def terminate(client: Client, session: str, key: str | None) -> None:
    """End a session and everything that its agent started; its events stay."""
    client.show("POST", session_path(session, "terminate"), key=key)


@sessions.command()
@session_argument
@with_client
def delete(client: Client, session: str) -> None:
    """End a session and forget its events."""
    client.show("DELETE", session_path(session))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
