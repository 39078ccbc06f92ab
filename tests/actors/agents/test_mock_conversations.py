"""What the mock agent remembers goes with its session: files of sessions that are gone must not gather."""

from pathlib import Path

import pytest
import trio

from ..house import house


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_a_deleted_session_leaves_no_file_and_the_others_keep_theirs(tmp_path: Path) -> None:
    state, data = tmp_path / "state", tmp_path / "data"
    state.mkdir()
    async with house({"XDG_STATE_HOME": str(state)}, data_dir=str(data)) as h:
        logs = {name: await h.create(name) for name in ("a", "b")}
        for name, log in logs.items():
            await h.turn(log, "echo 1", name)
        assert files(data / "mock") == {log.log_id for log in logs.values()}
        await h.daemon.delete_session("a")
        assert files(data / "mock") == {logs["b"].log_id}
    assert files(state) == set()
    async with house({"XDG_STATE_HOME": str(state)}, data_dir=str(data)) as h:
        await h.send("recall", "b")
        await h.until_status("idle", "b")
        events = (await (await h.daemon.log("b")).read(0, 1 << 30)).events
        assert any(b"prompts in this conversation: 2" in event.plain for event in events)


async def test_what_retention_takes_leaves_no_file(tmp_path: Path) -> None:
    async with house(data_dir=str(tmp_path), ended_sessions_kept=1) as h:
        for name in ("a", "b", "c"):
            await h.turn(await h.create(name), "echo 1", name)
            await h.daemon.terminate(name)
        kept = (await h.daemon.list_sessions()).sessions
        while len(kept) == 3 or files(tmp_path / "mock") != {info.log_id for info in kept}:
            await trio.sleep(0.01)
            kept = (await h.daemon.list_sessions()).sessions
        assert "a" not in [info.session_id for info in kept]


async def test_the_next_start_removes_files_of_sessions_that_are_no_longer_there(tmp_path: Path) -> None:
    async with house(data_dir=str(tmp_path)) as h:
        await h.turn(await h.create("a"), "echo 1", "a")
    (tmp_path / "mock" / "0123456789ab").write_text("1")
    async with house(data_dir=str(tmp_path)) as h:
        assert files(tmp_path / "mock") == {(await h.daemon.log("a")).log_id}


@pytest.mark.parametrize("forgotten", [True, False])
async def test_an_ephemeral_daemon_leaves_nothing(tmp_path: Path, forgotten: bool) -> None:
    async with house({"XDG_STATE_HOME": str(tmp_path)}) as h:
        await h.turn(await h.create("a"), "echo 1", "a")
        assert len(files(tmp_path)) == 1
        if forgotten:
            await h.daemon.delete_session("a")
            assert files(tmp_path) == set()
    assert list((tmp_path / "sandbox-agent" / "mock").iterdir()) == []


async def test_what_a_dead_ephemeral_daemon_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    """A kill leaves the directory, and nobody has locked it any more."""
    variables = {"XDG_STATE_HOME": str(tmp_path)}
    async with house(variables) as living:
        log = await living.create("a")
        await living.turn(log, "echo 1", "a")
        (mine,) = (tmp_path / "sandbox-agent" / "mock").iterdir()
        left = mine.with_name(mine.name[:-8] + "deadbeef")
        left.mkdir(mode=0o700)
        (left / "file").write_text("1")
        async with house(variables):
            assert list(mine.parent.iterdir()) == [mine]
        events = await living.turn(log, "recall", "a")
        assert "prompts in this conversation: 2" in [event["data"].get("delta") for event in events]
