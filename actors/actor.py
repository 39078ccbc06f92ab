"""Actors: a task, a mailbox, and state that nobody else touches."""

import trio

from ..schema.problems import Problem
from .mailbox import ActorCrashed, Envelope, Mailbox


class Actor:
    """Subclasses implement :meth:`handle`. A new object is made for every start; the mailbox is handed on.

    ``handle`` raises :class:`Problem` to refuse a request: that is the asker's fault and the actor goes on. Anything
    else that it raises is a crash: the asker gets :class:`ActorCrashed`, and the supervisor decides what happens.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.crashed = False
        self._stopped = False
        self._handled = 0
        self.nursery: trio.Nursery

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.mailbox.name} handled={self._handled} {self.mailbox!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle messages until :meth:`stop`. ``nursery`` holds the actor's own tasks and ends with it."""
        async with trio.open_nursery() as self.nursery:
            try:
                await self.started()
                task_status.started()
                while not self._stopped:
                    await self._handle(await self.mailbox.next())
            finally:
                # Shielded: a cancelled actor still puts away what it owns, in the time that it allows itself.
                with trio.CancelScope(shield=True):
                    await self.finished()
            self.nursery.cancel_scope.cancel()

    async def _handle(self, envelope: Envelope) -> None:
        try:
            await self.handle(envelope)
        except Problem as problem:
            if envelope.reply is None:
                self.crashed = True
                raise
            envelope.fail(problem)
        except trio.Cancelled:
            envelope.fail(ActorCrashed(f"{self.mailbox.name} was stopped"))
            raise
        except Exception:
            self.crashed = True
            envelope.fail(ActorCrashed(f"{self.mailbox.name} failed"))
            raise
        self._handled += 1

    async def handle(self, envelope: Envelope) -> None:
        """React to one message. Every request must be answered, here or later, with ``envelope.answer``."""
        raise AssertionError(f"{type(self).__name__} must implement handle")

    async def started(self) -> None:
        """Before the first message, with ``nursery`` open. What it raises is a crash."""

    async def finished(self) -> None:
        """After the last message, however the actor ended. Shielded: it must bound its own time."""

    def stop(self) -> None:
        """End normally after the message that is being handled."""
        self._stopped = True

    def statistics(self) -> dict[str, int]:
        return {"handled": self._handled, **self.mailbox.statistics()}
