"""Hooks: the socket that they ask on, and the program that asks."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from sandbox_agent.actors.agents import amp_hook
from sandbox_agent.actors.agents.hook_server import SOCKET, Admit, HookServer
from sandbox_agent.actors.machine.descriptor_reserve import DescriptorReserve
from sandbox_agent.actors.processes.private_directory import PrivateDirectory
from sandbox_agent.schema.agents.dialect import PrivateFile
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

TIME_LIMIT = PATIENCE  # seconds for everything that a test does

MAX_REQUEST_BYTES = 1000


class Hooks:
    """A server whose news are kept in the order in which they came."""

    def __init__(self, server: HookServer) -> None:
        self.server = server
        self.path = server.directory.path / SOCKET
        self.send, self.news = trio.open_memory_channel[tuple[str, Any]](100)

    async def asked(self, hook_id: str, request: Mapping[str, Any]) -> None:
        await self.send.send((hook_id, request))

    async def gone(self, hook_id: str) -> None:
        await self.send.send((hook_id, "gone"))

    async def connect(self) -> trio.SocketStream:
        return await trio.open_unix_socket(self.path)


def anybody(_: int) -> bool:
    return True


@asynccontextmanager
async def serving(admit: Admit = anybody, **settings: Any) -> AsyncIterator[Hooks]:
    with trio.fail_after(TIME_LIMIT):
        directory = await PrivateDirectory.make("a-journal")
        bounds = Settings(**{"hook_bytes": MAX_REQUEST_BYTES, **settings})
        server = await HookServer.open(bounds, directory, DescriptorReserve(0))
        hooks = Hooks(server)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.serve, admit, hooks.asked, hooks.gone)
                yield hooks
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await server.aclose()
        assert not server.directory.path.exists()


async def everything(stream: trio.SocketStream) -> bytes:
    async with stream:
        return b"".join([chunk async for chunk in stream])


async def test_a_request_gets_the_one_answer_that_is_meant_for_it():
    async with serving() as hooks:
        first, second = await hooks.connect(), await hooks.connect()
        await first.send_all(b'{"tool": "a"}\n')
        assert await hooks.news.receive() == ("hook_1", {"tool": "a"})
        await second.send_all(b'{"tool":')
        await second.send_all(b' "b"}\n')
        assert await hooks.news.receive() == ("hook_2", {"tool": "b"})
        assert repr(hooks.server) == "<HookServer waiting=hook_1 hook_2>"
        hooks.server.answer("hook_2", allow=True, message="")
        hooks.server.answer("hook_1", allow=False, message="no")
        hooks.server.answer("hook_1", allow=True, message="too late")
        assert json.loads(await everything(first)) == {"allow": False, "message": "no"}
        assert json.loads(await everything(second)) == {"allow": True, "message": ""}
        assert repr(hooks.server) == "<HookServer waiting=none>"


async def test_what_a_hook_asks_is_told_as_it_is_secrets_too():
    async with serving() as hooks, await hooks.connect() as stream:
        await stream.send_all(b'{"tool": "a", "input": "my secret"}\n')
        assert (await hooks.news.receive())[1] == {"tool": "a", "input": "my secret"}


async def test_a_hook_that_goes_before_its_answer_is_told_once_and_an_answer_to_it_is_nothing():
    async with serving() as hooks:
        stream = await hooks.connect()
        await stream.send_all(b'{"tool": "a"}\n')
        assert (await hooks.news.receive())[0] == "hook_1"
        await stream.aclose()
        assert await hooks.news.receive() == ("hook_1", "gone")
        hooks.server.answer("hook_1", allow=True, message="")
        hooks.server.answer("hook_7", allow=True, message="")
        with pytest.raises(trio.WouldBlock):
            hooks.news.receive_nowait()


@pytest.mark.parametrize(
    "said", [b"{no json}\n", b"[1]\n", b"{}\n", b"\xff\n", b"[" * 900 + b"\n", b'"' + b"x" * MAX_REQUEST_BYTES + b'"\n']
)
async def test_what_cannot_be_read_is_refused_and_nobody_is_asked(said: bytes):
    async with serving() as hooks:
        stream = await hooks.connect()
        await stream.send_all(said)
        assert json.loads(await everything(stream))["allow"] is False
        with pytest.raises(trio.WouldBlock):
            hooks.news.receive_nowait()


async def test_a_flood_without_a_line_break_is_cut_off():
    async with serving() as hooks:
        async with await hooks.connect() as stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"x" * (64 << 20))
        async with await hooks.connect() as other:
            await other.send_all(b'{"tool": "a"}\n')
            assert (await hooks.news.receive())[0] == "hook_1"


async def until_held(server: HookServer, count: int) -> None:
    while server.held_bytes != count:
        await trio.sleep(0.005)


async def test_a_flood_of_unfinished_lines_is_bounded_over_all_connections_together():
    async with serving(hook_bytes=300_000) as hooks, AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(await hooks.connect()) for _ in range(3)]
        for number, stream in enumerate(streams, 1):
            await stream.send_all(b"x" * 90_000)
            await until_held(hooks.server, number * 90_000)
        async with await hooks.connect() as fourth:
            with suppress(trio.BrokenResourceError):
                await fourth.send_all(b"x" * 90_000)
                await fourth.receive_some()
        await until_held(hooks.server, 270_000)
        async with await hooks.connect() as stream:
            await stream.send_all(b'{"tool": "a"}\n')
            assert (await hooks.news.receive())[0] == "hook_1"


async def test_what_was_asked_counts_until_it_is_answered():
    async with serving() as hooks:
        line = b'{"tool": "' + b"a" * 600 + b'"}\n'
        first = await hooks.connect()
        await first.send_all(line)
        hook_id, _ = await hooks.news.receive()
        second = await hooks.connect()
        await second.send_all(line)
        assert json.loads(await everything(second))["allow"] is False
        hooks.server.answer(hook_id, allow=True, message="")
        assert json.loads(await everything(first))["allow"] is True
        await until_held(hooks.server, 0)


async def test_a_flood_of_asks_is_bounded():
    async with serving(hook_connections=3) as hooks, AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(await hooks.connect()) for _ in range(3)]
        for number, stream in enumerate(streams, 1):
            await stream.send_all(b'{"tool": "a"}\n')
            assert (await hooks.news.receive())[0] == f"hook_{number}"
        message = json.loads(await everything(await hooks.connect()))["message"]
        assert message == "more than 3 hooks of this agent ask at the same time"
        hooks.server.answer("hook_2", allow=False, message="")
        while hooks.server.connections == 3:
            await trio.sleep(0.005)
        async with await hooks.connect() as stream:
            await stream.send_all(b'{"tool": "a"}\n')
            assert (await hooks.news.receive())[0] == "hook_4"


async def test_a_hook_that_says_nothing_is_let_go():
    async with serving(hook_request_timeout=0.02) as hooks:
        stream = await hooks.connect()
        await stream.send_all(b'{"tool":')
        assert json.loads(await everything(stream))["allow"] is False


async def test_a_forger_of_another_session_is_not_heard():
    """The socket can be found by any program of the same user."""
    async with serving(lambda pid: pid != os.getpid()) as hooks:
        answer = json.loads(await everything(await hooks.connect()))
        assert answer == {"allow": False, "message": "only the agent's own processes may ask"}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_hook, hooks.path, b"{}")  # another process
            hook_id, _ = await hooks.news.receive()
            hooks.server.answer(hook_id, allow=True, message="")


async def test_half_a_request_is_nobodys():
    async with serving() as hooks:
        stream = await hooks.connect()
        await stream.send_all(b'{"tool"')
        await stream.send_eof()
        assert json.loads(await everything(stream))["allow"] is False


async def test_a_server_that_ends_leaves_no_hook_waiting():
    async with serving() as hooks:
        stream = await hooks.connect()
        await stream.send_all(b'{"tool": "a"}\n')
        await hooks.news.receive()
    assert await everything(stream) == b""


async def test_private_files_are_for_their_owner_whatever_the_umask():
    directory = await PrivateDirectory.make("a-journal")
    try:
        files = {"settings": PrivateFile(b"{}"), "ask": PrivateFile(b"#!/bin/sh\n", program=True)}
        old = os.umask(0o277)
        try:
            await directory.write(files)
        finally:
            os.umask(old)
        modes = {path.name: path.stat().st_mode & 0o777 for path in directory.path.iterdir()}
        assert modes == {"settings": 0o600, "ask": 0o700}
        assert directory.path.stat().st_mode & 0o777 == 0o700
        with pytest.raises(FileExistsError):
            await directory.write(files)
    finally:
        await directory.remove(DescriptorReserve(0))
    assert not directory.path.exists()


async def run_hook(path: Path, said: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The program as Amp runs it, with nothing of ours in its environment."""
    return await trio.run_process(
        [sys.executable, "-IS", amp_hook.__file__, str(path)],
        stdin=said,
        env={"AGENT_TOOL_NAME": "shell_command", "AMP_THREAD_ID": "T-1", **environment},
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )


