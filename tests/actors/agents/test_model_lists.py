"""Lists of models: the vendor's when it can be had, ours when not, and no request without a credential."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from sandbox_agent.actors.agents.credentials import Credentials
from sandbox_agent.actors.agents.model_lists import ModelLists
from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.agents.claude.definition import DEFINITION
from sandbox_agent.schema.agents.claude.models import ask_models
from sandbox_agent.schema.agents.definition import AgentDefinition
from sandbox_agent.schema.settings import Settings

from ...models.http import Request, Response, serve_connection
from ...patience import PATIENCE

VENDORS = {
    "data": [
        {"id": "claude-b", "display_name": "B", "created_at": "2026-01-01T00:00:00Z"},
        {"id": "claude-a", "display_name": "A", "created_at": "2026-05-01T00:00:00Z"},
    ]
}
BY_HEART = ["default", "sonnet", "opus", "haiku"]


@asynccontextmanager
async def vendor(answer: Response) -> AsyncIterator[tuple[str, list[Request]]]:
    requests: list[Request] = []

    def handle(request: Request) -> Response:
        requests.append(request)
        return answer

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, lambda stream: serve_connection(stream, handle), [listener])
            yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}", requests
            nursery.cancel_scope.cancel()


def lists_for(environment: dict[str, str], settings: Settings) -> ModelLists:
    async def nowhere(definition: AgentDefinition) -> None:
        return None

    # A HOME of its own: credentials are looked for in files, too.
    private = {"HOME": "/nonexistent", **environment}
    return ModelLists(Credentials(private, settings, ForeignFiles(PATIENCE)), nowhere, ProcessTable(), settings)


async def listed(lists: ModelLists) -> list[str]:
    return [model.id for model in (await lists.of(DEFINITION)).models]


async def test_the_vendors_list_is_sorted_and_its_newest_is_the_default():
    async with vendor(Response.of_json(200, VENDORS)) as (url, requests):
        lists = lists_for({"ANTHROPIC_API_KEY": "sk-fake-key", "ANTHROPIC_BASE_URL": url}, Settings())
        models = await lists.of(DEFINITION)
        assert [(m.id, m.name) for m in models.models] == [("claude-a", "A"), ("claude-b", "B")]
        assert models.default_model == "claude-a"
        assert requests[0].headers["x-api-key"] == "sk-fake-key"
        assert requests[0].path.startswith("/v1/models?beta=true")


async def test_many_askers_make_one_request():
    async with vendor(Response.of_json(200, VENDORS)) as (url, requests):
        lists = lists_for({"CLAUDE_CODE_OAUTH_TOKEN": "fake-token", "ANTHROPIC_BASE_URL": url}, Settings())
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(listed, lists)
        assert len(requests) == 1
        assert requests[0].headers["authorization"] == "Bearer fake-token"


@pytest.mark.parametrize("environment", [{}, {"ANTHROPIC_API_KEY": ""}])
async def test_without_a_credential_nothing_is_asked(environment: dict[str, str]):
    assert ask_models(environment) is None
    assert await listed(lists_for(environment, Settings())) == BY_HEART


@pytest.mark.parametrize(
    "answer",
    [
        Response.of_json(401, {"type": "error"}),
        Response.of_json(200, {"data": []}),
        Response.of_json(200, {"data": [{"name": "no id"}]}),
        Response(200, {}, b"not json"),
        Response(200, {}, b"x" * (5 << 20)),
    ],
    ids=["refused", "empty", "other shape", "no json", "too large"],
)
async def test_an_answer_of_no_use_gives_the_list_known_by_heart_and_is_not_asked_for_again_at_once(answer: Any):
    async with vendor(answer) as (url, requests):
        lists = lists_for({"ANTHROPIC_API_KEY": "sk-fake-key", "ANTHROPIC_BASE_URL": url}, Settings())
        assert await listed(lists) == BY_HEART
        assert await listed(lists) == BY_HEART
        assert len(requests) == 1


async def test_a_vendor_that_does_not_answer_is_given_up():
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    lists = lists_for({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": url}, Settings(models_timeout=0.2))
    with trio.fail_after(PATIENCE):
        assert await listed(lists) == BY_HEART
    await listener.aclose()
