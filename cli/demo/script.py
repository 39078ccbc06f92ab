"""What the demo asks of an agent, step by step."""

from collections.abc import Sequence

from attrs import frozen


@frozen
class Step:
    """``interrupt_after`` is the number of text deltas after which the turn is interrupted; 0 lets it run."""

    title: str
    prompt: str
    interrupt_after: int = 0


MOCK: Sequence[Step] = (
    Step("Tool calls and file changes", "tool"),
    Step("Streamed text", "markdown"),
    Step("A permission", "permission"),
    Step("A question", "question"),
    Step("A turn that is interrupted", "markdown", interrupt_after=4),
    Step("The session goes on", "say Still here after the interrupt."),
)

REAL: Sequence[Step] = (
    Step(
        "Tools, an edit and a permission",
        "Create hello.txt with the line 'hello', then change that line to 'hello, world', then show it with cat.",
    ),
    Step("A question", "Ask me with your question tool which of red and blue I like better, then name my answer."),
    Step("A turn that is interrupted", "Write the numbers from 1 to 300 in words, one per line.", interrupt_after=10),
    Step("The session goes on", "Say in one short sentence what you did in this session."),
)


def steps(agent: str, prompts: Sequence[str] = ()) -> Sequence[Step]:
    """``prompts`` are the user's own, which replace ours."""
    if prompts:
        return [Step(f"Prompt {number}", prompt) for number, prompt in enumerate(prompts, 1)]
    return MOCK if agent == "mock" else REAL
