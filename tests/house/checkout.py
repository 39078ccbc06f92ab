"""The checkout as it would be committed, copied where a build may write."""

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from ..patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def files() -> list[str]:
    """Every file that git tracks, and those in its folders that it would add: a log that somebody wrote beside the
    Makefile is none of ours. Relative to the root."""
    new = [name for name in _listed("--others", "--exclude-standard") if "/" in name]
    return [name for name in (*_listed("--cached"), *new) if (ROOT / name).is_file() or (ROOT / name).is_symlink()]


def _listed(*options: str) -> list[str]:
    command = ["git", "ls-files", *options]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout.splitlines()


def copy_to(target: Path) -> Path:
    for name in files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target
