"""Installs by npm: what is activated, what is not, and what is left behind."""

from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.installs.errors import InstallFailed
from sandbox_agent.actors.installs.npm_packages import PACKAGES
from sandbox_agent.actors.installs.platform import Platform, this_platform

from .world import LIMIT, PROGRAM, VERSION, World, alive, said


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def refused(world: World, version: str = VERSION, **more: object) -> str:
    with trio.fail_after(LIMIT), pytest.raises(InstallFailed) as failed:
        await world.install(version, **more)  # type: ignore[arg-type]
    return str(failed.value)


async def test_the_native_program_is_installed_and_scripts_are_not_run(world: World):
    with trio.fail_after(LIMIT):
        installed = await world.install()
    assert installed.version == VERSION
    assert said(installed) == VERSION
    assert "node_modules/@anthropic-ai/claude-code-linux-" in str(installed.program)
    (call,) = world.calls()
    assert (call["package"], call["version"]) == ("@anthropic-ai/claude-code", VERSION)
    assert "--ignore-scripts" in call["args"]


async def test_what_is_there_is_not_installed_again(world: World):
    with trio.fail_after(LIMIT):
        first = await world.install()
        assert await world.install() == first
    assert len(world.calls()) == 1


async def test_a_reinstall_replaces_the_tree_and_leaves_one(world: World):
    with trio.fail_after(LIMIT):
        await world.install()
        before = world.trees()
        world.plan(program=PROGRAM + "# anew\n")
        installed = await world.install(reinstall=True)
    assert "# anew" in installed.program.read_text()
    assert len(world.trees()) == 1
    assert world.trees() != before
    current = world.store().find()
    assert current == installed


async def test_a_failed_reinstall_keeps_what_was_there(world: World):
    with trio.fail_after(LIMIT):
        installed = await world.install()
        world.plan(status=1, stderr="no network\n")
        assert "no network" in await refused(world, reinstall=True)
    assert said(installed) == VERSION
    assert world.store().find() == installed


async def test_versions_stand_side_by_side_and_the_last_asked_for_is_current(world: World):
    with trio.fail_after(LIMIT):
        old = await world.install("1.0.0")
        new = await world.install("2.0.0")
        store = world.store()
        assert store.find() == new
        assert (store.find("1.0.0"), store.find("2.0.0")) == (old, new)
        await world.install("1.0.0")
    assert world.store().find() == old
    assert len(world.calls()) == 2


async def test_a_version_for_one_session_does_not_become_current(world: World):
    with trio.fail_after(LIMIT):
        first = await world.install("1.0.0", current=False)
        assert world.store().find() == first
        await world.install("2.0.0", current=False)
    assert world.store().find() == first


async def test_a_failure_of_npm_is_told_in_its_own_words_without_secrets(world: World):
    world.plan(status=1, stderr="npm error notarget No matching version\nkey sk-ant-fake-key-for-tests\n")
    reason = await refused(world, "9.9.9")
    assert "No matching version" in reason
    assert "9.9.9" in reason
    assert "fake-key" not in reason
    assert world.trees() == []
    assert world.store().find("9.9.9") is None


async def test_another_version_than_was_asked_for_is_not_activated(world: World):
    world.plan(program=PROGRAM.replace("VERSION", "6.6.6"))
    assert "6.6.6" in await refused(world)
    assert world.trees() == []


async def test_a_longer_version_that_begins_like_the_one_asked_for_is_another(world: World):
    world.plan(program=PROGRAM.replace("VERSION", VERSION + "4"))
    assert VERSION + "4" in await refused(world)


async def test_a_wrapper_is_passed_over_for_the_native_program(world: World):
    world.plan(wrapper="#!/bin/sh\nexit 1\n")
    with trio.fail_after(LIMIT):
        installed = await world.install()
    assert installed.program.name == "claude"
    assert ".bin" not in installed.program.parts


async def test_a_stub_whose_install_script_did_not_run_is_not_activated(world: World):
    world.plan(program=None, wrapper="#!/bin/sh\necho 'the install script did not run' >&2; exit 1\n")
    assert "the install script did not run" in await refused(world)
    assert world.trees() == []


