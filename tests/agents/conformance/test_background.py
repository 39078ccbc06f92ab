"""Work that an agent leaves running when its turn ends. Each test is played by every agent."""

from typing import Any

import pytest
import trio

from ..daemon import Event, Session, of_type, outcome, parts
from .shape import shape
from .world import World

pytestmark = pytest.mark.agents

SUSPEND_AFTER = 0.5  # seconds; the work takes longer

SLEEP = ("sleep", "4711")


def labels(events: list[Event]) -> list[str]:
    return [part["label"] for part in parts(events, "status")]


async def told(session: Session, label: str) -> None:
    await session.until(lambda: label in labels(session.events))


async def leave(world: World, work: str, **body: Any) -> Session:
    session = await world.session(**body)
    assert outcome(await session.turn(world.agent.leave(work))) == "completed"
    return session


async def test_a_session_whose_work_goes_on_is_running_until_its_end_is_told(world: World):
    work = "touch made; until [ -e go ]; do sleep 0.05; done"
    session = await leave(world, work, timeouts={"suspendAfterSeconds": SUSPEND_AFTER})
    if world.agent.background is None:
        assert world.heard(world.agent.left), "the model knows"
        await told(session, "agent.suspended")
        assert not {"background.started", "background.ended"} & {*labels(session.events)}
        world.check()
        return
    info = await session.info()
    assert info["status"] == "running"
    (task,) = info["background"]
    assert (task["kind"], sorted(task)) == (world.agent.background, ["description", "kind", "taskId"])
    await trio.sleep(2 * SUSPEND_AFTER)  # that nothing happens meanwhile is told by no event
    assert (await session.info())["status"] == "running"
    (world.sandbox.work / "go").touch()

    await told(session, "agent.suspended")
    known = [label for label in labels(session.events) if label.startswith(("background.", "agent."))]
    assert known == ["background.started", "background.ended", "agent.suspended"]
    assert "background" not in await session.info()
    *_, own = of_type(session.events, "turn.started")
    assert own["data"]["metadata"] == {"origin": "agent"}
    first, *report, last = shape(session.events[session.events.index(own) :])
    assert (first, last) == ("turn.started", "turn.ended completed")
    assert set(report) <= {"message assistant completed", "tool_result tool completed"}
    assert report, "it is told how it ended"
    world.check()


async def test_an_interrupt_between_turns_ends_what_goes_on(world: World):
    session = await leave(world, "touch made; exec sleep 4711")
    found = (await session.post("/interrupt")).json()
    assert found["interrupted"] == (world.agent.background is not None)
    if world.agent.background is None:
        assert world.heard(world.agent.left), "the model knows"
        assert (found["found"], (await session.info())["status"]) == ("idle", "idle")
        assert bool(world.running(*SLEEP)) == world.agent.leaves_unseen
        world.check()
        return
    assert found["found"] in ("background", "running"), "what it says of it has a turn"
    await told(session, "background.ended")
    await world.gone(*SLEEP)
    while (await session.info())["status"] != "idle":  # it may report in a turn of its own
        await trio.sleep(0.05)
    world.check()
