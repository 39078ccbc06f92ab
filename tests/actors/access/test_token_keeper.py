"""The token keeper: nothing is lost, nothing is half done, and no secret is kept."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.access import token_keeper
from sandbox_agent.actors.access.token_file import Unsound, read_tokens, write_tokens
from sandbox_agent.actors.access.token_keeper import TokenKeeper
from sandbox_agent.actors.files.directory_lock import DataDirectoryRefused
from sandbox_agent.actors.kernel.clock import Clock
from sandbox_agent.schema.access.tokens import CreateTokenRequest
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

NOW = 1_700_000_000_000


class SetClock(Clock):
    """Milliseconds since 1970, as a test sets them."""

    now = NOW

    def now_ns(self) -> int:
        return self.now * 1_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def keeper(file: Path | None, clock: Clock | None = None, **settings) -> TokenKeeper:
    return TokenKeeper(file, Settings(**settings), clock or SetClock())


def request(name: str = "a", *scopes, **more) -> CreateTokenRequest:
    return CreateTokenRequest(name, scopes or ("read",), **more)


def full(path: Path, grants: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def names(file: Path) -> list[str]:
    """What the next life of the daemon knows."""
    async with trio.open_nursery() as nursery:
        again = keeper(file)
        await nursery.start(again.run)
        found = [info.name for info in again.list()]
        nursery.cancel_scope.cancel()
    return found


async def test_a_token_is_there_in_the_next_life_with_all_that_it_was_given(file: Path, nursery):
    first = keeper(file)
    await nursery.start(first.run)
    secret, info = await first.create(request("a", "read", "approve", session_id="s", expires_in=60))
    nursery.cancel_scope.cancel()
    async with trio.open_nursery() as next_life:
        again = keeper(file)
        await next_life.start(again.run)
        assert again.list() == (info,)
        grant = again.find(secret.encode())
        assert grant is not None
        assert (grant.name, grant.scopes, grant.session_id) == ("a", ("read", "approve"), "s")
        next_life.cancel_scope.cancel()


async def test_no_secret_is_kept_and_the_file_is_the_owners(file: Path, nursery):
    old = os.umask(0)
    try:
        made = keeper(file)
        await nursery.start(made.run)
        secret, _ = await made.create(request())
    finally:
        os.umask(old)
    assert len(secret) >= 43
    assert secret.removeprefix("sat_") not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["tokens.json"]
    assert secret not in repr(made) + repr(made.find(secret.encode())) + repr(made.list())


async def test_on_a_full_disk_a_create_is_refused_and_nothing_is_lost(file: Path, nursery, monkeypatch):
    made = keeper(file)
    await nursery.start(made.run)
    secret, _ = await made.create(request("a"))
    before = file.read_bytes()
    monkeypatch.setattr(token_keeper, "write_tokens", full)
    with pytest.raises(Problem) as refused:
        await made.create(request("b"))
    assert refused.value.status == 503
    assert "no token was created" in refused.value.detail
    assert [info.name for info in made.list()] == ["a"]
    assert made.find(secret.encode()) is not None
    assert file.read_bytes() == before
    assert await names(file) == ["a"]


async def test_on_a_full_disk_a_token_that_is_revoked_is_refused_at_once_and_it_is_written_when_there_is_room(
    file: Path, monkeypatch
):
    async with trio.open_nursery() as nursery:
        made = keeper(file)
        await nursery.start(made.run)
        secret, _ = await made.create(request("a"))
        with monkeypatch.context() as disk:
            disk.setattr(token_keeper, "write_tokens", full)
            with pytest.raises(Problem) as told:
                await made.revoke("a")
            assert told.value.status == 503
            assert "refused from now on" in told.value.detail
            assert made.find(secret.encode()) is None
            assert await names(file) == ["a"]
        nursery.cancel_scope.cancel()  # it is tried again at the stop, at the latest
    assert await names(file) == []


async def test_a_real_full_disk_leaves_the_old_file_as_it_was(file: Path):
    import resource

    write_tokens(file, [])
    before = file.read_bytes()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, old[1]))
        with pytest.raises(OSError, match="large"):
            write_tokens(file, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    assert file.read_bytes() == before
    assert [entry.name for entry in file.parent.iterdir()] == ["tokens.json"]


async def test_a_token_that_is_revoked_while_another_is_created_does_not_come_back(file: Path, nursery, monkeypatch):
    made = keeper(file)
    await nursery.start(made.run)
    secret, _ = await made.create(request("a"))
    writing, go_on = trio.Event(), trio.Event()
    write = TokenKeeper._write_file

    async def slow(self, path, grants):
        writing.set()
        await go_on.wait()
        await write(self, path, grants)

    monkeypatch.setattr(TokenKeeper, "_write_file", slow)
    async with trio.open_nursery() as both:
        both.start_soon(made.create, request("b"))
        await writing.wait()
        both.start_soon(made.revoke, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert made.find(secret.encode()) is None
        go_on.set()
    assert made.find(secret.encode()) is None
    assert [info.name for info in made.list()] == ["b"]
    assert await names(file) == ["b"]


async def test_a_name_is_given_once_and_the_number_is_bounded(file: Path, nursery):
    clock = SetClock()
    made = keeper(file, clock, max_tokens=2)
    await nursery.start(made.run)
    await made.create(request("a", expires_in=60))
    await made.create(request("b"))
    for name, kind in (("a", "token_already_exists"), ("c", "too_many_tokens")):
        with pytest.raises(Problem) as refused:
            await made.create(request(name))
        assert (refused.value.status, refused.value.kind) == (409, kind)
    clock.now += 60_000
    await made.create(request("c"))  # what has expired makes room
    assert [info.name for info in made.list()] == ["b", "c"]


async def test_a_token_expires_by_the_wall_clock(nursery):
    clock = SetClock()
    made = keeper(None, clock)
    await nursery.start(made.run)
    secret, info = await made.create(request(expires_in=60))
    assert info.expires_at == NOW + 60_000
    clock.now += 59_999
    assert made.find(secret.encode()) is not None
    clock.now += 1
    assert made.find(secret.encode()) is None
    assert [known.expired for known in made.list()] == [True]


async def test_the_last_use_is_shown_at_once_and_written_now_and_then(file: Path, autojump_clock, monkeypatch):
    clock, writes = SetClock(), []

    async def write(self, path, grants):  # without a thread, for which this clock does not wait
        writes.append(len(grants))

    monkeypatch.setattr(TokenKeeper, "_write_file", write)
    async with trio.open_nursery() as nursery:
        made = keeper(file, clock, token_use_interval=60)
        await nursery.start(made.run)
        secret, _ = await made.create(request())
        assert [info.last_used_at for info in made.list()] == [None]
        clock.now += 5000
        for _ in range(1000):
            made.find(secret.encode())
        assert [info.last_used_at for info in made.list()] == [NOW + 5000]
        assert len(writes) == 1
        await trio.sleep(61)
        assert len(writes) == 2
        await trio.sleep(600)
        assert len(writes) == 2, "who was not used is not written"
        nursery.cancel_scope.cancel()


async def test_the_tokens_of_a_deleted_session_go_with_it(file: Path, nursery):
    made = keeper(file)
    await nursery.start(made.run)
    gone, _ = await made.create(request("a", session_id="s"))
    stays, _ = await made.create(request("b", session_id="t"))
    await made.forget_session("s")
    assert made.find(gone.encode()) is None
    assert made.find(stays.encode()) is not None
    assert await names(file) == ["b"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version":1}', '{"version":1,"tokens":[{"name":"a"}]}', "\xff"])
async def test_a_file_that_is_not_ours_lets_nobody_in_is_set_aside_and_told(file: Path, nursery, content: str):
    file.write_text(content, "latin-1")
    made = keeper(file)
    await nursery.start(made.run)
    assert made.list() == ()
    (trouble,) = made.troubles
    (aside,) = [entry for entry in file.parent.iterdir() if "damaged" in entry.name]
    assert str(aside) in trouble
    assert aside.read_text("latin-1") == content
    await made.create(request())
    assert await names(file) == ["a"]


@pytest.mark.parametrize("how", ["writable", "link", "fifo", "directory"])
def test_a_file_that_others_can_put_there_is_none(file: Path, how: str):
    write_tokens(file, [])
    if how == "writable":
        file.chmod(0o666)
    else:
        file.rename(real := file.with_name("elsewhere"))
        if how == "link":
            file.symlink_to(real)
        elif how == "fifo":
            os.mkfifo(file)
        else:
            file.mkdir()
    with pytest.raises((Unsound, DataDirectoryRefused)):
        read_tokens(file)


def test_what_a_later_version_wrote_is_left_alone(file: Path):
    file.write_text(json.dumps({"version": 2, "tokens": "whatever"}))
    with pytest.raises(DataDirectoryRefused, match="version 2"):
        read_tokens(file)
    assert file.exists()


async def test_a_very_long_secret_is_not_even_hashed(monkeypatch):
    made = keeper(None)
    monkeypatch.setattr(token_keeper, "digest_of", None)
    assert made.find(b"x" * 60_000) is None
