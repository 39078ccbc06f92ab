"""Loaded by schemathesis, in its own environment: what it needs to reach the depths of this API.

* A stream of events does not end. What it holds until its first keep-alive comment is the answer.
* A 5xx is a failure, but for those that the wire gives to the agent's end and to a machine that is full.
* Names that nothing has lead only to 404. Two of three are replaced by names that something may have. What is wrong by
  the document (negative data) stays wrong: only valid values are replaced.
"""

import os
import re
from typing import Any
from urllib.parse import unquote
from zlib import crc32

import requests
import schemathesis

SESSIONS = ("a", "b", "c")
TOKENS = ("t1", "t2", "t3")
TICKETS = ("/v1/events/sse", *(f"/v1/sessions/{session}/events" for session in SESSIONS))
IDS = {
    "permission_id": ("mock_1_permission", "mock_1_permission_denied", "mock_2_permission"),
    "question_id": ("mock_1_question", "mock_1_question_multi", "mock_2_question"),
    "turn_id": ("turn_1", "turn_2", "turn_3"),
    "session_id": SESSIONS,
    "name": TOKENS,
}
AGENTS = ("claude", "codex", "opencode", "amp")
PROMPTS = ("tool", "permission", "question", "error", "demo", "image", "unknown", "unparsed", "end", "echo x", "status")
STREAM_BYTES = 1 << 20
CONTROLS = frozenset(map(chr, (*range(32), *range(127, 160))))

INSTALL = re.compile(rf"/v1/agents/({'|'.join(AGENTS)})/install")
FAULTLESS = frozenset(("agent_process_exited", "install_failed", "resource_exhausted"))
"""Problems with a 5xx that say nothing against the daemon. The first two are 500 on wire 0.1: a prompt to a session
whose agent has ended, and a vendor that cannot be reached."""

_request = requests.Session.request


def request(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    url = INSTALL.sub("/v1/agents/mock/install", url)  # a link from the list of agents leads there too
    wanted = options.pop("stream", False)
    response = _request(session, method, url, **options, stream=True)
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        data = b""
        for chunk in response.iter_content(None):
            data += chunk
            if b": keep-alive" in data or len(data) > STREAM_BYTES:
                break
        response._content = data
        response._content_consumed = True
        response.close()
    elif not wanted:
        _ = response.content
    return response


requests.Session.request = request


@schemathesis.check
def no_failure_of_ours(_context: Any, response: schemathesis.Response, _case: Any) -> None:
    if response.status_code >= 500:
        kind = response.json()["type"].rpartition(":")[2]
        assert kind in FAULTLESS, f"{response.status_code} {kind}: {response.text}"


def is_name(value: Any, length: int = 256) -> bool:
    """Right by the document. A path's values come here encoded: ``%00`` is wrong and has to stay."""
    return isinstance(value, str) and 0 < len(value) <= length and not CONTROLS & set(unquote(value))


def chosen(value: str, among: tuple[str, ...]) -> str:
    number = crc32(value.encode(errors="surrogatepass"))
    return value if number % 3 == 0 else among[number // 3 % len(among)]


def agent(value: str) -> str:
    """The others would be downloaded."""
    return "mock" if value in AGENTS else chosen(value, ("mock",))


@schemathesis.hook
def map_path_parameters(_context: Any, found: dict[str, Any] | None) -> dict[str, Any] | None:
    for name, value in (found or {}).items():
        if name in IDS and is_name(value):
            found[name] = chosen(value, IDS[name])
        elif name == "agent" and is_name(value):
            found[name] = agent(value)
    return found


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    if is_name(name := body.get("agent")):
        body["agent"] = agent(name)
    if is_name(body.get("directory"), 4096):
        body["directory"] = os.environ["FUZZ_DIRECTORY"]
    if is_name(name := body.get("name")) and "scopes" in body:
        body["name"] = chosen(name, TOKENS)
    if is_name(path := body.get("path"), 4096):
        body["path"] = chosen(path, TICKETS)
    if isinstance(message := body.get("message"), str) and message:
        body["message"] = chosen(message, PROMPTS)
    return body
