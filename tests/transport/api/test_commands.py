"""Keys: a command is done once, and its first answer is everybody's, over HTTP and WebSocket alike."""

import pytest
import trio

from sandbox_agent.actors.journal.interface import CommandKey
from sandbox_agent.actors.journal.kept_answers import keep_result
from sandbox_agent.schema.api.commands import InterruptCommand, fingerprint
from sandbox_agent.schema.problems import internal_error, invalid_request, journal_unavailable, shutting_down
from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.guard.cors import Cors

from ..door import FULL, INTERRUPTED, Door
from ..reading import sse
from ..serving import serving
from ..subscriptions.test_turn_stream import kinds
from .test_problems import problem
from .test_websocket import peer

KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
TURN = "Sandbox-Agent-Turn"
S = "/v1/sessions/s"

COMMANDS = [
    ("POST", f"{S}/messages", {"message": "hi"}, {"type": "message", "message": "hi"}),
    (
        "POST",
        f"{S}/permissions/p/reply",
        {"reply": "once"},
        {"type": "permission.reply", "permissionId": "p", "reply": "once"},
    ),
    (
        "POST",
        f"{S}/questions/q/reply",
        {"answers": [["a"]]},
        {"type": "question.reply", "questionId": "q", "answers": [["a"]]},
    ),
    ("POST", f"{S}/questions/q/reject", None, {"type": "question.reject", "questionId": "q"}),
    ("DELETE", f"{S}/queue/turn_1", None, {"type": "queue.cancel", "turnId": "turn_1"}),
    ("POST", f"{S}/interrupt", None, {"type": "interrupt"}),
    ("POST", f"{S}/terminate", None, {"type": "terminate"}),
]


@pytest.fixture
def door() -> Door:
    door = Door()
    door.session("s")
    return door


async def until_called(door: Door, count: int = 1) -> None:
    while len(door.calls) < count:
        await trio.sleep(0.001)


@pytest.mark.parametrize(("method", "path", "body", "frame"), COMMANDS, ids=[c[3]["type"] for c in COMMANDS])
async def test_a_repeat_gets_the_first_answer_also_over_the_other_transport(door, method, path, body, frame):
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        first = await client.request(method, path, json=body, headers={KEY: "1"})
        again = await client.request(method, path, json=body, headers={KEY: "1"})
        assert first.is_success
        assert REPLAYED not in first.headers
        assert again.headers[REPLAYED] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
        ack = await socket.ask(id="1", **frame)
        assert (ack["type"], ack["id"]) == ("ack", "1")
        if first.content:
            assert ack["result"] == first.json()
        assert len(door.calls) == 1
        assert await socket.ask(id="2", **frame) == await socket.ask(id="2", **frame)
        assert (await client.request(method, path, json=body, headers={KEY: "2"})).headers[REPLAYED] == "true"
        assert len(door.calls) == 2


async def test_without_a_key_every_command_is_its_own(door):
    async with serving(door) as served, served.client() as client:
        for _ in range(2):
            assert (await client.post(f"{S}/interrupt")).status_code == 200
    assert len(door.calls) == 2


async def test_a_message_is_one_command_whether_it_is_streamed_or_not(door):
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        path, body = f"{S}/messages/stream", {"message": "hi"}
        door.sessions["s"].delta("before it")
        async with sse(served, path, method="POST", headers={KEY: "1"}, body=body) as source:
            assert "idempotency-replayed" not in source.headers
            door.sessions["s"].turn_started("turn_1")
            door.sessions["s"].turn_ended("turn_1")
            first = [frame.data for frame in await source.rest()]
        async with sse(served, path, method="POST", headers={KEY: "1"}, body=body) as source:
            assert source.headers["idempotency-replayed"] == "true"
            frames = await source.rest()
            assert kinds(frames) == ["turn.started", "turn.ended"]
            assert [frame.data for frame in frames] == first
        while (frame := await socket.read())["type"] != "turn.ended":
            pass
        ack = await socket.ask(id="1", type="message", message="hi")
        assert ack["result"] == {"turnId": frame["data"]["turn_id"]}
        plain = await client.post(f"{S}/messages", json=body, headers={KEY: "1"})
        assert (plain.status_code, plain.content, plain.headers[REPLAYED]) == (204, b"", "true")
    assert len(door.calls) == 1


