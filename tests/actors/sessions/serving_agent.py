#!/usr/bin/env python3
"""A stand-in for `opencode serve`: its calls and its stream, and nothing of its model. Prompts say what it does.

``break`` ends the stream, answers while nobody listens, and takes listeners again; ``flood COUNT`` tells so many deltas
before it answers; ``hang`` never answers, nor any call after it; ``die`` exits; anything else is echoed.
"""

import base64
import json
import os
import queue
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SESSION = "ses_1"
EXPECTED = "Basic " + base64.b64encode(f"opencode:{os.environ['OPENCODE_SERVER_PASSWORD']}".encode()).decode()


class State:
    def __init__(self) -> None:
        self.listeners: list[queue.Queue[bytes | None]] = []
        self.history: list[dict[str, Any]] = []
        self.busy = self.hanging = False
        self.listen = threading.Event()
        self.listen.set()

    def tell(self, kind: str, **properties: Any) -> None:
        event = {"id": f"evt_{time.monotonic_ns()}", "type": kind, "properties": {"sessionID": SESSION, **properties}}
        for listener in list(self.listeners):
            listener.put(b"data: " + json.dumps(event).encode() + b"\n\n")

    def message(self, number: int, role: str, **info: Any) -> dict[str, Any]:
        info = {"id": f"msg_{number}_{role}", "role": role, "sessionID": SESSION, **info}
        self.tell("message.updated", info=info)
        self.history.append({"info": info, "parts": []})
        return info

    def part(self, info: dict[str, Any], text: str, **time_: int) -> None:
        part = {"id": f"prt_{info['id']}", "type": "text", "sessionID": SESSION, "messageID": info["id"], "text": text}
        self.tell("message.part.updated", part=part | {"time": time_})
        self.history[-1]["parts"] = [part | {"time": time_}]

    def take(self, text: str) -> None:
        number = len(self.history)
        self.busy = True
        self.message(number, "user")
        answer = self.message(number, "assistant", time={"created": 1})
        self.part(answer, "", start=1)
        match text.split():
            case ["break"]:
                self.listen.clear()
                for listener in self.listeners:
                    listener.put(None)
                while self.listeners:
                    time.sleep(0.01)
            case ["flood", count]:
                for _ in range(int(count)):
                    self.tell(
                        "message.part.delta", messageID=answer["id"], partID=f"prt_{answer['id']}", field="text",
                        delta="x" * 1000,
                    )  # fmt: skip
            case ["hang"]:
                self.hanging = True
                return
            case ["die"]:
                os._exit(7)
            case _:
                pass
        self.part(answer, f"echo: {text}", start=1, end=2)
        self.history[-1]["info"] = answer | {"time": {"created": 1, "completed": 2}, "finish": "stop"}
        self.tell("message.updated", info=self.history[-1]["info"])
        self.busy = False
        self.tell("session.idle")
        self.listen.set()


STATE = State()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, value: Any, status: int = 200) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if self.refused():
            return
        match self.path.partition("?")[0].split("/")[1:]:
            case ["event"]:
                self.stream()
            case ["session", "status"]:
                self.answer({SESSION: {"type": "busy"}} if STATE.busy else {})
            case ["session", session_id]:
                known = session_id == SESSION and not os.environ.get("FORGETFUL")
                self.answer({"id": SESSION} if known else {"name": "NotFoundError"}, 200 if known else 404)
            case ["session", _, "message"]:
                self.answer(STATE.history)
            case ["permission"] | ["question"]:
                self.answer([])
            case _:
                self.answer({"default": {}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.refused():
            return
        match self.path.split("/")[1:]:
            case ["session"]:
                self.answer({"id": SESSION})
            case ["session", _, "prompt_async"]:
                self.answer(None, 204)
                STATE.take(json.loads(body)["parts"][0]["text"])
            case _:
                self.answer(True)

    def refused(self) -> bool:
        while STATE.hanging:
            time.sleep(1)
        refused = self.headers.get("authorization") != EXPECTED
        if refused:
            self.answer(None, 401)
        return refused

    def stream(self) -> None:
        STATE.listen.wait()
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        mine: queue.Queue[bytes | None] = queue.Queue()
        mine.put(b'data: {"type":"server.connected"}\n\n')
        STATE.listeners.append(mine)
        try:
            while (event := mine.get()) is not None:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        finally:
            STATE.listeners.remove(mine)


def main() -> None:
    assert os.environ["OPENCODE_SERVER_PASSWORD"] not in " ".join(sys.argv)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print("Warning: something that nobody needs")
    print(f"opencode server listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
