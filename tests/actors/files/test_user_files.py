"""The user's settings of an agent are no regular file, or made to be expensive: its session is refused at once."""

import os
from pathlib import Path

import pytest

from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.problems import Problem

from ..house import house


@pytest.fixture
def amp(tmp_path: Path) -> dict[str, str]:
    """An environment in which amp could be started; it never is."""
    program = tmp_path / "bin" / "amp"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    return {"PATH": path, "AMP_API_KEY": "sgamp_fake", "AMP_SETTINGS_FILE": str(tmp_path / "settings.json")}


def pipe(file: Path) -> None:
    os.mkfifo(file)


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def large(file: Path) -> None:
    file.write_text("{}" + " " * (1 << 20))


def quadratic(file: Path) -> None:
    file.write_text("{}" + "/* " * 75_000)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (pipe, "cannot be read: it is not a regular file"),
        (endless, "cannot be read: it is not a regular file"),
        (large, "cannot be read: it has 1048578 bytes; at most 1048576 are read"),
        (quadratic, "cannot be read: a comment does not end"),
    ],
)
async def test_settings_that_cannot_be_read_refuse_the_session(amp: dict[str, str], make, reason: str):
    make(file := Path(amp["AMP_SETTINGS_FILE"]))
    async with house(amp) as h:
        with pytest.raises(Problem) as refused:
            await h.daemon.create_session("s", CreateSessionRequest(agent="amp"))
        assert refused.value.status == 400
        assert refused.value.detail == f"invalid request: amp's settings in {file} {reason}"


async def test_a_repository_cannot_hurt_an_agent_that_reads_its_configuration_though_it_counts_for_nothing(
    tmp_path: Path,
):
    """Codex parsed 390 KB of it for 24 s, and took 800 MB."""
    program = tmp_path / "bin" / "codex"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    config = tmp_path / "work" / ".codex" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("a.b.c = 1\n" * 39_000)
    variables = {"PATH": f"{program.parent}:{os.environ['PATH']}", "OPENAI_API_KEY": "sk-fake"}
    async with house(variables) as h:
        with pytest.raises(Problem) as refused:
            await h.daemon.create_session("s", CreateSessionRequest(agent="codex", directory=str(tmp_path / "work")))
        assert refused.value.status == 400
        assert "codex reads .codex/config.toml also in an untrusted workspace, and it has 390000" in str(refused.value)
