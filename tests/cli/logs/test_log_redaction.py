"""A secret that gets into a line of the log, in a path or a traceback, is masked there."""

import logging

import pytest

from sandbox_agent.cli.logs.configure import LogHandler
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import certain

KEY = "q9X2vL7pT4mZ8rK1wB6n"
KNOWN = "sk-ant-api03-Zq9X2vL7pT4mZ8rK1wB6n"


class Kept:
    """In the writer's place."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def put(self, line: bytes) -> None:
        self.lines.append(line)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def handler(kept: Kept) -> LogHandler:
    handler = LogHandler(kept)  # type: ignore[arg-type]
    handler.redactor = Redactor(certain(KEY))
    return handler


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "x.py", 1, text, None, None)


def test_a_line_tells_no_secret_that_the_daemon_knows_and_none_that_looks_like_one(handler: LogHandler, kept: Kept):
    handler.emit(line(f"GET /v1/sessions/{KEY} and {KNOWN}"))
    assert kept.lines == [b"GET /v1/sessions/[redacted] and [redacted]\n"]


def test_a_line_without_one_is_as_it_was(handler: LogHandler, kept: Kept):
    handler.emit(line("GET /v1/sessions/sk-my-session \udcff"))
    assert kept.lines == [b"GET /v1/sessions/sk-my-session \\udcff\n"]
