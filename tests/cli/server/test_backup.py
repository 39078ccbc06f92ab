"""A backup as docs/long-running.md tells to make one: while the daemon runs, and put back after it was lost."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from ..commands import Commands
from ..running import daemon

TOKEN = {"SANDBOX_AGENT_TOKEN": "a-token-of-the-test"}


def test_what_was_there_at_the_backup_is_there_after_it_was_put_back(commands: Commands, tmp_path: Path) -> None:
    data = tmp_path / "data"
    options = ("--data-dir", str(data), "--mock-step-ms", "0")

    def api(url: str, *words: str) -> str:
        done = commands.run("api", "sessions", *words, "-e", url, env=TOKEN)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with daemon(commands, *options, env=TOKEN) as running:
        api(running.url, "create", "kept", "-a", "mock")
        api(running.url, "send-message-stream", "kept", "-m", "echo one")
        before = json.loads(api(running.url, "events", "kept"))["events"]
        with closing(sqlite3.connect(data / "journal.db")) as live, closing(sqlite3.connect(tmp_path / "b.db")) as copy:
            live.backup(copy)
        api(running.url, "create", "later", "-a", "mock")
    for file in data.glob("journal.db*"):
        file.unlink()
    (tmp_path / "b.db").rename(data / "journal.db")
    with daemon(commands, *options, env=TOKEN) as running:
        sessions = json.loads(api(running.url, "list"))["sessions"]
        assert [session["sessionId"] for session in sessions] == ["kept"]
        assert json.loads(api(running.url, "events", "kept"))["events"][: len(before)] == before
        api(running.url, "send-message-stream", "kept", "-m", "echo two")
