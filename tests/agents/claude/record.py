"""Record what the real Claude Code says, as the transcripts of its unit tests: `python -m tests.agents.claude.record`.

Run it when a pinned version changes; the difference is what to review. What differs from run to run (ids, ports, times)
stays as it comes; this machine's paths do not.
"""

import json
import re
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import define, frozen

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.dialect import AgentSpec, Effects, ExitStatus, Launch, Prompt
from sandbox_agent.schema.api.sessions import PermissionReply

from ...models.server import model_server
from ...schema.agents.claude.spec import SPEC
from ...schema.agents.transcript import played
from ..driver import Answer, Driver, allow, driving, leave_open
from ..sandbox import Sandbox
from .home import with_mcp_server

TRANSCRIPTS = Path(__file__).parents[2] / "schema" / "agents" / "claude" / "playbooks"

LEFT_OUT = frozenset({
    "account", "agents", "available_output_styles", "commands", "memory_paths", "models", "plugins", "skills",
    "slash_commands", "tools", "partial_json",
})  # fmt: skip
"""What fills pages and no dialect reads. Partial JSON also cuts this machine's paths in two."""


@define
class Recorder:
    """A dialect that writes down what is said to it."""

    dialect: Claude
    lines: list[str]

    @classmethod
    def maker(cls, lines: list[str]) -> Callable[[AgentSpec], "Recorder"]:
        return lambda spec: cls(Claude(spec), lines)

    def launch(self) -> Launch:
        return self.dialect.launch()

    def begin(self) -> Effects:
        self.lines.append("> begin")
        return self.dialect.begin()

    def prompt(self, prompt: Prompt) -> Effects:
        self.lines.append(f"> prompt {prompt.text}")
        return self.dialect.prompt(prompt)

    def receive(self, line: bytes) -> Effects:
        self.lines.append(f"< {json.dumps(_trimmed(json.loads(line)), ensure_ascii=False, separators=(',', ':'))}")
        return self.dialect.receive(line)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        self.lines.append(f"> permission {permission_id} {reply}")
        return self.dialect.answer_permission(permission_id, reply)

    def answer_question(self, question_id: str, answers: Sequence[Sequence[str]] | None) -> Effects:
        self.lines.append(f"> question {question_id} {json.dumps(answers)}")
        return self.dialect.answer_question(question_id, answers)

    def interrupt(self) -> Effects:
        self.lines.append("> interrupt")
        return self.dialect.interrupt()

    def exited(self, status: ExitStatus) -> Effects:
        return self.dialect.exited(status)


def _trimmed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _trimmed(inner) for name, inner in value.items() if name not in LEFT_OUT}
    return [_trimmed(inner) for inner in value] if isinstance(value, list) else value


@frozen
class Scene:
    prompts: tuple[str, ...]
    answer: Answer = allow
    then: Callable[[Driver], Awaitable[None]] | None = None
    """What happens after the last prompt was written, instead of waiting for its turn to end."""


async def _interrupt_stream(driver: Driver) -> None:
    await driver.wait_for("item.delta", 4)
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def _interrupt_ask(driver: Driver) -> None:
    await driver.until(lambda: driver.approvals)
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


async def _wake_up(driver: Driver) -> None:
    await driver.wait_for("turn.ended", 2)


async def _both_turns_of_its_own(driver: Driver) -> None:
    """One that holds what the sub-agent does, and one in which claude reports on it."""
    await driver.wait_for("turn.ended", 3)


SCENES = {
    "text": Scene(("SCN_HELLO", "SCN_THINK")),
    "tools": Scene(("SCN_BASH 'echo err >&2; exit 3'", "SCN_PARALLEL")),
    "files": Scene(("SCN_WRITE {work}/a.txt one two", "SCN_EDIT {work}/a.txt one ONE", "SCN_READ {work}/a.txt")),
    "questions": Scene(("SCN_ASK",)),
    "mcp": Scene(("SCN_FORM", "SCN_FORM typed", "SCN_FORM url")),
    "plan": Scene(("SCN_PLAN",)),
    "subagent": Scene(("SCN_SUBAGENT SCN_TALK",)),
    "todo": Scene(("SCN_TODO",)),
    "errors": Scene(("SCN_400", "SCN_529", "SCN_HELLO")),
    "interrupted_stream": Scene(("SCN_SLOW",), then=_interrupt_stream),
    "interrupted_ask": Scene(("SCN_BASH touch made",), leave_open, _interrupt_ask),
    "background": Scene(("SCN_BACKGROUND",), then=_wake_up),
    "background_agent": Scene(("SCN_HELPER SCN_TALK",), then=_both_turns_of_its_own),
    "slash": Scene(("/context", "/clear", "SCN_HELLO")),
}


async def record(name: str, scene: Scene) -> None:
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        async with model_server() as models:
            sandbox = Sandbox.make(Path(root), models.url)
            if name == "mcp":
                with_mcp_server(sandbox.home)
            mode = "plan" if name == "plan" else "build"
            async with driving(Recorder.maker(lines), sandbox, scene.answer, agent_mode=mode) as driver:
                for number, text in enumerate(scene.prompts, 1):
                    await driver.prompt(text.format(work=sandbox.work))
                    if number < len(scene.prompts) or scene.then is None:
                        await driver.wait_for("turn.ended", number)
                    else:
                        await scene.then(driver)
        mangled = re.sub(r"\W|_", "-", root)  # how claude names its folders of a project
        text = "\n".join(lines).replace(root, "/sandbox").replace(mangled, "-sandbox")
    await trio.Path(TRANSCRIPTS / f"{name}.txt").write_text(played(text, Claude(SPEC)))
    print(name, len(lines))


async def main() -> None:
    TRANSCRIPTS.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        await record(name, scene)


if __name__ == "__main__":
    trio.run(main)
