#!/usr/bin/env python3
"""A program that a prompt-injected agent runs: it looks for the token, and tries to steer the daemon and other agents.

``attacker.py PLACES``: PLACES is JSON with what it would find out by itself: ``mark`` (the token, in two parts, so that
this process does not hold it), ``daemon``, ``sibling`` (pids), ``url``, ``data``, ``state`` and ``private`` (paths).
Prints one line of JSON: for each attack whether it has succeeded.
"""

import ctypes
import json
import os
import re
import signal
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PLACES: dict[str, Any] = json.loads(sys.argv[1])
MARK = re.compile(re.escape(PLACES["mark"][0]).encode() + b"-?" + re.escape(PLACES["mark"][1]).encode())
MOST = 64 << 20


def held(text: bytes) -> bool:
    return MARK.search(text) is not None


def processes() -> Iterator[Path]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            yield entry


def in_any(name: str) -> bool:
    for process in processes():
        with suppress(OSError):
            if held((process / name).read_bytes()):
                return True
    return False


def memory() -> bool:
    process = Path("/proc", str(PLACES["daemon"]))
    with suppress(OSError), (process / "mem").open("rb", 0) as file:
        for line in (process / "maps").read_text().splitlines():
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if " rw" in line and end - start < MOST:
                with suppress(OSError):
                    file.seek(start)
                    if held(file.read(end - start)):
                        return True
    return False


def descriptors() -> bool:
    """Whether one of the daemon's files can be opened."""
    with suppress(OSError):
        for entry in Path("/proc", str(PLACES["daemon"]), "fd").iterdir():
            with suppress(OSError):
                os.close(os.open(entry, os.O_RDONLY | os.O_NONBLOCK))
                return True
    return False


def file() -> bool:
    for path in (Path(PLACES["state"]), Path(PLACES["data"])):
        # By their names too: who may not list a directory may know what is in it.
        for found in (*path.rglob("*"), path / "token", path / "tokens.json", path / "journal.db"):
            with suppress(OSError):
                if found.is_file() and held(found.read_bytes()):
                    return True
    return False


def look_below() -> bool:
    """As who is root here: by taking away what is mounted over the files, or by mounting what is below it elsewhere."""
    libc = ctypes.CDLL(None)
    state = os.fsencode(PLACES["state"])
    libc.umount2(state, 2)  # MNT_DETACH
    if file():
        return True
    with tempfile.TemporaryDirectory() as place:
        layers = f"lowerdir=/,upperdir={place}/upper,workdir={place}/work".encode()
        for name in ("there", "upper", "work"):
            Path(place, name).mkdir()
        there = os.fsencode(f"{place}/there")
        for source, kind, flags, data in ((b"/", None, 0x1000, None), (b"o", b"overlay", 0, layers)):
            if libc.mount(source, there, kind, ctypes.c_ulong(flags), data) == 0:
                try:
                    return held(Path(f"{place}/there{PLACES['state']}/token").read_bytes())
                except OSError:
                    continue
                finally:
                    libc.umount2(there, 2)
    return False


def approve() -> bool:
    """With what is known: the address, which everybody may know, and no token."""
    request = urllib.request.Request(f"{PLACES['url']}/v1/permissions")
    with suppress(urllib.error.URLError), urllib.request.urlopen(request, timeout=20):
        return True
    return False


def stdin_of_another() -> bool:
    with suppress(OSError):
        os.close(os.open(f"/proc/{PLACES['sibling']}/fd/0", os.O_WRONLY | os.O_NONBLOCK))
        return True
    return False


def stdout_of_another() -> bool:
    with suppress(OSError):
        os.close(os.open(f"/proc/{PLACES['sibling']}/fd/1", os.O_WRONLY | os.O_NONBLOCK))
        return True
    return False


def signal_daemon() -> bool:
    with suppress(OSError):
        if b"server" in Path(f"/proc/{PLACES['daemon']}/cmdline").read_bytes():
            os.kill(PLACES["daemon"], signal.SIGCONT)
            return True
    return False


def signal_another() -> bool:
    with suppress(OSError):
        if b"mock" in Path(f"/proc/{PLACES['sibling']}/cmdline").read_bytes():
            os.kill(PLACES["sibling"], signal.SIGCONT)
            return True
    return False


def journal() -> bool:
    """Whether it can be written."""
    for found in {*Path(PLACES["data"]).glob("*.db"), Path(PLACES["data"], "journal.db")}:
        with suppress(sqlite3.Error, OSError):
            connection = sqlite3.connect(found, timeout=20)
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
            connection.close()
            return True
    return False


def private() -> bool:
    """Whether another agent's private directory can be listed."""
    with suppress(OSError):
        return bool(list(Path(PLACES["private"]).iterdir()))
    return False


ATTACKS: dict[str, Callable[[], bool]] = {
    "read the token in the arguments": lambda: in_any("cmdline"),
    "read the token in the environment": lambda: in_any("environ"),
    "read the token in the daemon's memory": memory,
    "open the daemon's files by their descriptors": descriptors,
    "read the stored token": file,
    "read the stored token below what hides it": look_below,
    "approve its own ask without a token": approve,
    "write to another agent's stdin": stdin_of_another,
    "write to another agent's stdout": stdout_of_another,
    "signal another agent": signal_another,
    "signal the daemon": signal_daemon,
    "edit the journal": journal,
    "list another agent's private directory": private,
}

if __name__ == "__main__":
    print(json.dumps({name: attack() for name, attack in ATTACKS.items()}))
