"""Clients of a daemon that is killed repeatedly: they send commands until they are answered, decide approvals, and
interrupt. A recorder notes everything that they do and see.
"""

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from ..patience import PATIENCE
from .lives import Lives
from .prompts import Prompts
from .recorder import Asking, Recorder
from .rules.history import Attempt
from .wire import Gone, Refused, call, websocket

ANSWER_TIMEOUT = 5 * PATIENCE
"""Seconds in which a command must have been answered, however often the daemon is killed meanwhile. Several kills may
affect one command, and each start after them has its own time limit."""


class Clients:
    """``sessions`` get commands; short-lived sessions are made and deleted beside them. ``stopping`` ends the clients'
    work, but not in the middle of a command: its key is repeated until it is answered."""

    def __init__(self, lives: Lives, recorder: Recorder, dice: random.Random) -> None:
        self.lives = lives
        self.recorder = recorder
        self.sessions: list[str] = []
        self.stopping = False
        self._dice = dice
        self._prompts = Prompts(dice, recorder.effects)
        self._names = 0

    def _key(self) -> str:
        self._names += 1
        return f"key {self._names}"

    # Commands.

    async def create(self, session: str) -> None:
        path = f"/v1/sessions/{session}"
        asking = self.recorder.ask(session, "create", None)
        # Without a key a repeat may find what the first one did.
        await self._until_answered(asking, lambda url: call(url, "POST", path, {"agent": "mock"}))

    async def delete(self, session: str) -> None:
        asking = self.recorder.ask(session, "delete", None)
        await self._until_answered(asking, lambda url: call(url, "DELETE", f"/v1/sessions/{session}"))

    async def prompt(self, session: str, text: str) -> Attempt:
        frame = {"type": "message", "message": text}
        return await self._command(session, "message", "/messages", {"message": text}, frame, about=text)

    async def interrupt(self, session: str) -> Attempt:
        return await self._command(session, "interrupt", "/interrupt", None, {"type": "interrupt"})

    async def terminate(self, session: str) -> Attempt:
        return await self._command(session, "terminate", "/terminate", None, {"type": "terminate"})

    async def cancel(self, session: str, turn_id: str) -> Attempt:
        frame = {"type": "queue.cancel", "turnId": turn_id}
        return await self._command(session, "cancel", f"/queue/{turn_id}", None, frame, turn_id, method="DELETE")

    async def reply_permission(self, session: str, approval_id: str, reply: str) -> Attempt:
        frame = {"type": "permission.reply", "permissionId": approval_id, "reply": reply}
        path = f"/permissions/{approval_id}/reply"
        return await self._command(session, "permission", path, {"reply": reply}, frame, approval_id, reply)

    async def reply_question(self, session: str, approval_id: str, answers: list[list[str]] | None) -> Attempt:
        if answers is None:
            frame: dict[str, Any] = {"type": "question.reject", "questionId": approval_id}
            return await self._command(
                session, "question", f"/questions/{approval_id}/reject", None, frame, approval_id, "reject"
            )
        frame = {"type": "question.reply", "questionId": approval_id, "answers": answers}
        body = {"answers": answers}
        return await self._command(
            session, "question", f"/questions/{approval_id}/reply", body, frame, approval_id, "answer"
        )

    async def _command(
        self,
        session: str,
        kind: str,
        path: str,
        body: Any,
        frame: dict[str, Any],
        about: str = "",
        reply: str = "",
        method: str = "POST",
    ) -> Attempt:
        key = self._key()
        asking = self.recorder.ask(session, kind, key, about, reply)
        root = f"/v1/sessions/{session}"

        async def over_http(url: str) -> Attempt:
            return await call(url, method, root + path, body, key)

        async def over_websocket(url: str) -> Attempt:
            async with websocket(url, f"{root}/ws?offset={self.recorder.seen[session]}") as socket:
                return await socket.ask({"id": key, **frame})

        send = self._dice.choice([over_http, over_websocket])
        answer = await self._until_answered(asking, send)
        if self._dice.random() < 0.1:  # a client that repeats although it got the answer
            await self._until_answered(asking, send)
        return answer

    async def _until_answered(self, asking: Asking, send: Callable[[str], Awaitable[Attempt]]) -> Attempt:
        """Send it at least once, and again until there is an answer. Sometimes the client leaves before the answer."""
        with trio.fail_after(ANSWER_TIMEOUT):
            while True:
                attempt = Attempt(None)
                with trio.move_on_after(self._dice.choice([0.002, 0.02, 30.0, 30.0, 30.0, 30.0])):
                    try:
                        attempt = await send(await self.lives.where())
                    except Refused as refused:
                        attempt = refused.answer
                    except Gone:
                        await trio.sleep(0.01)
                asking.attempts.append(attempt)
                if attempt.final:
                    return attempt

    # The clients' work.

    async def drive(self) -> None:
        """Prompts for any session, sometimes an interrupt, a terminate, a new session."""
        while not self.stopping:
            await trio.sleep(self._dice.expovariate(20))
            session = self._dice.choice(self.sessions) if self.sessions else None
            match self._dice.random():
                case luck if session is None or (luck < 0.05 and len(self.sessions) < 4):
                    await self._found()
                case luck if luck < 0.08:
                    self.sessions.remove(session)
                    await self.terminate(session)
                case luck if luck < 0.25:
                    await self.interrupt(session)
                case _:
                    await self.prompt(session, self._prompts.next())

    async def _found(self) -> None:
        self._names += 1
        session = f"session-{self._names}"
        await self.create(session)
        self.sessions.append(session)

    async def breed_mayflies(self) -> None:
        """Short-lived sessions: deleted as soon as they have done something. Every other id is used again."""
        while not self.stopping:
            self._names += 1
            for _ in range(self._dice.choice([1, 2])):
                session = f"mayfly-{self._names}"
                await self.create(session)
                await self.prompt(session, self._prompts.next())
                await trio.sleep(self._dice.expovariate(10))
                await self.delete(session)

    async def decide(self) -> None:
        """Decides approvals of any agent. Two of these tasks race."""
        while not self.stopping:
            await trio.sleep(self._dice.expovariate(20))
            try:
                url = await self.lives.where()
                permissions = await call(url, "GET", "/v1/permissions")
                questions = await call(url, "GET", "/v1/questions")
            except Gone:
                continue
            if (permissions.status, questions.status) == (200, 200):
                await self._decide(json.loads(permissions.body)["permissions"], json.loads(questions.body)["questions"])

    async def _decide(self, permissions: list[dict[str, Any]], questions: list[dict[str, Any]]) -> None:
        for pending in permissions[:1]:
            reply = self._dice.choice(["once", "once", "always", "reject"])
            await self.reply_permission(pending["sessionId"], pending["permission"]["permission_id"], reply)
        for pending in questions[:1]:
            answers = self._dice.choice([None, [[pending["question"]["options"][0]]]])
            await self.reply_question(pending["sessionId"], pending["question"]["question_id"], answers)