STUB = "echo 'Error: native binary not installed.' >&2\nexit 1\n"
"""Amp's wrapper: nothing that a kernel would run."""


async def test_a_version_that_is_not_published_for_this_platform_says_so(world: World):
    build = f"@ampcode/{Path(PACKAGES['amp'].paths(this_platform())[0]).parent.name}"
    world.plan(agent="amp", program=None, wrapper=STUB, builds=("@ampcode/cli-darwin-arm64", build))
    reason = await refused(world, agent="amp")
    assert f"@ampcode/cli@{VERSION} has no native program for {this_platform().name}: npm brought no {build}@" in reason
    assert world.trees("amp") == []


async def test_a_version_that_is_made_for_other_platforms_names_them(world: World):
    world.plan(agent="amp", program=None, wrapper=STUB, builds=("@ampcode/cli-darwin-arm64", "@ampcode/cli-win32-x64"))
    assert "it is made for darwin-arm64, win32-x64" in await refused(world, agent="amp")


async def test_an_old_package_without_a_native_program_runs_by_its_wrapper(world: World):
    world.plan(program=None, wrapper=PROGRAM)
    with trio.fail_after(LIMIT):
        installed = await world.install()
    assert said(installed) == VERSION


async def test_a_package_without_any_program_says_what_was_missing(world: World):
    world.plan(program=None)
    assert "brought no program for linux-" in await refused(world)


async def test_a_program_that_hangs_when_asked_for_its_version_is_not_activated(world: World):
    world.plan(program="#!/bin/sh\nsleep 600\n")
    assert "did not answer within" in await refused(world, settings={"probe_timeout": 0.3})
    assert world.trees() == []


async def test_a_build_for_another_machine_is_not_activated(world: World):
    world.plan(program="\x7fELF nonsense")
    assert "does not run on this machine" in await refused(world)


async def test_an_install_that_takes_too_long_ends_with_all_its_processes(world: World):
    world.plan(hang=True)
    reason = await refused(world, settings={"install_timeout": 1.0})
    assert "was not installed in 1 s" in reason
    with trio.fail_after(LIMIT):
        assert not any(alive(pid) for pid in await world.hanging())
    assert world.trees() == []


async def test_a_cancelled_install_ends_npm_and_takes_its_tree_away(world: World):
    world.plan(hang=True)
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.install)
            pids = await world.hanging()
            assert all(alive(pid) for pid in pids)
            nursery.cancel_scope.cancel()
    assert not any(alive(pid) for pid in pids)
    assert world.trees() == []


async def test_two_concurrent_installs_make_one(world: World):
    world.plan(hang=True)
    found = []

    async def one() -> None:
        found.append(await world.install())

    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            await world.hanging()
            nursery.start_soon(one)
            nursery.start_soon(one)
            world.go()
    assert len(found) == 3
    assert found[0] == found[1] == found[2]
    assert len(world.calls()) == 1


async def test_a_directory_that_cannot_be_written_is_a_reason_not_a_crash(world: World):
    world.data.write_text("a file where the data directory should be")
    assert "Not a directory" in await refused(world)


@pytest.mark.parametrize(
    ("platform", "agent", "path"),
    [
        (Platform("x64"), "claude", "@anthropic-ai/claude-code-linux-x64/claude"),
        (Platform("arm64", musl=True), "claude", "@anthropic-ai/claude-code-linux-arm64-musl/claude"),
        (Platform("arm64"), "codex", "@openai/codex-linux-arm64/vendor/aarch64-unknown-linux-musl/bin/codex"),
        (Platform("x64", avx2=False), "opencode", "opencode-linux-x64-baseline/bin/opencode"),
        (Platform("x64", musl=True, avx2=False), "opencode", "opencode-linux-x64-baseline-musl/bin/opencode"),
        (Platform("arm64", avx2=False), "opencode", "opencode-linux-arm64/bin/opencode"),
    ],
)
def test_the_build_is_the_one_for_the_machine(platform: Platform, agent: str, path: str):
    assert PACKAGES[agent].paths(platform)[0] == path