async def test_the_answer_to_a_prompt_names_its_turn_on_every_transport_and_in_every_repeat(door):
    """Before its events, and although on wire 0.1 it has no body."""
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        for key, turn in (("1", "turn_1"), ("2", "turn_2")):
            for _ in range(2):
                sent = await client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: key})
                assert (sent.status_code, sent.content, sent.headers[TURN]) == (204, b"", turn)
        unnamed = await client.post(f"{S}/messages", json={"message": "hi"})
        assert (unnamed.status_code, unnamed.headers[TURN]) == (204, "turn_3")
        for key, turn in (("2", "turn_2"), ("4", "turn_4")):
            path, body = f"{S}/messages/stream", {"message": "hi"}
            async with sse(served, path, method="POST", headers={KEY: key}, body=body) as source:
                assert source.headers[TURN.lower()] == turn
        assert (await socket.ask(id="4", type="message", message="hi"))["result"] == {"turnId": "turn_4"}
        refused = await client.post(f"{S}/messages", json={"message": "ho"}, headers={KEY: "1"})
        assert (refused.status_code, TURN in refused.headers) == (422, False)
        assert TURN not in (await client.post(f"{S}/interrupt")).headers


async def test_a_key_that_named_another_command_is_refused_and_nothing_is_done(door):
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        await client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: "1"})
        for method, path, body in (
            ("POST", f"{S}/messages", {"message": "ho"}),
            ("POST", f"{S}/interrupt", None),
        ):
            refused = await client.request(method, path, json=body, headers={KEY: "1"})
            said = problem(refused, 422, "key_reused")
            assert "of type message" in said["detail"]
            assert said["key"] == "1"
            assert REPLAYED not in refused.headers
        error = await socket.ask(id="1", type="terminate")
        assert (error["type"], error["problem"]["status"]) == ("error", 422)
        again = await client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: "1"})
        assert (again.status_code, again.headers[REPLAYED]) == (204, "true")
    assert len(door.calls) == 1


async def test_a_repeat_waits_for_the_first_while_that_is_running(door):
    door.hold = trio.Event()
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        got = {}

        async def post(name: str, message: str = "hi") -> None:
            got[name] = await client.post(f"{S}/messages", json={"message": message}, headers={KEY: "1"})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(post, "first")
            await until_called(door)
            nursery.start_soon(post, "second")
            await post("other", "ho")
            problem(got["other"], 422, "key_reused")
            await socket.send(id="1", type="message", message="hi")
            door.hold.set()
            assert (await socket.read())["result"] == {"turnId": "turn_1"}
        assert (got["first"].status_code, got["second"].status_code) == (204, 204)
        assert (REPLAYED in got["first"].headers, REPLAYED in got["second"].headers) == (False, True)
    assert len(door.calls) == 1


@pytest.mark.parametrize("over", ["http", "websocket"])
async def test_a_command_whose_client_left_is_done_once_and_its_repeat_is_answered(door, over):
    door.hold = trio.Event()
    async with serving(door) as served, served.client() as client:
        if over == "http":
            with trio.CancelScope() as leaving:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(lambda: client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: "1"}))
                    await until_called(door)
                    leaving.cancel()
        else:
            async with peer(served) as socket:
                await socket.send(id="1", type="message", message="hi")
                await until_called(door)
        async with peer(served) as socket:
            await socket.send(id="1", type="message", message="hi")
            door.hold.set()
            assert (await socket.read())["result"] == {"turnId": "turn_1"}
    assert len(door.calls) == 1


async def test_a_refusal_is_a_first_answer_too(door):
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        door.refusal = invalid_request("unknown permission id: p", given="p")
        path, body = f"{S}/permissions/p/reply", {"reply": "once"}
        first = await client.post(path, json=body, headers={KEY: "1"})
        again = await client.post(path, json=body, headers={KEY: "1"})
        assert problem(again, 400, "invalid_request") == first.json()
        assert (REPLAYED in first.headers, REPLAYED in again.headers) == (False, True)
        error = await socket.ask(id="1", type="permission.reply", permissionId="p", reply="once")
        assert error["problem"] == first.json()
    assert len(door.calls) == 1


@pytest.mark.parametrize("refusal", [FULL, shutting_down(), internal_error("x"), RuntimeError("hunter2")], ids=repr)
async def test_a_bad_moment_and_a_failure_of_ours_are_not_kept(door, refusal):
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        door.refusal = refusal
        refused = await client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: "1"})
        assert refused.status_code in (429, 500, 503)
        assert "hunter2" not in refused.text
        if refused.status_code != 500:
            assert refused.headers["Retry-After"] == str(refused.json()["retryAfter"])
        door.refusal = refusal
        assert (await socket.ask(id="1", type="message", message="hi"))["problem"] == refused.json()
        accepted = await client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: "1"})
        assert (accepted.status_code, REPLAYED in accepted.headers) == (204, False)
    assert len(door.calls) == 3


class Crashing(Door):
    """Its session crashes when the prompt and the answer are kept, and before the answer is given."""

    async def send(self, session_id, request, key=None):
        await super().send(session_id, request, key)
        raise internal_error("session crashed")


