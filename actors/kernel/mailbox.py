"""Mailboxes: messages to an actor go through its mailbox, and there is no other way.

``tell`` sends and continues; ``ask`` sends and waits for the one reply. A mailbox is bounded: when it is full the
sender waits, and so an agent that writes too much is slowed down. A mailbox outlives its actor: a supervisor that
restarts an actor gives the new one the same mailbox. So its address stays valid, and only the message that crashed the
old actor is lost.
"""

from typing import Any, Generic, TypeVar, cast

import trio
from attrs import define, field

R = TypeVar("R")


class Request(Generic[R]):
    """A message that gets one reply of type ``R``. Subclasses are frozen attrs classes."""

    __slots__ = ()


class ActorGone(Exception):
    """The actor has ended and will not be restarted. No error: the request came too late."""


class ActorCrashed(Exception):
    """The actor crashed while it handled this request: a bug of ours, not the asker's. The request may have had an
    effect."""


class ActorStopped(ActorCrashed):
    """The actor was stopped while it handled this request. No error; the request may have had an effect."""


@define(eq=False)
class Reply(Generic[R]):
    """Holds the answer to one request. Only the first answer counts; later ones are ignored."""

    _done: trio.Event = field(factory=trio.Event)
    _value: R | None = None
    _error: BaseException | None = None

    @property
    def given(self) -> bool:
        return self._done.is_set()

    def set(self, value: R) -> None:
        if not self.given:
            self._value = value
            self._done.set()

    def fail(self, error: BaseException) -> None:
        if not self.given:
            self._error = error
            self._done.set()

    async def wait(self) -> R:
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return cast("R", self._value)


@define(eq=False)
class Envelope:
    message: object
    reply: Reply[Any] | None = None

    def answer(self, value: object = None) -> None:
        if self.reply is not None:
            self.reply.set(value)

    def fail(self, error: BaseException) -> None:
        if self.reply is not None:
            self.reply.fail(error)


class Mailbox:
    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._send, self._receive = trio.open_memory_channel[Envelope](size)
        self._closed = False

    def __repr__(self) -> str:
        held = self._receive.statistics()
        state = "closed" if self._closed else f"{held.current_buffer_used}/{held.max_buffer_size:.0f}"
        return f"<Mailbox {self.name} {state}>"

    async def tell(self, message: object) -> None:
        """Send; waits while the mailbox is full. Raises :class:`ActorGone`."""
        await self._put(Envelope(message))

    async def ask(self, request: Request[R]) -> R:
        """Send and wait for the reply. Raises what the actor failed the request with, or :class:`ActorGone`."""
        reply: Reply[R] = Reply()
        await self._put(Envelope(request, reply))
        return await reply.wait()

    async def _put(self, envelope: Envelope) -> None:
        try:
            await self._send.send(envelope)
        except trio.BrokenResourceError:
            raise ActorGone(f"{self.name} has ended") from None

    async def next(self) -> Envelope:
        """The oldest message. Only the actor that owns the mailbox calls this."""
        return await self._receive.receive()

    def close(self) -> None:
        """No actor will read this mailbox again: fail the messages that wait, and every later sender."""
        self._closed = True
        gone = ActorGone(f"{self.name} has ended")
        while True:
            try:
                self._receive.receive_nowait().fail(gone)
            except (trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
                break
        self._receive.close()

    def statistics(self) -> dict[str, int]:
        held = self._receive.statistics()
        return {"waiting": held.current_buffer_used, "blocked_senders": held.tasks_waiting_send}
