"""The first use of an agent that is not installed, as a client of the daemon meets it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from sandbox_agent.actors.installs.installer import Install, Installer, Installs
from sandbox_agent.actors.installs.job import InstallRequest
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.kernel.mailbox import Mailbox
from sandbox_agent.actors.machine.process_rows import read_all
from sandbox_agent.schema.agents.definitions import PINNED
from sandbox_agent.schema.api.agent_info import AgentInfo, AgentInstallRequest
from sandbox_agent.schema.api.sessions import CreateSessionRequest, MessageRequest
from sandbox_agent.schema.problems import Problem

from ..commanded import CommandedDaemon
from ..house import check_history, events_of, said
from .world import LIMIT, POLL, PROGRAM, VERSION, World, alive


class Site:
    """A daemon on a machine where no agent is installed."""

    def __init__(self, world: World, daemon: CommandedDaemon) -> None:
        self.world = world
        self.daemon = daemon

    async def create(self, session_id: str = "s", **request: Any) -> EventLog:
        await self.daemon.create_session(session_id, CreateSessionRequest("claude", **request))
        return await self.daemon.log(session_id)

    async def claude(self) -> AgentInfo:
        return next(agent for agent in (await self.daemon.list_agents()).agents if agent.id == "claude")

    async def install(self, **request: Any) -> None:
        await self.daemon.install_agent("claude", AgentInstallRequest(**request))

    async def running_program(self) -> str:
        """The command of the agent process that the daemon has started."""
        while True:
            children = [row.id.pid for row in read_all() if row.parent == os.getpid()]
            programs = [word for pid in children for word in _command(pid) if "/claude" in word]
            if programs:
                return programs[0]
            await trio.sleep(POLL)


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:  # gone by now
        return []


@asynccontextmanager
async def site(root: Path, **settings: Any) -> AsyncIterator[Site]:
    world = World(root)
    daemon = CommandedDaemon(world.settings(install_progress=0.02, **settings), world.environment)
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(daemon.run)
            yield Site(world, daemon)
            await daemon.stop()


def installs(log: EventLog) -> list[str]:
    """What the session's log tells of the install."""
    items = [e["data"]["item"] for e in events_of(log) if e["type"] == "item.completed"]
    parts = [part for item in items for part in item["content"]]
    return [part["detail"] for part in parts if part.get("label") == "agent.install"]


async def test_the_first_session_installs_its_agent_and_tells_of_it(tmp_path: Path):
    async with site(tmp_path) as here:
        assert not (await here.claude()).installed
        log = await here.create()
        events = [said(event) for event in events_of(log)]
        assert events[0] == "session.started"
        assert events.count("session.started") == 1
        assert "item.completed status system completed" in events
        assert installs(log)[0].startswith(PINNED["claude"])
        claude = await here.claude()
        assert (claude.installed, claude.version, claude.install) == (True, PINNED["claude"], None)
        assert claude.path is not None
        assert claude.path.startswith(str(here.world.data))


async def test_an_agent_that_is_there_is_not_installed_and_the_log_says_nothing_of_it(tmp_path: Path):
    async with site(tmp_path) as here:
        await here.create("first")
        assert installs(await here.create("second")) == []
        assert len(here.world.calls()) == 1


