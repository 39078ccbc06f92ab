"""WebSocket frames that no library sends: each gets the close code that RFC 6455 has for it, and no traceback."""

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sandbox_agent.schema.settings import Settings

from ..door import Door
from ..raw import frame, raw_websocket
from ..serving import serving

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


BROKEN = {
    "bad UTF-8": (frame(TEXT, b'{"id":"\xff"}'), 1007),
    "bad UTF-8 in a continuation": (frame(TEXT, b"ok", fin=False) + frame(0, b"\xc3\x28"), 1007),
    "UTF-8 that ends in the middle": (frame(TEXT, b"\xe2\x82"), 1007),
    "a surrogate in UTF-8": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "bad UTF-8 in the reason of a close": (close(1000, b"\xff"), 1007),
    "an unmasked frame": (frame(TEXT, b"{}", masked=False), 1002),
    "an unmasked close": (frame(CLOSE, b"", masked=False), 1002),
    "the first reserved bit": (frame(TEXT, b"{}", reserved=4), 1002),
    "the second reserved bit": (frame(TEXT, b"{}", reserved=2), 1002),
    "the third reserved bit": (frame(PING, b"", reserved=1), 1002),
    "a reserved opcode": (frame(3, b"{}"), 1002),
    "a reserved control opcode": (frame(11, b""), 1002),
    "a fragmented ping": (frame(PING, b"", fin=False), 1002),
    "an oversized ping": (frame(PING, b"x" * 126), 1002),
    "an oversized close": (frame(CLOSE, b"\x03\xe8" + b"x" * 200), 1002),
    "a continuation of nothing": (frame(0, b"{}"), 1002),
    "a message inside of another": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    "a close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close code 999": (close(999), 1002),
    "close code 1004": (close(1004), 1002),
    "close code 1005": (close(1005), 1002),
    "close code 1006": (close(1006), 1002),
    "close code 1015": (close(1015), 1002),
    "close code 2000": (close(2000), 1002),
    "close code 5000": (close(5000), 1002),
    "a length that is longer than it need be": (b"\x81\xfe\x00\x02" + bytes(4) + b"{}", 1002),
    "a length with its highest bit set": (b"\x81\xff\xff" + bytes(7) + bytes(4), 1002),
    "a message that is too large": (frame(TEXT, b"x" * 2000), 1009),
    "fragments that are too large together": (frame(TEXT, b"x" * 900, fin=False) + frame(0, b"x" * 900), 1009),
    "a binary message that is too large": (frame(BINARY, b"x" * 2000), 1009),
    "a text that is too large in UTF-8": (frame(TEXT, "€".encode() * 400), 1009),
}


@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=list(BROKEN))
async def test_what_breaks_the_protocol_is_closed_with_its_code(capsys, sent, code):
    door = Door(Settings(max_body_bytes=1000))
    door.session("s")
    async with serving(door) as served, raw_websocket(served) as client:
        await client.send(sent)
        said = await client.frame()
        assert said[0] == CLOSE, said
        assert int.from_bytes(said[1][:2], "big") == code
        assert await client.all() == b""
    assert "Traceback" not in capsys.readouterr().out
    assert door.calls == []


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
async def test_a_good_close_is_answered_with_the_same(code):
    door = Door()
    door.session("s")
    async with serving(door) as served, raw_websocket(served) as client:
        await client.send(close(code, b"bye"))
        said = await client.frame()
        assert said[0] == CLOSE, said
        assert int.from_bytes(said[1][:2], "big") == code


def deep(count: int, inner: str = "1") -> str:
    return "[" * count + inner + "]" * count


WRONG = [
    "7",
    '"text"',
    "null",
    "true",
    "[]",
    '[{"id":"1","type":"interrupt"}]',
    '{"id":7,"type":"interrupt"}',
    '{"id":["a"],"type":"interrupt"}',
    '{"id":{},"type":"interrupt"}',
    '{"id":null,"type":"interrupt"}',
    '{"id":"1","type":7}',
    '{"id":"1","type":[]}',
    '{"id":"1","type":{}}',
    '{"id":"1","type":["interrupt"]}',
    '{"id":"1","type":null}',
    '{"id":"1","type":"message","message":7}',
    '{"id":"1","type":"message","message":["x"]}',
    '{"id":"1","type":"message","message":"x","attachments":7}',
    '{"id":"1","type":"message","message":"x","attachments":[7]}',
    '{"id":"1","type":"message","message":"x","attachments":[{"path":{}}]}',
    '{"id":"1","type":"permission.reply","permissionId":[],"reply":"once"}',
    '{"id":"1","type":"permission.reply","permissionId":"p","reply":{}}',
    '{"id":"1","type":"permission.reply","permissionId":"p","reply":[]}',
    '{"id":"1","type":"question.reply","questionId":"q","answers":"x"}',
    '{"id":"1","type":"question.reply","questionId":"q","answers":[[1]]}',
    '{"id":"1","type":"queue.cancel","turnId":7}',
    deep(100_000),
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"id":"1","type":' + deep(100_000) + "}",
    '{"id":"1","type":' + deep(900) + "}",
    '{"id":"1","type":"message","message":' + deep(900) + "}",
    '{"id":' + "9" * 5000 + "}",
    '{"id":1e999}',
    '{"id":"\\ud800"}',
]


@pytest.mark.parametrize("text", WRONG, ids=[text[:60] for text in WRONG])
async def test_a_command_of_a_wrong_shape_is_an_error_frame_and_the_socket_goes_on(capsys, text):
    door = Door()
    door.session("s")
    async with serving(door) as served, raw_websocket(served) as client:
        await client.send(frame(TEXT, text.encode()))
        opcode, payload = await client.frame()
        assert opcode == TEXT, payload
        answer = json.loads(payload)
        assert answer["type"] == "error"
        assert answer["problem"]["status"] in (400, 422)
        assert len(payload) < 2000
        await client.send(frame(TEXT, b'{"id":"good","type":"interrupt"}'))
        assert json.loads((await client.frame())[1])["type"] == "ack"
    assert "Traceback" not in capsys.readouterr().out


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ("id", "type", "message", "attachments", "permissionId", "reply", "questionId", "answers", "turnId")
TYPES = ("message", "permission.reply", "question.reply", "question.reject", "interrupt", "terminate", "queue.cancel")
COMMANDS = st.dictionaries(st.sampled_from(MEMBERS), JSON).flatmap(
    lambda command: st.just(command) | st.sampled_from(TYPES).map(lambda kind: {**command, "id": "x", "type": kind})
)


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(COMMANDS | JSON, min_size=1, max_size=20))
async def test_whatever_json_is_sent_every_frame_is_answered(values):
    door = Door()
    door.session("s")
    async with serving(door) as served, raw_websocket(served) as client:
        for number, value in enumerate(values):
            if isinstance(value, dict) and value.get("id") == "x":
                value["id"] = f"x{number}"
            await client.send(frame(TEXT, json.dumps(value).encode()))
            opcode, payload = await client.frame()
            assert opcode == TEXT, payload
            assert json.loads(payload)["type"] in ("ack", "error")