@pytest.mark.parametrize(("allow", "message", "code"), [(True, "", 0), (False, "not this, naïve", 2)])
async def test_the_program_asks_and_its_exit_status_answers(allow: bool, message: str, code: int):
    async with serving() as hooks, trio.open_nursery() as nursery:
        results: list[subprocess.CompletedProcess[bytes]] = []

        async def run() -> None:
            results.append(await run_hook(hooks.path, b'{"command":"ls"}', AGENT_TOOL_USE_ID="TU-1"))
            nursery.cancel_scope.cancel()

        nursery.start_soon(run)
        hook_id, request = await hooks.news.receive()
        assert request == {
            "tool": "shell_command", "input": {"command": "ls"}, "thread": "T-1", "toolUseId": "TU-1",
        }  # fmt: skip
        hooks.server.answer(hook_id, allow=allow, message=message)
    (result,) = results
    assert (result.returncode, result.stderr.decode(), result.stdout) == (code, message, b"")


@pytest.mark.parametrize("said", ["", "{", "\ud800"])
def test_input_that_is_no_json_is_passed_on_as_text(said: str):
    line = amp_hook.request({}, said.encode(errors="surrogatepass"))
    assert isinstance(json.loads(line)["input"], str)
    assert line.count(b"\n") == 1


async def test_the_program_refuses_when_the_daemon_is_gone(tmp_path: Path):
    for path in (tmp_path / SOCKET, tmp_path / "nowhere" / SOCKET):
        result = await run_hook(path, b"{}")
        assert (result.returncode, result.stderr) == (2, b"sandbox-agent is gone: nobody can allow this any more")


async def test_the_program_refuses_when_the_daemon_goes_in_the_meantime():
    results: list[subprocess.CompletedProcess[bytes]] = []
    async with trio.open_nursery() as nursery:

        async def run(path: Path) -> None:
            results.append(await run_hook(path, b"{}"))

        async with serving() as hooks:
            nursery.start_soon(run, hooks.path)
            await hooks.news.receive()
    assert results[0].returncode == 2


async def test_a_directory_with_a_long_name_has_room_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    deep = tmp_path / ("d" * 200)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    async with serving() as hooks, trio.open_nursery() as nursery:
        assert len(str(hooks.path)) > 200
        nursery.start_soon(run_hook, hooks.path, b"{}")
        hook_id, _ = await hooks.news.receive()
        hooks.server.answer(hook_id, allow=True, message="")
