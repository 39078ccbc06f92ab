"""Every `api` command against a real daemon and the mock agent."""

import json
from pathlib import Path

import pytest

from .runner import Api, following, types, until


def test_agents_are_listed_with_modes_and_models(api: Api) -> None:
    assert "mock" in [agent["id"] for agent in api.json("agents", "list")["agents"]]
    assert [mode["id"] for mode in api.json("agents", "modes", "mock")["modes"]] == ["build", "plan"]
    assert api.json("agents", "models", "mock")["defaultModel"] == "mock"


def test_create_passes_every_option_on(api: Api, tmp_path: Path) -> None:
    words = (
        "-a",
        "mock",
        "-g",
        "plan",
        "-p",
        "plan",
        "-m",
        "mock",
        "--directory",
        str(tmp_path),
        "--title",
        "Some Title",
        "--workspace-trust",
        "trusted",
    )
    assert api.json("sessions", "create", "with options", *words)["healthy"] is True
    info = api.json("sessions", "get", "with options")
    wanted = {"agentMode": "plan", "permissionMode": "plan", "model": "mock", "title": "Some Title"}
    wanted["workspaceTrust"] = "trusted"
    assert {name: info[name] for name in wanted} == wanted
    assert "with options" in [known["sessionId"] for known in api.json("sessions", "list")["sessions"]]


def test_a_word_that_is_no_trust_is_refused_with_those_that_are(api: Api) -> None:
    refused = api.run("sessions", "create", "wrong", "-a", "mock", "--workspace-trust", "trusting")
    assert refused.returncode == 2
    assert "'untrusted', 'trusted'" in refused.stderr


def test_a_session_gets_its_own_timeouts_and_a_wrong_one_is_refused_by_its_name(api: Api) -> None:
    words = ("-a", "mock", "--turn-timeout", "90.5", "--suspend-after", "0")
    api.json("sessions", "create", "timed", *words)
    timeouts = api.json("sessions", "get", "timed")["timeouts"]
    assert (timeouts["turnSeconds"], timeouts["suspendAfterSeconds"]) == (90.5, 0)
    assert timeouts["startSeconds"] == 60, "the daemon's setting"
    refused = api.run("sessions", "create", "wrong", "-a", "mock", "--idle-timeout", "-1")
    assert refused.returncode == 1
    assert "`timeouts.idleSeconds`: expected 0 (off) to" in json.loads(refused.stderr)["detail"]


def test_a_turn_is_streamed_and_can_be_read_again(api: Api, session: str) -> None:
    streamed = api.stream("sessions", "send-message-stream", session, "-m", "say hello there")
    assert types(streamed)[0] == "turn.started"
    assert types(streamed)[-1] == "turn.ended"
    after = str(streamed[0]["sequence"] - 1)
    read = api.json("sessions", "events", session, "-o", after)
    assert read == {"events": streamed, "hasMore": False}
    assert api.json("sessions", "get-messages", session, "-o", after, "-l", "2") == {
        "events": streamed[:2],
        "hasMore": True,
    }


def test_raw_is_there_when_it_is_asked_for(api: Api, session: str) -> None:
    api.stream("sessions", "send-message-stream", session, "-m", "say x")
    plain = api.json("sessions", "events", session)["events"]
    full = api.json("sessions", "events", session, "--include-raw")["events"]
    assert all(event["raw"] is None for event in plain)
    assert any(event["raw"] is not None for event in full)


def test_a_message_from_stdin_may_be_longer_than_an_argument(api: Api, session: str) -> None:
    text = "say " + "x" * 200_000
    api.silent("sessions", "send-message", session, "-m", "-", stdin=text)
    with following(api, session) as lines:
        assert any(text[4:] in line for line in until(lines, "turn.ended"))


