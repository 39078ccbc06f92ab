"""Actors: each is a task with a mailbox, and with state that no other task touches."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import trio

from ...schema.problems import Problem
from .mailbox import ActorCrashed, ActorGone, ActorStopped, Envelope, Mailbox


class TaskCrashed(Exception):
    """A task in an actor's nursery crashed, and the actor with it. The crash itself is what leaves the nursery."""


class Actor:
    """Subclasses implement :meth:`handle`. A new object is made for every start; the mailbox is handed on.

    ``handle`` raises :class:`Problem` to refuse a request: that is the asker's fault, and the actor continues. Any
    other exception is a crash: the asker gets :class:`ActorCrashed`, and the supervisor decides what happens.

    A run is :meth:`started`, any number of messages, and then exactly one of :meth:`stopped` and :meth:`failed`:

    ==================================================================  ==========================================
    reason of the end                                                   hook that is called
    ==================================================================  ==========================================
    :meth:`stop` was called, or it was cancelled after ``started``      ``stopped()``
    ``started``, ``handle`` or a task in ``nursery`` crashed            ``failed(error)``
    it was cancelled before ``started`` had returned                    ``failed(error)`` with the ``trio.Cancelled``
    ==================================================================  ==========================================

    So ``stopped`` may use everything that ``started`` makes, and may write. ``failed`` may use only what ``__init__``
    makes, and releases what was acquired. Both are shielded from cancellation, and run while the tasks of ``nursery``
    still run. An exception from a hook is a crash too; the other hook does not run after it.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self._stopped = False
        self._handled = 0
        self.nursery: trio.Nursery

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.mailbox.name} handled={self._handled} {self.mailbox!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Handle messages until :meth:`stop`. ``nursery`` holds the actor's own tasks and ends with it."""
        async with trio.open_nursery() as self.nursery:
            ready, error = False, None
            try:
                await self.started()
                ready = True
                task_status.started()
                while not self._stopped:
                    await self._handle(await self.mailbox.next())
            except BaseException as reason:
                error = reason
                raise
            finally:
                # Shielded: a cancelled actor still releases what it owns; each hook bounds its own time.
                with trio.CancelScope(shield=True):
                    if (failure := self._failure(error, ready=ready)) is None:
                        await self.stopped()
                    else:
                        await self.failed(failure)
            self.nursery.cancel_scope.cancel()

    def _failure(self, error: BaseException | None, *, ready: bool) -> BaseException | None:
        """The reason when the end was not orderly; None for an orderly end."""
        if error is not None and not is_cancellation(error):
            return error
        # A nursery cancels its own scope when one of its tasks crashes. To stop an actor, an outer scope is cancelled.
        if self.nursery.cancel_scope.cancel_called:
            return TaskCrashed(f"a task of {self.mailbox.name} crashed")
        return None if ready else error

    async def _handle(self, envelope: Envelope) -> None:
        with self._answering(envelope):
            await self.handle(envelope)
        self._handled += 1

    @contextmanager
    def _answering(self, envelope: Envelope) -> Generator[None]:
        """When the block raises, the asker gets an error. A block that returns must have answered, or answer later."""
        try:
            yield
        except Problem as problem:
            if envelope.reply is None:
                raise
            envelope.fail(problem)
        except BaseException as error:
            # A group too: a nursery in ``handle`` may have crashed and been cancelled at the same time.
            name = self.mailbox.name
            envelope.fail(
                ActorStopped(f"{name} was stopped") if is_cancellation(error) else ActorCrashed(f"{name} failed")
            )
            raise

    async def handle(self, envelope: Envelope) -> None:
        """React to one message. Every request must be answered, with ``envelope.answer`` or by :meth:`later`."""
        raise AssertionError(f"{type(self).__name__} must implement handle")

    def later(self, envelope: Envelope, work: Callable[[], Awaitable[object]]) -> None:
        """Answer with what ``work`` returns, in a task in ``nursery``: the actor handles other messages meanwhile.

        Exceptions from ``work`` mean what they mean in :meth:`handle`: a :class:`Problem` refuses the request; a
        cancellation fails it with :class:`ActorStopped`; a crash fails it with :class:`ActorCrashed`, and the actor
        crashes too. One exception: when another actor that ``work`` asked is gone or has crashed, the asker gets that
        error, and this actor continues.
        """
        self.nursery.start_soon(self._answer_later, envelope, work)

    async def _answer_later(self, envelope: Envelope, work: Callable[[], Awaitable[object]]) -> None:
        with self._answering(envelope):
            try:
                envelope.answer(await work())
            except (ActorGone, ActorCrashed) as error:
                envelope.fail(error)

    async def started(self) -> None:
        """Called before the first message, with ``nursery`` open. An exception is a crash."""

    async def stopped(self) -> None:
        """The orderly end of an actor that had started. Shielded: it must bound its own time."""

    async def failed(self, error: BaseException) -> None:
        """Any other end. What the actor has gathered may be incomplete, and must not be kept. Shielded: it must bound
        its own time."""

    def stop(self) -> None:
        """End normally after the current message."""
        self._stopped = True


def is_cancellation(error: BaseException) -> bool:
    """True for ``trio.Cancelled`` and for a group that contains nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None  # pyright: ignore[reportUnknownMemberType]
    return isinstance(error, trio.Cancelled)
