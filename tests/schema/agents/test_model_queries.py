"""Talks about models, as transcripts: what the program says, what it is told, what is known in the end."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.agents.codex.models import MAX_PAGES, CodexModelTalk
from sandbox_agent.schema.agents.opencode.models import OpenCodeModelTalk, read_models


def page(*models: dict[str, object], cursor: str | None = None) -> bytes:
    return json.dumps({"id": "model_list", "result": {"data": models, "nextCursor": cursor}}).encode()


def sol(name: str) -> dict[str, object]:
    efforts = [{"reasoningEffort": "low"}, {"reasoningEffort": "high"}]
    return {"id": name, "displayName": name.upper(), "supportedReasoningEfforts": efforts, "hidden": False}


def test_codex_is_asked_page_after_page():
    talk = CodexModelTalk()
    initialize, first = (json.loads(line) for line in talk.begin().splitlines())
    assert (initialize["method"], first["method"]) == ("initialize", "model/list")
    assert talk.receive(b'{"id":"initialize","result":{}}') == b""
    assert talk.receive(b'{"method":"configWarning","params":{}}') == b""
    second = json.loads(talk.receive(page(sol("a"), cursor="next")))
    assert second["params"]["cursor"] == "next"
    assert talk.known(ended=False) is None
    assert talk.receive(page(sol("b"))) == b""
    known = talk.known(ended=False)
    assert known is not None
    assert [(m.id, m.name, m.variants) for m in known.models[1:]] == [
        ("a", "A", ("low", "high")),
        ("b", "B", ("low", "high")),
    ]
    assert known.default_model == known.models[0].id == "default"


def test_codex_that_refuses_is_not_waited_for_to_say_more():
    talk = CodexModelTalk()
    talk.begin()
    assert talk.receive(b'{"id":"model_list","error":{"code":-32600,"message":"no"}}') == b""
    assert talk.known(ended=True) is None
    assert repr(talk) == "<CodexModelTalk refused pages=0 models=0>"


def test_a_codex_that_always_names_another_page_is_left():
    talk = CodexModelTalk()
    told = 0
    while talk.receive(page(sol(f"m{told}"), cursor="again")):
        told += 1
    assert told == MAX_PAGES - 1
    assert talk.known(ended=False) is not None


def test_opencode_tells_names_with_facts_below_them():
    talk = OpenCodeModelTalk()
    facts = json.dumps(
        {"id": "one", "name": "Mock One", "variants": {"low": {}, "high": {}}, "url": "http://x/y"}, indent=2
    )
    for line in ["INFO starting", "mock/one", *facts.splitlines(), "mock/two/with/slashes", "{not json", "mock/three"]:
        assert talk.receive(line.encode()) == b""
    assert talk.known(ended=False) is None
    known = talk.known(ended=True)
    assert known is not None
    assert [(m.id, m.name, m.variants) for m in known.models[1:]] == [
        ("mock/one", "Mock One", ("low", "high")),
        ("mock/two/with/slashes", None, None),
        ("mock/three", None, None),
    ]


def test_opencode_without_models_is_not_known():
    assert OpenCodeModelTalk().known(ended=True) is None


@given(st.lists(st.binary(max_size=40)), st.text(max_size=200))
def test_whatever_the_program_says_nothing_is_raised(lines: list[bytes], text: str):
    for talk in (CodexModelTalk(), OpenCodeModelTalk()):
        talk.begin()
        for line in lines:
            talk.receive(line)
        talk.known(ended=True)
    read_models(text)
