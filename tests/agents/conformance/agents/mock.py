"""The mock agent: no model, it does what the prompt says."""

from .agent import Agent

MOCK = Agent(
    "mock",
    heard=None,
    hello="markdown",
    answer="# A heading",
    tool=lambda command: f"run {command}",
    edit="edit",
    think="Answer briefly and include your reasoning.",
    thought="The question is short, so is the answer.",
    ask="question",
    questions=(("Choose a color", False), ("Allow mock experiment?", False)),
    form="form",
    elicitor="mock",
    leave=lambda _: "background 3",
    background="sleep",
    fail="fail the mock refuses",
    error="the mock refuses",
    hang="hang",
    long="look:",
    told=lambda prompt: prompt,
    usage=None,
    image="look:",
    seen=lambda path: path,
    cannot=frozenset({"sharedProcess"}),
)
