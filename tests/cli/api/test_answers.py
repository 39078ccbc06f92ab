"""`api sessions reply-question`: where its answers come from, and that a secret one stays out of the command line."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.cli.api.bodies import MAX_ANSWERS

from ..commands import COMMAND, TIMEOUT
from .runner import Api, following, types, until

SECRET = "k3pt-to-itself"
FILLED_IN = [["Ada"], ["36"], ["red"], [SECRET]]
"""What `form` of mock asks; the last field is secret."""

OPTION = "--answers-file"


@pytest.fixture
def form(api: Api, session: str) -> list[str]:
    """The words of a command that answers a form."""
    return ["sessions", "reply-question", session, asked(api, session, "form")["question_id"]]


def asked(api: Api, session: str, prompt: str) -> dict[str, Any]:
    api.silent("sessions", "send-message", session, "-m", prompt)
    with following(api, session) as lines:
        return dict(json.loads(until(lines, "question.requested")[-1][5:])["data"])


def reached(api: Api, session: str) -> None:
    """The answers are with the agent, and the secret one is nowhere that we keep."""
    with following(api, session) as lines:
        until(lines, "turn.ended")
    events = api.json("sessions", "events", session, "--include-raw")["events"]
    assert r'"age": 36, "color": "red", "token": "received"' in json.dumps(events).replace("\\", "")
    (resolved,) = (event["data"] for event in events if event["type"] == "question.resolved")
    assert resolved["answers"] == [*FILLED_IN[:3], ["[redacted]"]]
    assert "permission.requested" not in types(events)
    kept = [path for path in api.home.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []


def test_answers_are_read_from_a_file(api: Api, session: str, form: list[str], tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(FILLED_IN))
    api.silent(*form, OPTION, str(file))
    reached(api, session)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_answers_are_read_from_a_pipe_at_stdin(api: Api, session: str, form: list[str], name: str) -> None:
    done = subprocess.run(
        [*COMMAND, "api", *form, OPTION, name],
        env=api.whole_environment,
        input=json.dumps(FILLED_IN),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    reached(api, session)


def test_a_secret_on_the_command_line_is_passed_on_with_a_word_of_warning(
    api: Api, session: str, form: list[str]
) -> None:
    """It has been seen by then: to refuse it would protect nothing."""
    done = api.run(*form, "-a", json.dumps(FILLED_IN))
    assert (done.returncode, done.stdout) == (0, "")
    assert (done.stderr.count("\n"), SECRET in done.stderr) == (1, False)
    assert "Warning: " in done.stderr
    assert OPTION in done.stderr
    reached(api, session)


def test_nobody_is_warned_of_an_answer_that_is_no_secret(api: Api, session: str) -> None:
    question = asked(api, session, "question")
    answers = json.dumps([[question["options"][0]]])
    api.silent("sessions", "reply-question", session, question["question_id"], "-a", answers)


def test_an_answer_reaches_the_agent_with_a_token_that_may_only_answer(api: Api, session: str, form: list[str]) -> None:
    """Such a token does not learn what is asked, so the answer is given without a word."""
    made = api.tokens("create", "answers-only", "-s", "approve")
    done = api.run(*form, "-a", json.dumps(FILLED_IN), "--token", made)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    reached(api, session)


@pytest.mark.parametrize("given", [(), ("-a", "[[]]", OPTION, "-")], ids=["neither", "both"])
def test_the_answers_are_given_once(api: Api, given: tuple[str, ...]) -> None:
    done = api.run("sessions", "reply-question", "s", "q", *given)
    assert done.returncode == 2
    assert f"Give the answers once: with --answers JSON, or with {OPTION} FILE" in done.stderr


def fifo(path: Path) -> None:
    os.mkfifo(path)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path, "No such file or directory"),
    "a pipe": (fifo, "is not a regular file"),
    "too long": (lambda path: (path.touch(), os.truncate(path, MAX_ANSWERS + 1)), f"at most {MAX_ANSWERS} are read"),
    "no JSON": (lambda path: path.write_text(SECRET), "not JSON: Expecting value"),
    "no list": (lambda path: path.write_text(json.dumps({"token": SECRET})), "must be a list with one list of labels"),
    "no labels": (lambda path: path.write_text(json.dumps([SECRET])), "must be a list with one list of labels"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_that_holds_no_answers_is_refused_without_a_word_of_it(api: Api, kind: str, tmp_path: Path) -> None:
    make, reason = WRONG[kind]
    file = tmp_path / "answers.json"
    make(file)
    done = api.run("sessions", "reply-question", "s", "q", OPTION, str(file))
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert OPTION in said
    assert reason in said
    assert SECRET not in said


def test_stdin_without_an_end_is_read_as_far_as_it_may_go(api: Api) -> None:
    with Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(
            [*COMMAND, "api", "sessions", "reply-question", "s", "q", OPTION, "-"],
            env=api.whole_environment,
            stdin=endless,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    assert done.returncode == 2
    assert f"has more than {MAX_ANSWERS} bytes" in done.stderr
