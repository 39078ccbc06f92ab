"""What a record keeps of an agent's words is bounded: they are written again with whatever changes in the row."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from attrs import evolve

from sandbox_agent.actors.sessions.registry import Find
from sandbox_agent.actors.sessions.state import SessionState
from sandbox_agent.schema.agents.effects import SessionEnded
from sandbox_agent.schema.api.sessions import CreateSessionRequest
from sandbox_agent.schema.events import SessionEndedData

from ..house import house
from ..journal.journal_life import life, row

LONG = "long " * 100_000


@asynccontextmanager
async def a_record() -> AsyncIterator[SessionState]:
    """Of a session of a daemon that ends as the record says."""
    async with house() as h:
        await h.create()
        found = await h.daemon._registry.ask(Find("s"))
        state = SessionState(h.daemon._context, found.snapshot.row, found.log)
        await state.restore()
        yield state


async def test_an_id_of_a_conversation_that_is_too_long_is_not_taken_and_told_as_unparsed():
    async with a_record() as state:
        before = state._kept.now
        state.named("n" * 1025, resumable=True)
        assert state._kept.now == before
        (event,) = (json.loads(event.plain) for event in state.recorder.take())
        assert (event["type"], event["native_session_id"]) == ("agent.unparsed", before.native_session_id)
        assert event["data"]["error"] == "the id of the conversation has 1025 characters; at most 512 are taken"
        state.named("n" * 512, resumable=True)
        assert state.resume == "n" * 512


async def test_why_a_session_ended_is_cut_in_what_is_kept_of_it_and_whole_in_its_event():
    for agent_ends_it in (True, False):
        async with a_record() as state:
            if agent_ends_it:
                state.ended_by_agent(SessionEnded("completed", LONG))
            else:
                state.end(SessionEndedData("error", "daemon", LONG), failed=True)
            assert len(state.update().end_message or "") <= 4096
            assert (state.update().end_message or "").endswith(" more characters]")
            event = json.loads(state.recorder.take()[-1].plain)
            assert (event["type"], event["data"]["message"]) == ("session.ended", LONG)


async def test_a_title_from_before_there_was_a_bound_is_no_damage(tmp_path: Path):
    request = CreateSessionRequest("mock", title=LONG)
    async with life(tmp_path) as journal:
        await journal.create(evolve(row(), request=request))
    async with life(tmp_path) as journal:
        ((kept, _),) = await journal.rows()
        assert kept.request == request
