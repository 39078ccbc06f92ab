"""One session from its creation to its end, with clients and readers of its own; what they saw is checked and then
discarded."""

import json
import random
from typing import Any, ClassVar

import trio

from ..clients import Clients
from ..last_look import read_all
from ..lives import Lives
from ..prompts import Prompts
from ..recorder import Recorder
from ..rules.checker import violations
from ..watchers import Watchers
from ..wire import Gone, call
from .feed import Feed

VISIT = 8.0
"""Seconds that clients use a session, on average."""

LONGEST_VISIT = 40.0
SETTLE_TIMEOUT = 60.0
RESTING = ("idle", "suspended", "ended", "failed")


class BadDays(Prompts):
    """Those of everybody, and agents that flood or fall silent."""

    _KINDS: ClassVar = {
        **Prompts._KINDS,
        lambda _, number: f"burst {1000 + number} 60": 1,
        lambda _, number: f"stderr {2000 + number}": 1,
        lambda _, number: f"mute {number}": 1,
        lambda _, number: f"deaf {number}": 1,
        lambda _, number: f"error {number}": 1,
        lambda _, number: f"recall {number}": 2,
    }


class Visit:
    """``broken`` holds violations, in words. Half of the sessions are deleted, the others the daemon must forget."""

    def __init__(self, lives: Lives, feed: Feed, session: str, dice: random.Random) -> None:
        self.session = session
        self.broken: list[str] = []
        self.commands = 0
        self._lives = lives
        self._feed = feed
        self._dice = dice
        self._effects = lives.home / f"{session}.effects"
        self._recorder = Recorder(self._effects)
        self._clients = Clients(lives, self._recorder, dice)
        self._watchers = Watchers(lives, self._recorder, dice, [session])
        self._prompts = BadDays(dice, self._effects)

    def __repr__(self) -> str:
        return f"<Visit {self.session}, {self.commands} commands, {len(self.broken)} violations>"

    async def run(self) -> None:
        self._feed.expect(self.session)
        await self._clients.create(self.session)
        await self._busy(min(LONGEST_VISIT, self._dice.expovariate(1 / VISIT)))
        await self._settle()
        await self._clients.terminate(self.session)
        info = await self._info()
        kept = await read_all(self._lives, self._recorder, info)
        await self._feed.check(self.session, kept.frames)
        self._feed.forget(self.session)
        history = self._recorder.history([kept], None)
        self.commands = len(history.commands)
        self.broken += await trio.to_thread.run_sync(violations, history)
        self._effects.unlink(missing_ok=True)
        if self._dice.random() < 0.5:
            answer = await call(await self._lives.where(), "DELETE", f"/v1/sessions/{self.session}")
            if answer.status not in (204, 404):
                self.broken.append(f"{self.session} could not be deleted: {answer}")

    async def _busy(self, seconds: float) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._decide)
            for via in ("sse", "websocket"):
                nursery.start_soon(self._watchers.watch_sessions, via)
            with trio.move_on_after(seconds):
                while not await self._over():
                    await trio.sleep(0.2)
                    if self._dice.random() < 0.1:
                        await trio.sleep(self._dice.expovariate(1 / 3))  # long enough to be suspended, at times
                    with trio.CancelScope(shield=True):  # a command is sent until it is answered
                        await self._drive()
            self._clients.stopping = self._watchers.stopping = True

    async def _drive(self) -> None:
        match self._dice.random():
            case luck if luck < 0.15:
                await self._clients.interrupt(self.session)
            case luck if luck < 0.3:
                await self._cancel()
            case _:
                await self._clients.prompt(self.session, self._prompts.next())

    async def _cancel(self) -> None:
        queued = (await self._get(f"/v1/sessions/{self.session}/queue"))["queued"]
        if queued:
            await self._clients.cancel(self.session, self._dice.choice(queued)["turnId"])

    async def _decide(self) -> None:
        """Decides some of the approvals. The others are rejected by an interrupt or the end."""
        while not self._clients.stopping:
            await trio.sleep(self._dice.expovariate(3))
            for pending in (await self._get("/v1/permissions"))["permissions"]:
                if pending["sessionId"] == self.session:
                    reply = self._dice.choice(["once", "once", "always", "reject"])
                    approval_id = pending["permission"]["permission_id"]
                    await self._clients.reply_permission(self.session, approval_id, reply)
            for pending in (await self._get("/v1/questions"))["questions"]:
                if pending["sessionId"] == self.session:
                    answers = self._dice.choice([None, [[pending["question"]["options"][0]]]])
                    await self._clients.reply_question(self.session, pending["question"]["question_id"], answers)

    async def _settle(self) -> None:
        """In any state the session becomes idle after an interrupt, and then accepts a prompt."""
        with trio.move_on_after(SETTLE_TIMEOUT):
            while (info := await self._info())["status"] not in RESTING or info["queued"]:
                await self._clients.interrupt(self.session)
                await trio.sleep(0.1)
            if info["ended"]:
                return
            await self._clients.prompt(self.session, "say goodbye")
            while (info := await self._info())["status"] not in RESTING or info["queued"]:
                await trio.sleep(0.1)
            return
        self.broken.append(f"{self.session} does nothing more: {await self._info()}")

    async def _over(self) -> bool:
        return (await self._info())["ended"]

    async def _info(self) -> dict[str, Any]:
        return await self._get(f"/v1/sessions/{self.session}")

    async def _get(self, path: str) -> Any:
        answer = await call(await self._lives.where(), "GET", path)
        if answer.status != 200:
            raise Gone(f"{path} answered {answer}")
        return json.loads(answer.body)
