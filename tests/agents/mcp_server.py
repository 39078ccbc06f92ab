"""An MCP server on stdio with two tools: `echo` says its text, `choose` asks its user to fill in a form.

Only the standard library: an agent starts it with whatever Python there is.
"""

import json
import sys
from typing import Any

FORM = {
    "type": "object",
    "properties": {
        "color": {"type": "string", "title": "Color", "description": "Which color?", "enum": ["red", "blue"]},
        "sure": {"type": "boolean", "description": "Are you sure?"},
    },
    "required": ["color"],
}

TYPED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "minLength": 2},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "share": {"type": "number", "default": 0.5},
        "mail": {"type": "string", "format": "email"},
    },
    "required": ["name", "age"],
}

SECRET = {"type": "object", "properties": {"token": {"type": "string", "title": "Token", "format": "password"}}}
"""What no form of MCP may have."""

PASSPHRASE = "correct-horse-battery"

SIGN_UP = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "description": "What is your name?", "minLength": 1},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "blue"},
        "token": {"type": "string"},
    },
    "required": ["name", "age"],
}
"""One field of each kind, as `form` of `mock` has them. The token is said back as `received` when it is the secret."""

ASKED: dict[str, dict[str, Any]] = {
    "typed": {"requestedSchema": TYPED},
    "signup": {"message": "Who are you?", "requestedSchema": SIGN_UP},
    "secret": {"requestedSchema": SECRET},
    "url": {"mode": "url", "url": "https://example.com/consent", "elicitationId": "e1"},
}
"""What `choose` asks when its text is one of these; else the form."""

TEXT_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}

TOOLS = [
    {"name": "echo", "description": "says its text", "inputSchema": TEXT_SCHEMA},
    {"name": "choose", "description": "asks", "inputSchema": TEXT_SCHEMA},
]


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def call(message: dict[str, Any]) -> None:
    arguments = message["params"].get("arguments") or {}
    if message["params"]["name"] == "echo":
        said = f"echo:{arguments.get('text')}"
    else:
        asked = ASKED.get(arguments.get("text", ""), {"requestedSchema": FORM})
        send(id="form", method="elicitation/create", params={"message": "Please choose", **asked})
        answer = json.loads(sys.stdin.readline())
        while answer.get("id") != "form":
            answer = json.loads(sys.stdin.readline())
        said = f"chosen:{json.dumps(answer.get('result', answer.get('error')), sort_keys=True)}".replace(
            PASSPHRASE, "received"
        )
    send(id=message["id"], result={"content": [{"type": "text", "text": said}]})


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                version = message["params"]["protocolVersion"]
                server = {"name": "lab", "version": "1"}
                result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
                send(id=message["id"], result=result)
            case "tools/list":
                send(id=message["id"], result={"tools": TOOLS})
            case "tools/call":
                call(message)
            case _ if "id" in message and "method" in message:
                send(id=message["id"], error={"code": -32601, "message": "not served"})
            case _:
                pass


if __name__ == "__main__":
    main()
