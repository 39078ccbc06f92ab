"""Record what the real Codex says, as the transcripts of its unit tests: `python -m tests.agents.codex.record`.

As `record.py`: run it when the pinned version changes; the difference is what to review.
"""

import json
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import frozen

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.dialect import AgentSpec, Effects, Prompt
from sandbox_agent.schema.api.sessions import PermissionReply

from ...models.server import model_server
from ...schema.agents.codex.spec import SPEC
from ...schema.agents.transcript import played
from ..driver import Answer, Driver, allow, driving, items, leave_open
from ..sandbox import PNG, Sandbox
from .home import CODE_MODEL, SPAWNING_MODEL, with_mcp_server

TRANSCRIPTS = Path(__file__).parents[2] / "schema" / "agents" / "codex" / "playbooks"

LEFT_OUT = frozenset({
    "appContext", "completedAtMs", "emittedAtMs", "environments", "instructionSources", "mcpAppUi", "memoryCitation",
    "moderation", "permissionProfile", "runtimeWorkspaceRoots", "startedAtMs", "text_elements",
})  # fmt: skip
"""What fills pages and no dialect reads."""


class Recorder(Codex):
    """A dialect that writes down what is said to it."""

    def __init__(self, spec: AgentSpec, lines: list[str]) -> None:
        super().__init__(spec)
        self.lines = lines

    def begin(self) -> Effects:
        self.lines.append("> begin")
        return super().begin()

    def prompt(self, prompt: Prompt) -> Effects:
        self.lines.append(f"> prompt {prompt.text}")
        return super().prompt(prompt)

    def receive(self, line: bytes) -> Effects:
        self.lines.append(f"< {json.dumps(_trimmed(json.loads(line)), ensure_ascii=False, separators=(',', ':'))}")
        return super().receive(line)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        self.lines.append(f"> permission {permission_id} {reply}")
        return super().answer_permission(permission_id, reply)

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        self.lines.append(f"> question {question_id} {json.dumps(answers)}")
        return super().answer_question(question_id, answers)

    def interrupt(self) -> Effects:
        self.lines.append("> interrupt")
        return super().interrupt()


def _trimmed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _trimmed(inner) for name, inner in value.items() if name not in LEFT_OUT}
    return [_trimmed(inner) for inner in value] if isinstance(value, list) else value


Then = Callable[[Driver], Awaitable[None]]


@frozen
class Scene:
    prompts: tuple[str, ...]
    answer: Answer = allow
    model: str | None = None
    agent_mode: str = "build"
    then: Then | None = None
    """What happens after the last prompt was written, instead of waiting for its turn to end."""


async def _interrupt_stream(driver: Driver) -> None:
    await driver.wait_for("item.delta", 4)
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def _interrupt_tool(driver: Driver) -> None:
    await driver.until(lambda: items(driver.events, "tool_call"))
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def _interrupt_ask(driver: Driver) -> None:
    await driver.until(lambda: driver.approvals)
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def _interrupt_at_once(driver: Driver) -> None:
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def _sub_agent(driver: Driver) -> None:
    """It works on when the turn is over."""
    await driver.until(lambda: len(items(driver.events, "tool_result")) == 2)
    await driver.wait_for("turn.ended")
    await driver.until(lambda: not driver.background)


async def _background(driver: Driver) -> None:
    """The command ends after the turn that lets it go on."""
    await driver.wait_for("turn.ended", 2)
    await driver.until(lambda: not driver.background)


async def _interrupt_background(driver: Driver) -> None:
    await driver.wait_for("turn.ended")
    await driver.perform(driver.dialect.interrupt())
    await driver.until(lambda: not driver.background)


LEFT = "echo early; until [ -e go ]; do sleep 0.05; done; echo late; sleep 1; exit 3"

SCENES = {
    "text": Scene(("SCN_HELLO", "SCN_THINK")),
    "tools": Scene(("SCN_BASH 'echo err >&2; exit 3'", "SCN_LIVE", "SCN_PARALLEL", "SCN_UNKNOWNTOOL")),
    "files": Scene((
        "SCN_WRITE {work}/a.txt one", "SCN_EDIT {work}/a.txt one ONE", "SCN_MOVE {work}/a.txt {work}/b.txt ONE two",
        "SCN_DELETE {work}/b.txt", "SCN_VIEW {work}/p.png",
    )),
    "permissions": Scene(("SCN_ESCALATE touch {work}/made", "SCN_WRITE /var/made-by-a-test one")),
    "questions": Scene(("SCN_ASK",)),
    "mcp": Scene(("SCN_MCP a word", "SCN_FORM", "SCN_FORM typed", "SCN_FORM url")),
    "plan": Scene(("SCN_PLAN",), agent_mode="plan"),
    "todo": Scene(("SCN_TODO",)),
    "code_mode": Scene(("SCN_CODE 'text(await tools.exec_command({{cmd: \"echo from-code\"}}))'",), model=CODE_MODEL),
    "sub_agent": Scene(("SCN_SUBAGENT",), model=SPAWNING_MODEL, then=_sub_agent),
    "background": Scene((f"SCN_LEAVE '{LEFT}'", "SCN_BASH touch {work}/go"), then=_background),
    "interrupted_background": Scene(("SCN_LEAVE 'echo early; sleep 300'",), then=_interrupt_background),
    "errors": Scene(("SCN_400", "SCN_401", "SCN_429", "SCN_500", "SCN_HELLO")),
    "interrupted_stream": Scene(("SCN_SLOW",), then=_interrupt_stream),
    "interrupted_tool": Scene(("SCN_SLOWTOOL",), then=_interrupt_tool),
    "interrupted_ask": Scene(("SCN_ESCALATE touch made",), leave_open, then=_interrupt_ask),
    "interrupted_at_once": Scene(("SCN_SLOW",), then=_interrupt_at_once),
}  # fmt: skip


def _leaving_the_rest_alone(scene: str) -> Answer:
    """The patch of the scene `permissions` is for a place that a test must leave alone."""

    def answer(dialect: Any, ask: Any) -> Sequence[Any]:
        if getattr(ask, "action", None) == "apply_patch":
            return dialect.answer_permission(ask.permission_id, "reject")
        return SCENES[scene].answer(dialect, ask)

    return answer


async def record(name: str, scene: Scene) -> None:
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        async with model_server() as models:
            sandbox = Sandbox.make(Path(root), models.url)
            (sandbox.work / "p.png").write_bytes(PNG)
            if name == "mcp":
                with_mcp_server(sandbox.home)
            spec = {"executable": ("codex",), "seed": SPEC.seed, "model": scene.model, "agent_mode": scene.agent_mode}

            def make(spec: AgentSpec) -> Recorder:
                return Recorder(spec, lines)

            async with driving(make, sandbox, _leaving_the_rest_alone(name), **spec) as driver:
                for number, text in enumerate(scene.prompts, 1):
                    await driver.prompt(text.format(work=sandbox.work))
                    if number < len(scene.prompts) or scene.then is None:
                        await driver.wait_for("turn.ended", number)
                    else:
                        await scene.then(driver)
        text = "\n".join(lines).replace(root, "/sandbox")
    await trio.Path(TRANSCRIPTS / f"{name}.txt").write_text(played(text, Codex(SPEC)))
    print(name, len(lines))


async def main() -> None:
    TRANSCRIPTS.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        await record(name, scene)


if __name__ == "__main__":
    trio.run(main)
