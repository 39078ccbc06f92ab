"""A stop takes bounded time and leaves nobody, whatever clients and agents do."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx

from sandbox_agent.schema.settings import Settings

from ...patience import SLOWNESS
from ..commands import TIMEOUT, Commands
from ..processes import alive, descendants
from ..running import daemon

TOKEN = "a-token-of-the-test"
SESSIONS = 50


def test_sigterm_with_fifty_sessions_a_stuck_reader_and_running_tools(commands: Commands) -> None:
    with daemon(commands, env={"SANDBOX_AGENT_TOKEN": TOKEN}) as running:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:

            def start(number: int) -> None:
                made = client.post(f"/v1/sessions/s{number}", json={"agent": "mock"})
                assert made.status_code == 200, made.text
                prompts = ("spawn", "hang") if number % 10 == 0 else ("hang",)
                for prompt in prompts:
                    sent = client.post(f"/v1/sessions/s{number}/messages", json={"message": prompt})
                    assert sent.status_code == 204, sent.text

            with ThreadPoolExecutor(10) as pool:
                list(pool.map(start, range(SESSIONS)))
            flood(client)
            stuck = stuck_reader(running.url)
            wait_for_status(client, "running", SESSIONS)
        pids = descendants(running.process.pid)
        assert len(pids) > SESSIONS
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.wait_ended() == 0
        took = time.monotonic() - began
        stuck.close()
    assert took < Settings().shutdown_timeout + SLOWNESS
    assert alive(pids) == []


def flood(client: httpx.Client) -> None:
    """More events than a socket that nobody reads can hold."""
    client.post("/v1/sessions/flood", json={"agent": "mock"}).raise_for_status()
    with client.stream("POST", "/v1/sessions/flood/messages/stream", json={"message": "burst 4000 4000"}) as turn:
        for _ in turn.iter_bytes():
            pass


def stuck_reader(url: str) -> socket.socket:
    """Asks for all events and reads only until the stream has begun."""
    where = urlsplit(url)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(TIMEOUT)
    reader.connect((where.hostname, where.port))
    request = (
        f"GET /v1/sessions/flood/events/sse HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    )
    reader.sendall(request.encode())
    received = b""
    while b"data:" not in received:
        received += reader.recv(1000)
    return reader


def wait_for_status(client: httpx.Client, status: str, count: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        found = [info["status"] for info in client.get("/v1/sessions").json()["sessions"]]
        if found.count(status) == count:
            return
        assert time.monotonic() < deadline, json.dumps(found)
        time.sleep(0.05)
