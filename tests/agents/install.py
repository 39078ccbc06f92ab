"""Install the pinned agents from npm into `.cache/agents`: `python -m tests.agents.install`. Twice is as good as once.

Only the standard library, so that it runs before anything else is set up. The packages' install scripts do not run;
where a package's command is a stub that such a script would have replaced, the native program is taken from the
package of this platform.
"""

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PREFIX = HERE.parent.parent / ".cache" / "agents"
BIN = PREFIX / "bin"
INSTALL_TIMEOUT = 600  # seconds; the package is some 240 MB


@dataclass(frozen=True)
class Package:
    """An agent's npm package; ``native`` is where its program stands in `node_modules`, by platform.

    ``{platform}`` is npm's name of it, with a suffix where the C library is musl; ``{triple}`` is Rust's.
    """

    name: str
    native: str


PACKAGES = {
    "claude": Package("@anthropic-ai/claude-code", "@anthropic-ai/claude-code-{platform}/claude"),
    "codex": Package("@openai/codex", "@openai/codex-{platform}/vendor/{triple}/bin/codex"),
    "opencode": Package("opencode-ai", "opencode-{platform}/bin/opencode"),
    "amp": Package("@ampcode/cli", "@ampcode/cli-{platform}/amp"),
}


def versions() -> dict[str, str]:
    """The one place where versions are pinned."""
    pinned: dict[str, str] = json.loads((HERE / "versions.json").read_text())
    return pinned


def executable(agent: str) -> Path:
    """The pinned program; raises with the remedy when it is not installed."""
    program = BIN / agent
    if not program.exists():
        raise FileNotFoundError(f"{agent} {versions()[agent]} is not installed: run `make agents` (wants {program})")
    return program


def install(agent: str, version: str) -> None:
    package, prefix = PACKAGES[agent], PREFIX / f"{agent}-{version}"
    program = _native(package, prefix)
    if not program.exists():
        prefix.mkdir(parents=True, exist_ok=True)
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit(f"npm is needed to install {package.name}; it is not on PATH")
        subprocess.run(
            [npm, "install", "--prefix", prefix, "--no-audit", "--no-fund", "--ignore-scripts",
             f"{package.name}@{version}"],
            check=True,
            timeout=INSTALL_TIMEOUT,
        )  # fmt: skip
    said = subprocess.run([program, "--version"], check=True, timeout=60, capture_output=True, text=True).stdout
    if version not in said.split():
        raise SystemExit(f"{program} says that it is {said.strip()!r}, not {version}")
    _link(BIN / agent, program)
    print(f"{agent} {version}: {program}")


def _native(package: Package, prefix: Path) -> Path:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine().lower()]
    system = f"{platform.system().lower()}-{machine}"
    musl = "-musl" if Path(f"/lib/ld-musl-{platform.machine()}.so.1").exists() else ""
    rust = {"x64": "x86_64", "arm64": "aarch64"}[machine]
    vendor = "apple-darwin" if platform.system() == "Darwin" else "unknown-linux-musl"  # static: for any C library
    if "{triple}" in package.native:
        musl = ""
    native = package.native.format(platform=system + musl, triple=f"{rust}-{vendor}")
    return prefix / "node_modules" / native


def _link(link: Path, program: Path) -> None:
    """Replaced in one step: a test that is running must never find it missing."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f"{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(program)
    fresh.replace(link)


def main() -> int:
    for agent, version in versions().items():
        install(agent, version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