async def test_a_command_that_took_effect_before_its_session_crashed_is_answered_so():
    door = Crashing()
    door.session("s")
    async with serving(door) as served, served.client() as client:
        for replayed in (False, True):
            sent = await client.post(f"{S}/messages", json={"message": "hi"}, headers={KEY: "1"})
            assert (sent.status_code, REPLAYED in sent.headers) == (204, replayed)
    assert len(door.calls) == 1


class Full(Door):
    def check_writable(self) -> None:
        raise journal_unavailable()


async def test_while_nothing_can_be_kept_only_terminate_is_obeyed_and_known_answers_are_repeated():
    door = Full()
    door.session("s")
    async with serving(door) as served, served.client() as client:
        for headers in ({}, {KEY: "1"}):
            refused = await client.post(f"{S}/messages", json={"message": "hi"}, headers=headers)
            problem(refused, 503, "journal_unavailable")
            assert refused.headers["Retry-After"] == "5"
        assert (await client.post(f"{S}/terminate")).status_code == 204
        kept = CommandKey("2", fingerprint(door.codec.plain(InterruptCommand())))
        door.answers["log1", "2"] = keep_result(door.codec, kept, INTERRUPTED)
        assert (await client.post(f"{S}/interrupt", headers={KEY: "2"})).status_code == 200
    assert door.calls == [("terminate", "s")]


@pytest.mark.parametrize("key", ["", "x" * 257, "a\tb"])
async def test_a_key_that_is_none_is_told(door, key):
    async with serving(door) as served, served.client() as client:
        refused = await client.post(f"{S}/interrupt", headers={KEY: key})
        assert KEY in problem(refused, 400, "invalid_request")["detail"]
    assert door.calls == []


async def test_a_key_is_the_same_text_in_a_header_and_in_a_frame(door):
    async with serving(door) as served, served.client() as client, peer(served) as socket:
        await client.post(f"{S}/interrupt", headers={KEY: "clé 7".encode()})
        assert (await socket.ask(id="clé 7", type="interrupt"))["type"] == "ack"
        bad = await client.post(f"{S}/interrupt", headers={KEY: b"\xff"})
        problem(bad, 400, "invalid_request")
    assert len(door.calls) == 1


async def test_what_is_not_a_command_uses_up_no_key(door):
    async with serving(door) as served, served.client() as client:
        wrong = await client.post(f"{S}/messages", json={"message": 1}, headers={KEY: "1"})
        problem(wrong, 422, "invalid_request")
        nowhere = await client.post("/v1/sessions/no/interrupt", headers={KEY: "1"})
        problem(nowhere, 404, "session_not_found")
        right = await client.post(f"{S}/messages", json={"message": "1"}, headers={KEY: "1"})
        assert (right.status_code, REPLAYED in right.headers) == (204, False)


async def test_another_session_and_another_life_of_it_have_their_own_keys(door):
    door.session("other")
    async with serving(door) as served, served.client() as client:
        for path in (S, "/v1/sessions/other"):
            assert REPLAYED not in (await client.post(f"{path}/interrupt", headers={KEY: "1"})).headers
        await door.delete_session("s")
        door.session("s")
        assert REPLAYED not in (await client.post(f"{S}/interrupt", headers={KEY: "1"})).headers
    assert len(door.calls) == 3


async def test_commands_under_way_are_bounded():
    door = Door(Settings(max_commands=1))
    door.session("s")
    door.hold = trio.Event()
    async with serving(door) as served, served.client() as client, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: client.post(f"{S}/interrupt", headers={KEY: "1"}))
        await until_called(door)
        refused = await client.post(f"{S}/interrupt", headers={KEY: "2"})
        problem(refused, 429, "too_many_commands")
        assert refused.headers["Retry-After"] == "1"
        door.hold.set()


async def test_a_page_of_an_allowed_origin_may_send_a_key_and_read_the_answer(door):
    page = "https://app.example"
    asked = {"Origin": page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": KEY}
    for cors, granted in ((Cors(origins=("*",)), "*"), (Cors(origins=(page,), credentials=True), KEY)):
        async with serving(door, token="t", cors=cors) as served, served.client("t") as client:
            preflight = await client.options(f"{S}/interrupt", headers=asked)
            assert granted in preflight.headers["access-control-allow-headers"]
            answer = await client.post(f"{S}/interrupt", headers={"Origin": page, KEY: "1"})
            assert REPLAYED in answer.headers["access-control-expose-headers"]
            assert "Retry-After" in answer.headers["access-control-expose-headers"]
            assert TURN in answer.headers["access-control-expose-headers"]
