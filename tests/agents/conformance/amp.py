"""Amp, with a fake of its server: it keeps the threads, and asks the model."""

from collections.abc import Mapping

from ..sandbox import Sandbox
from .agent import Agent, Models


def _home(_: Sandbox, models: Models) -> Mapping[str, str]:
    return {"AMP_URL": models.amp.url, "AMP_API_KEY": "sgamp_fake-key-for-tests"}


def _heard(models: Models) -> str:
    """The only thread that there is: one that was not resumed would be a second."""
    return str(models.amp.thread.messages)


AMP = Agent(
    "amp",
    heard=_heard,
    todo=None,
    ask=None,
    questions=(),
    fail="SCN_FAIL",
    prepare=_home,
    cannot=frozenset({"planMode", "questions", "status", "streamingDeltas", "itemStarted", "sharedProcess"}),
)
