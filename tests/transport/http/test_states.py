"""What the stateful objects say of themselves is true."""

import trio
import trio.testing

from sandbox_agent.actors.commands import Commands
from sandbox_agent.schema.api.commands import InterruptCommand
from sandbox_agent.schema.cursor import Cursor
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.http.framing import FrameCache, SseFraming
from sandbox_agent.transport.subscriptions.readers import Readers
from sandbox_agent.transport.subscriptions.turn_stream import Turn

from ...patience import PATIENCE
from ..door import Door


async def test_memo():
    script = Door().session("s")
    script.delta(count=3)
    memo, framing = FrameCache(1 << 20), SseFraming(include_raw=False)
    assert repr(memo) == "<FrameCache 0 ranges, 0 of 1048576 bytes>"
    first = await memo.take(script.log, 0, 1 << 20, framing, 0)
    assert await memo.take(script.log, 0, 1 << 20, framing, 0) is first
    assert repr(memo) == f"<FrameCache 1 ranges, {len(first[0])} of 1048576 bytes>"


async def test_a_memo_keeps_its_limit_even_for_one_large_range():
    script = Door().session("s")
    script.delta("x" * 5000)
    memo = FrameCache(1000)
    chunk, after = await memo.take(script.log, 0, 1 << 20, SseFraming(include_raw=False), 0)
    assert (len(chunk) > 5000, after) == (True, 1)
    assert repr(memo) == "<FrameCache 0 ranges, 0 of 1000 bytes>"


async def test_turn():
    script = Door().session("s")
    turn = Turn("turn_1")
    assert repr(turn) == '<Turn waiting "turn_id":"turn_1">'
    script.turn_started("turn_1")
    turn.pick(await script.log.read(0, 1000))
    assert repr(turn) == '<Turn running "turn_id":"turn_1">'
    script.turn_ended("turn_1")
    turn.pick(await script.log.read(1, 1000))
    assert repr(turn) == '<Turn ended "turn_id":"turn_1">'


async def test_readers():
    door = Door()
    script = door.session("s")
    readers = Readers(Settings(), door.codec)
    idle = "0 waiting, <FrameCache 0 ranges, 0 of 2097152 bytes>>"
    assert repr(readers) == f"<Readers open, {idle}"

    async def read() -> None:
        async for _ in readers.follow(script.log, Cursor(0), readers.sse(False)):
            raise AssertionError("there is nothing to read")

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await trio.testing.wait_all_tasks_blocked()
            assert repr(readers).startswith("<Readers open, 1 waiting")
            readers.stop()
        assert repr(readers) == f"<Readers stopping, {idle}"


async def test_commands():
    door = Door()
    door.session("s")
    door.hold = trio.Event()
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            commands = Commands(door, nursery)
            assert repr(commands) == "<Commands 0 with a key under way>"
            nursery.start_soon(commands.execute, "s", InterruptCommand(), "1")
            await trio.testing.wait_all_tasks_blocked()
            assert repr(commands) == "<Commands 1 with a key under way>"
            door.hold.set()
        assert repr(commands) == "<Commands 0 with a key under way>"