def test_an_attachment_is_sent_with_its_full_path(api: Api, session: str, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("a note")
    events = api.stream("sessions", "send-message-stream", session, "-m", "say read it", "--attach", str(note))
    assert str(note) in json.dumps(events)


def test_a_permission_is_listed_and_decided(api: Api, session: str) -> None:
    api.silent("sessions", "send-message", session, "-m", "permission")
    with following(api, session) as lines:
        for line in lines:
            if '"permission.requested"' not in line:
                if '"turn.ended"' in line:
                    break
                continue
            ask = json.loads(line[5:])["data"]["permission_id"]
            pending = [entry["permission"]["permission_id"] for entry in api.json("permissions", "list")["permissions"]]
            assert ask in pending
            api.silent("sessions", "reply-permission", session, ask, "-r", "once")
    events = api.json("sessions", "events", session)["events"]
    assert "permission.resolved" in types(events)
    assert api.json("permissions", "list") == {"permissions": []}


def test_questions_are_answered_and_rejected(api: Api, session: str) -> None:
    api.silent("sessions", "send-message", session, "-m", "question")
    answered = 0
    with following(api, session) as lines:
        for line in lines:
            if '"turn.ended"' in line:
                break
            if '"question.requested"' in line:
                data = json.loads(line[5:])["data"]
                listed = api.json("questions", "list")["questions"]
                assert data["question_id"] in [entry["question"]["question_id"] for entry in listed]
                if answered:
                    api.silent("sessions", "reject-question", session, data["question_id"])
                else:
                    answers = json.dumps([[data["options"][0]]])
                    api.silent("sessions", "reply-question", session, data["question_id"], "-a", answers)
                answered += 1
    events = api.json("sessions", "events", session)["events"]
    statuses = [event["data"]["status"] for event in events if event["type"] == "question.resolved"]
    assert statuses == ["answered", "rejected"]


def test_an_interrupted_turn_ends_and_the_session_goes_on(api: Api, session: str) -> None:
    nothing = {"interrupted": False, "found": "idle", "turnId": None, "queued": 0}
    assert api.json("sessions", "interrupt", session) == nothing
    api.silent("sessions", "send-message", session, "-m", "hang")
    with following(api, session) as lines:
        until(lines, "turn.started")
        done = api.json("sessions", "interrupt", session)
        assert done == {"interrupted": True, "found": "running", "turnId": "turn_1", "queued": 0}
        until(lines, "turn.ended")
    assert types(api.stream("sessions", "send-message-stream", session, "-m", "say on"))[-1] == "turn.ended"


def test_a_prompt_that_waits_is_listed_and_cancelled(api: Api, session: str) -> None:
    api.silent("sessions", "send-message", session, "-m", "hang")
    for _ in range(2):
        api.silent("sessions", "send-message", session, "-m", "say never", "--key", "once")
    (waiting,) = api.json("sessions", "queue", session)["queued"]
    assert (waiting["turnId"], waiting["position"], waiting["message"]) == ("turn_2", 1, "say never")
    for _ in range(2):
        api.silent("sessions", "cancel", session, "turn_2", "--key", "and cancelled once")
    assert api.json("sessions", "queue", session) == {"queued": []}
    refused = api.run("sessions", "cancel", session, "turn_1")
    assert refused.returncode == 1
    assert "interrupt it" in json.loads(refused.stderr)["detail"]
    api.json("sessions", "interrupt", session)
    again = api.stream("sessions", "send-message-stream", session, "-m", "say never", "--key", "once")
    assert (types(again)[0], again[-1]["data"]["metadata"]["outcome"]) == ("turn.started", "interrupted")


def test_the_turn_of_a_prompt_is_printed_when_it_is_asked_for(api: Api, session: str) -> None:
    for _ in range(2):
        sent = api.run("sessions", "send-message", session, "-m", "hang", "--key", "first", "--print-turn")
        assert (sent.returncode, sent.stdout) == (0, "turn_1\n")
    sent = api.run("sessions", "send-message", session, "-m", "say never", "--print-turn")
    api.silent("sessions", "cancel", session, sent.stdout.strip())


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [("crash 7", "mock exited with exit code 7"), ("error", "This error was asked for."), ("burst", "did not say why")],
)
def test_a_turn_that_fails_is_a_failure_with_its_reason(api: Api, session: str, prompt: str, reason: str) -> None:
    sent = api.run("sessions", "send-message-stream", session, "-m", prompt)
    assert sent.returncode == 1
    assert '"turn.started"' in sent.stdout
    assert reason in sent.stderr
    fine = api.run("sessions", "send-message-stream", session, "-m", "say fine")
    assert (fine.returncode, fine.stderr) == (0, "")


def test_an_agent_that_cannot_start_is_a_failure_of_create_with_its_reason(api: Api) -> None:
    created = api.run("sessions", "create", "broken", "-a", "mock", "-v", "crash")
    assert (created.returncode, json.loads(created.stdout)["healthy"]) == (1, False)
    assert "mock exited with exit code 1" in created.stderr
    sent = api.run("sessions", "send-message-stream", "broken", "-m", "say never")
    assert (sent.returncode, "mock exited with exit code 1" in sent.stderr) == (1, True)


def test_a_terminated_session_stays_listed_and_a_deleted_one_does_not(api: Api, session: str) -> None:
    api.silent("sessions", "terminate", session)
    assert api.json("sessions", "get", session)["status"] == "ended"
    api.silent("sessions", "delete", session)
    gone = api.run("sessions", "get", session)
    assert gone.returncode == 1
    assert json.loads(gone.stderr)["type"] == "urn:sandbox-agent:error:session_not_found"


def test_a_wrong_token_is_a_problem(api: Api) -> None:
    done = api.run("sessions", "list", "--token", "wrong")
    assert done.returncode == 1
    assert json.loads(done.stderr)["status"] == 401