async def test_a_second_first_use_waits_for_the_same_install(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(hang=True)
        created: list[str] = []

        async def create(session_id: str) -> None:
            await here.create(session_id)
            created.append(session_id)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(create, "a")
            await here.world.hanging()
            nursery.start_soon(create, "b")
            while len((await here.daemon.list_sessions()).sessions) < 2:
                await trio.sleep(POLL)
            install = (await here.claude()).install
            assert install is not None
            assert (install.phase, install.version) == ("downloading", PINNED["claude"])
            assert created == []
            here.world.go()
        assert sorted(created) == ["a", "b"]
        assert len(here.world.calls()) == 1


async def test_a_session_that_waits_is_listed_as_starting_and_takes_prompts(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(hang=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.create)
            await here.world.hanging()
            info = await here.daemon.session_info("s")
            assert (info.status, info.ended) == ("starting", False)
            await here.daemon.send("s", MessageRequest("hello"))
            log = await here.daemon.log("s")
            while not any("downloading" in detail for detail in installs(log)):
                await log.wait_beyond(log.last)
            here.world.go()
        assert (await here.daemon.session_info("s")).queued == 1
        assert not any(event["type"] == "turn.ended" for event in events_of(log))


async def test_a_failed_install_refuses_the_session_and_leaves_none(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(status=1, stderr="npm error: no network\n")
        with pytest.raises(Problem) as failed:
            await here.create()
        body = failed.value.body()
        assert (failed.value.kind, body["status"], body["agent"]) == ("install_failed", 500, "claude")
        assert "no network" in body["details"]["stderr"]
        assert (await here.daemon.list_sessions()).sessions == ()
        here.world.plan()
        await here.create()


async def test_who_follows_a_session_is_told_how_its_install_ended(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(hang=True, status=1, stderr="npm error: no network\n")
        async with trio.open_nursery() as nursery:

            async def create() -> None:
                with pytest.raises(Problem):
                    await here.create()

            nursery.start_soon(create)
            await here.world.hanging()
            log = await here.daemon.log("s")
            here.world.go()
        events = events_of(log)
        check_history(events)
        assert said(events[0]) == "session.started"
        assert [said(event) for event in events[-2:]] == ["error install_failed", "session.ended error daemon"]
        assert "no network" in events[-1]["data"]["message"]


async def test_with_auto_install_off_the_session_is_refused(tmp_path: Path):
    async with site(tmp_path, auto_install=False) as here:
        with pytest.raises(Problem) as refused:
            await here.create()
        assert refused.value.kind == "agent_not_installed"
        assert here.world.calls() == []
        await here.install()
        await here.create()


async def test_a_client_that_hangs_up_leaves_no_session_but_the_install_goes_on(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(hang=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.create)
            await here.world.hanging()
            log = await here.daemon.log("s")
            nursery.cancel_scope.cancel()
        assert said(events_of(log)[-1]) == "session.ended terminated daemon"
        assert (await here.daemon.list_sessions()).sessions == ()
        assert (await here.claude()).install is not None
        here.world.go()
        await here.create()
        assert len(here.world.calls()) == 1


async def test_a_session_that_is_ended_while_it_waits_does_not_start(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(hang=True)
        refusals: list[Problem] = []

        async def create() -> None:
            with pytest.raises(Problem) as refused:
                await here.create()
            refusals.append(refused.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(create)
            await here.world.hanging()
            await here.daemon.terminate("s")
            here.world.go()
        assert len(refusals) == 1
        assert (await here.claude()).installed


async def test_stopping_the_daemon_in_mid_install_ends_npm_and_leaves_nothing(tmp_path: Path):
    async with site(tmp_path) as here:
        here.world.plan(hang=True)
        async with trio.open_nursery() as nursery:

            async def create() -> None:
                with pytest.raises(Problem) as refused:
                    await here.create()
                assert refused.value.kind == "shutting_down"

            nursery.start_soon(create)
            pids = await here.world.hanging()
            with trio.fail_after(LIMIT):
                await here.daemon.stop()
        assert not any(alive(pid) for pid in pids)
        assert here.world.trees() == []


async def test_each_session_runs_the_version_that_it_asked_for(tmp_path: Path):
    async with site(tmp_path) as here:
        await here.install(agent_version="2.0.0")
        await here.create("new")
        assert "/2.0.0/" in await here.running_program()
        await here.daemon.terminate("new")
        await here.create("old", agent_version="1.0.0")
        assert "/1.0.0/" in await here.running_program()
        await here.daemon.terminate("old")
        await here.create("default")
        assert "/2.0.0/" in await here.running_program()
        assert [call["version"] for call in here.world.calls()] == ["2.0.0", "1.0.0"]


async def test_a_program_on_path_is_used_when_its_version_will_do(tmp_path: Path):
    async with site(tmp_path) as here:
        program = here.world.bin / "claude"
        program.write_text(PROGRAM.replace("VERSION", "3.0.0"))
        program.chmod(0o755)
        await here.create("any")
        await here.create("same", agent_version="3.0.0")
        assert here.world.calls() == []
        await here.install()
        assert here.world.calls() == []
        await here.create("other", agent_version="1.0.0")
        assert [call["version"] for call in here.world.calls()] == ["1.0.0"]


async def test_a_reinstall_is_done_although_it_is_there(tmp_path: Path):
    async with site(tmp_path) as here:
        await here.install()
        await here.install()
        assert len(here.world.calls()) == 1
        await here.install(reinstall=True)
        assert len(here.world.calls()) == 2


@pytest.mark.parametrize("version", ["latest", "^2", "--foo", "../2.0.0", "1.0.0/..", "", "1 2"])
async def test_what_is_not_an_exact_version_is_refused(tmp_path: Path, version: str):
    async with site(tmp_path) as here:
        for ask in (here.create, here.install):
            with pytest.raises(Problem) as refused:
                await ask(agent_version=version)
            assert refused.value.kind == "invalid_request"
        assert here.world.calls() == []


async def test_mock_needs_no_install(tmp_path: Path):
    async with site(tmp_path) as here:
        await here.daemon.install_agent("mock", AgentInstallRequest(reinstall=True))
        with pytest.raises(Problem) as refused:
            await here.daemon.install_agent("nobody", AgentInstallRequest())
        assert refused.value.kind == "unsupported_agent"


async def test_a_crash_of_our_own_fails_the_install_and_disturbs_no_session(tmp_path: Path):
    async with site(tmp_path) as here:
        await here.daemon.create_session("mock", CreateSessionRequest("mock"))
        (here.world.bin / "npm").write_bytes(b"")
        (here.world.bin / "npm").chmod(0o755)
        with pytest.raises(Problem) as failed:
            await here.create()
        assert failed.value.kind == "install_failed"
        assert (await here.daemon.session_info("mock")).status in ("starting", "idle")


async def test_a_session_that_does_not_listen_does_not_make_the_installer_deaf(tmp_path: Path):
    world = World(tmp_path)
    world.plan(status=1, stderr="no network\n")
    mailbox, deaf = Mailbox("installer", 10), Mailbox("deaf", 0)
    installer = Installer(mailbox, world.workshop(install_progress=0.0))
    wanted = InstallRequest("claude", VERSION)
    failures: list[Problem] = []

    async def ask(watcher: Mailbox | None) -> None:
        with pytest.raises(Problem) as failed:
            await mailbox.ask(Install(wanted, watcher))
        failures.append(failed.value)

    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(installer.run)
            async with trio.open_nursery() as asking:
                asking.start_soon(ask, deaf)
                while deaf.statistics()["blocked_senders"] == 0:
                    await trio.sleep(POLL)
                assert (await mailbox.ask(Installs()))["claude"].version == VERSION
                assert repr(installer) == "<Installer claude=downloading>"
                asking.start_soon(ask, None)
                await trio.testing.wait_all_tasks_blocked()
                deaf.close()
            assert await mailbox.ask(Installs()) == {}
            assert repr(installer) == "<Installer idle>"
            nursery.cancel_scope.cancel()
    assert [failure.kind for failure in failures] == ["install_failed"] * 2
    assert len(world.calls()) == 1
