"""``python -m tests.fuzz SCHEMATHESIS SECONDS [SEED]``: a real daemon with the mock agent, and everything that its
document allows and forbids.

Fails when an answer is a 5xx or is not what the document says, when the daemon dies or does not stop, or when it logs a
failure of its own.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from ..cli.commands import Commands
from ..cli.running import RunningDaemon, daemon

HERE = Path(__file__).parent
OPTIONS = (
    # Nothing is downloaded, and nothing is waited for.
    *("--no-auto-install", "--npm", "", "--mock-step-ms", "0", "--sse-keepalive", "0.2"),
    *("--log-format", "json", "--access-log-lines", "0"),
    # It tries wrong tokens too, and wants a 401 for each.
    *("--failed-logins", "0", "--address-requests", "0"),
)
GRACE = 300
"""Seconds beyond its budget in which schemathesis must have ended."""


def fuzz(program: str, seconds: int, seed: str | None, running: RunningDaemon, home: Path, token: str) -> int:
    environment = os.environ | {
        "FUZZ_TOKEN": token,
        "FUZZ_DIRECTORY": str(home),
        "PYTHONPATH": str(HERE),
        "SCHEMATHESIS_HOOKS": "hooks",
        "NO_COLOR": "1",
    }
    command = [program, "--config-file", str(HERE / "schemathesis.toml"), "run", f"{running.url}/openapi.json"]
    command += ["--max-time", str(seconds), *(("--seed", seed) if seed else ())]
    return subprocess.run(command, env=environment, cwd=home, timeout=seconds + GRACE).returncode


def failures(running: RunningDaemon) -> list[str]:
    """Of its whole life, which has ended."""
    told = [json.loads(line) for line in running.stderr.splitlines() if line.startswith("{")]
    rest = [line for line in running.stderr.splitlines() if not line.startswith("{")]
    return [json.dumps(line) for line in told if line["level"] in ("error", "critical")] + rest


def main(program: str, seconds: str, seed: str | None = None) -> int:
    token = secrets.token_urlsafe(32)
    with tempfile.TemporaryDirectory(prefix="sandbox-agent-fuzz-") as scratch:
        home = Path(scratch)
        with daemon(Commands(home), *OPTIONS, env={"SANDBOX_AGENT_TOKEN": token}) as running:
            status = fuzz(str(Path(program).absolute()), int(seconds), seed, running, home, token)
            alive = running.process.poll() is None
            running.process.terminate()
            ended = running.wait_ended()
    wrong = failures(running)
    if wrong or not alive or ended != 0:
        print(
            f"the daemon {'lived' if alive else 'died'}, ended with status {ended}, and logged:", *wrong[:50], sep="\n"
        )
    return int(status != 0 or bool(wrong) or not alive or ended != 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
