"""Record what the real OpenCode says, as the transcripts of its dialect's unit tests:
`python -m tests.agents.opencode.record`. See `record.py`; here the words are answers to calls and events of a stream.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import trio
from attrs import define, evolve

from sandbox_agent.schema.agents.dialect import AgentSpec, Effects, ExitStatus, HttpResponse, Launch, Prompt
from sandbox_agent.schema.agents.opencode.dialect import OpenCode
from sandbox_agent.schema.agents.opencode.status import is_ignored
from sandbox_agent.schema.api.sessions import PermissionReply

from ...models.server import model_server
from ...schema.agents.opencode.spec import SPEC
from ...schema.agents.transcript import played
from ..claude.record import Scene
from ..driver import Driver, allow, driving, leave_open
from ..sandbox import Sandbox

TRANSCRIPTS = Path(__file__).parents[2] / "schema" / "agents" / "opencode" / "playbooks"

LEFT_OUT = frozenset({"capabilities", "cwd", "options", "responseHeaders", "slug", "snapshot"})
"""What fills pages and no dialect reads."""


@define
class Recorder:
    """A dialect that writes down what is said to it. Events of no interest are left out: there are hundreds."""

    dialect: OpenCode
    lines: list[str]

    @classmethod
    def maker(cls, lines: list[str]) -> Callable[[AgentSpec], "Recorder"]:
        return lambda spec: cls(OpenCode(spec), lines)

    def launch(self) -> Launch:
        return self.dialect.launch()

    def begin(self) -> Effects:
        self.lines.append("> begin")
        return self.dialect.begin()

    def prompt(self, prompt: Prompt) -> Effects:
        self.lines.append(f"> prompt {prompt.text}")
        return self.dialect.prompt(prompt)

    def receive(self, line: bytes) -> Effects:
        self.lines.append(f"< {line.decode()}")
        return self.dialect.receive(line)

    def responded(self, call_id: str, response: HttpResponse) -> Effects:
        body = _trimmed(json.loads(response.body)) if response.body else None
        self.lines.append(f"@ {_written([call_id, response.status, body])}")
        return self.dialect.responded(call_id, response)

    def stream_opened(self) -> Effects:
        return self.dialect.stream_opened()

    def streamed(self, data: bytes) -> Effects:
        event = json.loads(data)
        if not is_ignored(event["type"]):
            self.lines.append(f"~ {_written(_trimmed(event))}")
        return self.dialect.streamed(data)

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


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _reject(dialect: Any, ask: Any) -> Any:
    if hasattr(ask, "permission_id"):
        return dialect.answer_permission(ask.permission_id, "reject")
    return dialect.answer_question(ask.data.question_id, None)


async def _interrupt_stream(driver: Driver) -> None:
    await driver.wait_for("item.delta", 4)
    await _interrupt(driver)


async def _interrupt_ask(driver: Driver) -> None:
    await driver.until(lambda: driver.approvals)
    await _interrupt(driver)


async def _interrupt_tool(driver: Driver) -> None:
    await driver.until(lambda: "begun" in str([event.data for event in driver.events if event.type == "item.delta"]))
    await _interrupt(driver)


async def _interrupt(driver: Driver) -> None:
    await driver.perform(driver.dialect.interrupt())
    await driver.wait_for("turn.ended")


SCENES = {
    "text": Scene(("SCN_HELLO", "SCN_THINK")),
    "tools": Scene(("SCN_LIVE", "SCN_PARALLEL", "SCN_UNKNOWNTOOL")),
    "files": Scene(("SCN_WRITE {work}/a.txt one two", "SCN_EDIT {work}/a.txt one ONE", "SCN_WRITE {work}/a.txt three")),
    "questions": Scene(("SCN_ASK",)),
    "rejected": Scene(("SCN_BASH touch made", "SCN_ASK"), _reject),
    "subagent": Scene(("SCN_SUBAGENT",)),
    "todo": Scene(("SCN_TODO",)),
    "errors": Scene(("SCN_400", "SCN_401", "SCN_HELLO")),
    "no_agent": Scene(("SCN_HELLO",)),
    "interrupted_stream": Scene(("SCN_SLOW",), then=_interrupt_stream),
    "interrupted_ask": Scene(("SCN_BASH touch made",), leave_open, _interrupt_ask),
    "interrupted_tool": Scene(("SCN_BASH 'echo begun; sleep 300'",), allow, _interrupt_tool),
}


async def record(name: str, scene: Scene) -> None:
    lines: list[str] = []
    spec = {"executable": ("opencode",), "agent_mode": "nosuch" if name == "no_agent" else "build"}
    with tempfile.TemporaryDirectory() as root:
        async with model_server() as models:
            sandbox = Sandbox.make(Path(root), models.url)
            async with driving(Recorder.maker(lines), sandbox, scene.answer, **spec) as driver:
                for number, text in enumerate(scene.prompts, 1):
                    await driver.prompt(text.format(work=sandbox.work))
                    if number < len(scene.prompts) or scene.then is None:
                        await driver.wait_for("turn.ended", number)
                    else:
                        await scene.then(driver)
        text = "\n".join(lines).replace(root, "/sandbox").replace(root.lstrip("/"), "sandbox")
    played_now = played(text, OpenCode(evolve(SPEC, agent_mode=spec["agent_mode"])))
    await trio.Path(TRANSCRIPTS / f"{name}.txt").write_text(played_now)
    print(name, len(lines))


async def main() -> None:
    TRANSCRIPTS.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        await record(name, scene)


if __name__ == "__main__":
    trio.run(main)
