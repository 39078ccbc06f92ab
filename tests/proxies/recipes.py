"""The recipes of docs/proxies.md, run as they stand there: only addresses and times are replaced."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proxies.md"
NAME = "agents.example.com"
PACKAGES = {"nginx": "nginx-light", "caddy": "caddy"}
START = 30.0
"""Seconds for a proxy to listen."""

NGINX = """\
daemon off;
master_process off;
pid {home}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
{recipe}
}}
"""


def recipe(title: str) -> str:
    """The one block whose first line says what it is."""
    blocks = [block.partition("\n")[2] for block in PAGE.read_text().split("```")[1::2]]
    [found] = [text for text in blocks if re.match(rf"# {re.escape(title)}(:|\n)", text)]
    return found


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"docs/proxies.md has no {old!r} in this recipe any more"
    return text.replace(old, new)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ["PATH"])
    if found is None:
        pytest.fail(f"{name} is not there; it is in the Debian package {PACKAGES[name]}")
    return found


def command(title: str, upstream: str, port: int, home: Path, patience: str) -> list[str]:
    """What runs the recipe on ``port`` before the daemon at ``upstream``. ``patience`` replaces the times."""
    text = replaced(recipe(title), "127.0.0.1:2468", upstream)
    if title.startswith("nginx"):
        text = replaced(
            replaced(text, "listen 80;", f"listen 127.0.0.1:{port};"), "_timeout 1h;", f"_timeout {patience};"
        )
        (home / "nginx.conf").write_text(NGINX.format(home=home, recipe=text))
        return [program("nginx"), "-p", str(home), "-e", "stderr", "-c", str(home / "nginx.conf")]
    # With its name alone it would ask for a certificate.
    text = replaced(text, f"\n{NAME} {{", f"\nhttp://{NAME}:{port} {{\n\tbind 127.0.0.1")
    (home / "Caddyfile").write_text(f"{{\n\tadmin off\n\tstorage file_system {home}/storage\n}}\n{text}")
    return [program("caddy"), "run", "--config", str(home / "Caddyfile"), "--adapter", "caddyfile"]


@contextmanager
def proxy(title: str, upstream: str, home: Path, patience: str = "1h") -> Generator[str]:
    """Yields the address at which it listens."""
    home.mkdir()
    port = free_port()
    log = home / "log"
    with log.open("w") as output:
        running = subprocess.Popen(
            command(title, upstream, port, home, patience),
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + START
        while not listens(port):
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()
        try:
            running.wait(START)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        time.sleep(0.05)
        return False
    return True
