"""Installs by the vendor's own download: only what the vendor's checksum vouches for is activated."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from sandbox_agent.actors.installs.errors import InstallFailed
from sandbox_agent.actors.installs.job import InstallRequest
from sandbox_agent.actors.installs.versions import Installed

from .vendor import Vendor, archive, program, sha256, vendor
from .world import LIMIT, VERSION, World, said


@pytest.fixture
async def offers() -> AsyncIterator[Vendor]:
    async with vendor() as offered:
        yield offered


class Machine:
    """One without npm."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self._urls = {f"{agent}_download_url": url for agent in ("claude", "codex", "opencode", "amp")}
        self.reports: list[tuple[str, int | None]] = []

    async def install(self, agent: str = "claude", version: str = VERSION, **settings: Any) -> Installed:
        workshop = self.world.workshop(**{"npm": "", **self._urls, **settings})
        with trio.fail_after(LIMIT):
            return await workshop.install(InstallRequest(agent, version), lambda *report: self.reports.append(report))

    async def refused(self, agent: str = "claude", version: str = VERSION, **settings: Any) -> str:
        """The reason; nothing may be left of what failed."""
        with pytest.raises(InstallFailed) as failed:
            await self.install(agent, version, **settings)
        assert self.world.trees(agent) == []
        assert self.world.store(agent).find() is None
        return str(failed.value)


@pytest.fixture
def machine(tmp_path: Path, offers: Vendor) -> Machine:
    return Machine(World(tmp_path), offers.url)


async def test_a_program_with_the_right_checksum_is_installed(machine: Machine, offers: Vendor):
    offers.claude(VERSION, program(VERSION) + b"#" * (3 << 20))
    installed = await machine.install()
    assert said(installed) == VERSION
    percents = [percent for phase, percent in machine.reports if phase == "downloading"]
    assert percents == sorted(percents)
    assert len(set(percents)) > 2
    assert percents[-1] == 99
    phases = list(dict.fromkeys(phase for phase, _ in machine.reports))
    assert phases == ["waiting", "downloading", "checking", "activating"]
    assert machine.world.calls() == []


async def test_a_wrong_checksum_is_refused(machine: Machine, offers: Vendor):
    offers.claude(VERSION, checksum="0" * 64)
    reason = await machine.refused()
    assert sha256(program(VERSION)) in reason
    assert "0" * 64 in reason


async def test_a_truncated_download_is_refused_and_the_next_succeeds(machine: Machine, offers: Vendor):
    path = offers.claude(VERSION)
    offers.truncate.add(path)
    assert "cannot be had" in await machine.refused()
    offers.truncate.clear()
    assert said(await machine.install()) == VERSION


async def test_a_download_that_falls_silent_is_given_up(machine: Machine, offers: Vendor):
    offers.truncate.add(offers.claude(VERSION))
    offers.stall = trio.Event()
    assert "did not answer in time" in await machine.refused(download_timeout=0.3)


async def test_an_unknown_version_says_so(machine: Machine, offers: Vendor):
    offers.claude(VERSION)
    assert "no such version" in await machine.refused(version="9.9.9")


async def test_no_network_says_so_at_once(machine: Machine):
    assert "cannot be had" in await machine.refused(claude_download_url="http://127.0.0.1:9")


async def test_a_server_error_says_which(machine: Machine, offers: Vendor):
    offers.status = 503
    assert "answered 503" in await machine.refused()


async def test_a_manifest_that_is_something_else_is_a_reason_not_a_crash(machine: Machine, offers: Vendor):
    for text in (b"<html>", b"[]", b'{"platforms": {"linux-x64": 7}}'):
        offers.files[f"/{VERSION}/manifest.json"] = text
        assert "is not what its vendor used to publish" in await machine.refused()


async def test_a_download_without_a_published_checksum_is_refused(machine: Machine, offers: Vendor):
    offers.claude(VERSION, checksum="")
    assert "publishes no SHA-256" in await machine.refused()
    assert not any(path.endswith("/claude") for path in offers.asked)


async def test_a_download_larger_than_allowed_is_refused(machine: Machine, offers: Vendor):
    offers.claude(VERSION, program(VERSION) + b"#" * 5000)
    assert "larger than 4000 bytes" in await machine.refused(max_install_bytes=4000)


async def test_another_version_than_was_asked_for_is_refused(machine: Machine, offers: Vendor):
    offers.claude(VERSION, program("6.6.6"))
    assert "6.6.6" in await machine.refused()


async def test_codex_comes_as_an_archive_with_its_companion_beside_it(machine: Machine, offers: Vendor):
    offers.codex(VERSION, archive(("bin/codex", program(VERSION)), ("bin/codex-code-mode-host", b"#!/bin/sh\n")))
    installed = await machine.install("codex")
    assert said(installed) == VERSION
    assert (installed.program.parent / "codex-code-mode-host").stat().st_mode & 0o111
    assert ("unpacking", None) in machine.reports


async def test_an_archive_without_the_program_is_refused(machine: Machine, offers: Vendor):
    offers.codex(VERSION, archive(("README", b"nothing")))
    assert "holds no bin/codex" in await machine.refused("codex")


async def test_opencode_is_found_through_its_release_and_a_redirect(machine: Machine, offers: Vendor):
    packed = archive(("opencode", program(VERSION)))
    offers.opencode(VERSION, packed, f"sha256:{sha256(packed)}")
    assert said(await machine.install("opencode")) == VERSION


async def test_a_release_without_a_digest_is_refused(machine: Machine, offers: Vendor):
    offers.opencode(VERSION, archive(("opencode", program(VERSION))), None)
    assert "publishes no SHA-256" in await machine.refused("opencode")


async def test_amp_is_checked_against_the_checksum_beside_it(machine: Machine, offers: Vendor):
    data = program(VERSION)
    offers.amp(VERSION, data, sha256(b"something else"))
    assert sha256(data) in await machine.refused("amp")
    offers.amp(VERSION, data, f"{sha256(data)}\n")
    assert said(await machine.install("amp")) == VERSION


async def test_without_npm_on_path_the_vendor_is_asked(machine: Machine, offers: Vendor):
    offers.claude(VERSION)
    assert said(await machine.install(npm="no-such-npm")) == VERSION


async def test_with_npm_on_path_the_vendor_is_not_asked(machine: Machine, offers: Vendor):
    assert said(await machine.install(npm="npm")) == VERSION
    assert offers.asked == []
    assert len(machine.world.calls()) == 1
