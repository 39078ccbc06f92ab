"""Record what the real Amp says, as the transcripts of its dialect's unit tests: `python -m tests.agents.amp.record`.

It runs in a daemon in this process, because its hooks need one. A transcript is what one amp process said.
"""

import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import trio
from attrs import evolve, frozen

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.dialect import AgentSpec, Effects, Prompt
from sandbox_agent.schema.api.sessions import CreateSessionRequest, MessageRequest, PermissionReply

from ...actors.commanded import CommandedDaemon
from ...actors.house import tail
from ...models.amp import amp_server
from ...schema.agents.amp.spec import SPEC
from ...schema.agents.transcript import played
from ..sandbox import POLL, Sandbox

TRANSCRIPTS = Path(__file__).parents[2] / "schema" / "agents" / "amp" / "playbooks"

TIME_LIMIT = 60  # seconds for one scene

Event = dict[str, Any]


class Recorder(Amp):
    """A dialect that writes down what is said to it."""

    def __init__(self, spec: AgentSpec, lines: list[str]) -> None:
        super().__init__(evolve(spec, seed=SPEC.seed))
        self.lines = lines

    def begin(self) -> Effects:
        self.lines.append("> begin")
        return super().begin()

    def prompt(self, prompt: Prompt) -> Effects:
        self.lines.append(f"> prompt {prompt.text}")
        return super().prompt(prompt)

    def receive(self, line: bytes) -> Effects:
        message = json.loads(line)
        message.pop("tools", None)  # fills a page, and no dialect reads it
        self.lines.append(f"< {json.dumps(message, ensure_ascii=False, separators=(',', ':'))}")
        return super().receive(line)

    def answer_permission(self, permission_id: str, reply: PermissionReply) -> Effects:
        self.lines.append(f"> permission {permission_id} {reply}")
        return super().answer_permission(permission_id, reply)

    def interrupt(self) -> Effects:
        self.lines.append("> interrupt")
        return super().interrupt()

    def hooked(self, hook_id: str, request: Mapping[str, Any]) -> Effects:
        self.lines.append(f"> hook {hook_id} {json.dumps(request)}")
        return super().hooked(hook_id, request)

    def hook_gone(self, hook_id: str) -> Effects:
        self.lines.append(f"> hook_gone {hook_id}")
        return super().hook_gone(hook_id)


@frozen
class Stage:
    daemon: CommandedDaemon
    log: EventLog
    sandbox: Sandbox

    def events(self, type_: str) -> list[Event]:
        decoded = [json.loads(event.plain) for event in tail(self.log)]
        return [event for event in decoded if event["type"] == type_]

    async def wait_for(self, type_: str, number: int = 1) -> Event:
        """The event of this type that is the ``number``-th so far."""
        while len(found := self.events(type_)) < number:
            await trio.sleep(POLL)
        return found[number - 1]


Then = Callable[[Stage], Awaitable[None]]


@frozen
class Scene:
    prompts: tuple[str, ...]
    reply: PermissionReply = "once"
    then: Then | None = None
    """What happens after the last prompt was sent, instead of answering its asks."""


async def _interrupt_tool(stage: Stage) -> None:
    await _answer(stage, 1, "once")
    await stage.sandbox.made("running")
    await stage.daemon.interrupt("s")


async def _interrupt_ask(stage: Stage) -> None:
    await stage.wait_for("permission.requested")
    await stage.daemon.interrupt("s")


SCENES = {
    "text": Scene(("SCN_HELLO", "SCN_THINK")),
    "tools": Scene(("SCN_BASH 'echo err >&2; exit 3'", "SCN_PARALLEL", "SCN_UNKNOWNTOOL")),
    "files": Scene((
        "SCN_WRITE {work}/a.txt one two", "SCN_EDIT {work}/a.txt one ONE", "SCN_PATCH {work}/a.txt 'ONE two' three",
    )),
    "rejected": Scene(("SCN_BASH touch made",), "reject"),
    "error": Scene(("SCN_FAIL",)),
    "interrupted_tool": Scene(("SCN_BASH 'touch running; sleep 300'",), then=_interrupt_tool),
    "interrupted_ask": Scene(("SCN_BASH touch made",), then=_interrupt_ask),
}  # fmt: skip


async def _answer(stage: Stage, number: int, reply: PermissionReply) -> None:
    asked = await stage.wait_for("permission.requested", number)
    await stage.daemon.reply_permission("s", asked["data"]["permission_id"], reply)


async def _answer_all(stage: Stage, reply: PermissionReply) -> None:
    number = 0
    while True:
        number += 1
        await _answer(stage, number, reply)


async def perform(stage: Stage, scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        if scene.then is None:
            nursery.start_soon(_answer_all, stage, scene.reply)
        for number, text in enumerate(scene.prompts, 1):
            await stage.daemon.send("s", MessageRequest(text.format(work=stage.sandbox.work)))
            if scene.then is not None:
                await scene.then(stage)
            await stage.wait_for("turn.ended", number)
        nursery.cancel_scope.cancel()


def request(sandbox: Sandbox) -> CreateSessionRequest:
    """Trusted: else a program of ours runs before amp, and says a line of its own that is no JSON."""
    return CreateSessionRequest(agent="amp", directory=str(sandbox.work), workspace_trust="trusted")


async def record(name: str, scene: Scene) -> None:
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as root, trio.fail_after(TIME_LIMIT):
        async with amp_server() as amps, trio.open_nursery() as nursery:
            sandbox = Sandbox.make(Path(root), amps.url)
            sandbox.environment.update(AMP_URL=amps.url, AMP_API_KEY="sgamp_fake-key-for-tests")
            daemon = CommandedDaemon(environment=sandbox.environment)
            definitions = daemon._catalog._definitions
            definitions["amp"] = evolve(definitions["amp"], load_dialect=lambda: lambda spec: Recorder(spec, lines))
            await nursery.start(daemon.run)
            await daemon.create_session("s", request(sandbox))
            await perform(Stage(daemon, await daemon.log("s"), sandbox), scene)
            await daemon.stop()
        text = "\n".join(lines).replace(root, "/sandbox")
    await trio.Path(TRANSCRIPTS / f"{name}.txt").write_text(played(text, Amp(SPEC)))
    print(name, len(lines))


async def main() -> None:
    TRANSCRIPTS.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        await record(name, scene)


if __name__ == "__main__":
    trio.run(main)
