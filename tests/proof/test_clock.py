"""The wall clock is set forward and back: no number, timeout or retention depends on it."""

import json
from pathlib import Path

from sandbox_agent.actors.kernel.clock import Clock

from ..actors.house import House, house, said

YEAR = 365 * 24 * 3600
NS = 1_000_000_000


class Jumping(Clock):
    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0

    def now_ns(self) -> int:
        return super().now_ns() + self._ahead

    def jump(self, seconds: float) -> None:
        self._ahead += int(seconds * NS)


async def work(h: House, text: str, session: str = "s") -> str:
    """A turn that completes; when it says that it ended."""
    log = await h.daemon.log(session)
    after = log.last
    await h.send(text, session)
    while True:
        await log.wait_beyond(after)
        batch = await log.read(after, 1 << 20)
        after = batch.last
        for event in (json.loads(event.plain) for event in batch.events):
            if event["type"] == "turn.ended":
                assert said(event) == "turn.ended completed"
                return event["time"]


async def test_a_jump_forward_ends_nothing_that_still_has_its_time():
    clock = Jumping()
    limits = {"idle_timeout": 60.0, "turn_timeout": 60.0, "ask_timeout": 60.0, "suspend_after": 60.0}
    async with house(clock=clock, **limits) as h:
        log, silent = await h.create(), await h.create("silent")
        await h.create("other")
        await h.send("permission")
        await h.send("hang", "silent")
        await h.until_type(log, "permission.requested", 2)
        await h.until_type(silent, "turn.started")
        before = await work(h, "say before", "other")
        clock.jump(YEAR)
        after = await work(h, "say after", "other")
        assert after > before
        assert [(await h.daemon.session_info(s)).status for s in ("s", "silent")] == ["waiting", "running"]
        for ask in ("mock_1_permission", "mock_1_permission_denied"):
            await h.daemon.reply_permission("s", ask, "once")
        assert said(await h.until_type(log, "turn.ended")) == "turn.ended completed"


async def test_a_jump_back_delays_no_timeout():
    clock = Jumping()
    async with house(clock=clock, ask_timeout=0.3, idle_timeout=0.3) as h:
        log, silent = await h.create(), await h.create("silent")
        await h.send("permission")
        await h.send("hang", "silent")
        clock.jump(-YEAR)
        resolved = await h.until_type(log, "permission.resolved")
        assert resolved["data"]["status"] == "reject"
        assert said(await h.until_type(silent, "turn.ended")) == "turn.ended failed"


async def test_logs_go_on_through_jumps_and_lives(tmp_path: Path):
    """Sessions and events keep their order, whatever their times are; nothing is deleted as too old."""
    times: list[str] = []
    for number, jump in enumerate([0, -YEAR, 3 * YEAR, -2 * YEAR]):
        clock = Jumping()
        clock.jump(jump)
        async with house(clock=clock, data_dir=str(tmp_path)) as h:
            await h.create(f"s{number}")
            for session in range(number + 1):
                times.append(await work(h, f"say {number}", f"s{session}"))
                clock.jump(-100)
            listed = [info.session_id for info in (await h.daemon.list_sessions()).sessions]
            assert listed == [f"s{session}" for session in reversed(range(number + 1))]
            first = await h.daemon.log("s0")
            batch = await first.read(0, 1 << 20)
            assert [json.loads(event.plain)["sequence"] for event in batch.events] == list(range(1, first.last + 1))
    assert times != sorted(times)
