"""Supervisors start actors, and restart them when they crash. The words have OTP's meaning.

* permanent: always restarted; transient: restarted when it crashed; temporary: never restarted.
* Every restart counts against the intensity, also that of a permanent actor which ended normally: otherwise one that
  ends at once would be restarted without end. Within the intensity, the actor is restarted after a pause that doubles.
  Beyond it, a dynamic child is ``failed``, and a chain raises :class:`RestartLimitReached`.
"""

from collections.abc import Awaitable, Callable
from typing import Literal, cast

import structlog
import trio
from attrs import define, field, frozen

from .actor import Actor
from .mailbox import Mailbox
from .restart_intensity import RestartIntensity

Restart = Literal["permanent", "transient", "temporary"]
ChildState = Literal["running", "pausing", "ended", "failed"]

Run = Callable[..., Awaitable[None]]

UPKEEP_PAUSE = 1.0
UPKEEP_PAUSE_MAX = 60.0
"""Seconds before a task of :func:`keep_up` is started again; the pause doubles while it keeps failing."""

_log = structlog.get_logger("supervisor")


class ChainFailed(Exception):
    """The chain cannot run, and no restart would change that. It ends at once when an actor raises this."""


class RestartLimitReached(ChainFailed):
    """An actor that everything needs keeps crashing: a bug of ours. The daemon ends."""


@frozen
class ChildSpec:
    """``make`` is called for every start, with the child's mailbox. ``on_failed`` is called with the last crash."""

    name: str
    make: Callable[[Mailbox], Actor]
    restart: Restart = "permanent"
    on_failed: Callable[[BaseException], Awaitable[None]] | None = None


@define(eq=False)
class Child:
    """A supervised actor, across its restarts."""

    spec: ChildSpec
    mailbox: Mailbox
    intensity: RestartIntensity
    state: ChildState = "running"
    starts: int = 0
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    life: trio.CancelScope = field(factory=trio.CancelScope)
    ended: trio.Event = field(factory=trio.Event)

    def __repr__(self) -> str:
        return f"<Child {self.spec.name} {self.spec.restart} {self.state} starts={self.starts}>"

    async def live(self) -> None:
        """Run the actor and restart it as its kind demands; returns when it has ended and is not restarted."""
        try:
            with self.scope:
                while await self._once():
                    self.state = "pausing"
                    await trio.sleep(self.intensity.pause)
        finally:
            if self.state != "failed":
                self.state = "ended"
            self.mailbox.close()
            self.ended.set()

    async def _once(self) -> bool:
        """One run of the actor; True when it shall be restarted."""
        self.state = "running"
        self.starts += 1
        self.life = trio.CancelScope()
        crash: Exception | None = None
        try:
            with self.life:
                await self.spec.make(self.mailbox).run()
        except* trio.Cancelled:
            raise
        except* Exception as group:  # noqa: BLE001 - containing any crash is what a supervisor is for
            # A crash beside a cancellation too: otherwise it would also crash the owner of the supervisor.
            _log.error("actor crashed", actor=self.spec.name, exc_info=group)
            crash = _lone(group)
        if crash is None:
            if self.life.cancelled_caught:
                return True
            if self.spec.restart != "permanent":
                return False
        reason = crash or RestartLimitReached(f"{self.spec.name} keeps ending")
        again = crash is None or self.spec.restart != "temporary"
        if again and not self.intensity.occurred():
            return True
        self.state = "failed"
        await self._tell_failed(reason)
        return False

    async def _tell_failed(self, error: Exception) -> None:
        if self.spec.on_failed is None:
            return
        try:
            with trio.CancelScope(shield=True):
                await self.spec.on_failed(error)
        except Exception as worse:  # noqa: BLE001 - whoever is told must not take the other children down
            _log.error("could not bury actor", actor=self.spec.name, exc_info=worse)

    def renew(self) -> None:
        """Cancel the actor and start it again. This is no crash, and does not count against the intensity."""
        self.life.cancel()

    async def stop(self) -> None:
        """Cancel the actor and wait until it has released what it owns."""
        self.scope.cancel()
        await self.ended.wait()


def _lone(error: Exception) -> Exception:
    """The one exception inside nested groups; a group with several is returned as it is."""
    if not isinstance(error, ExceptionGroup):
        return error
    group = cast("ExceptionGroup[Exception]", error)
    return _lone(group.exceptions[0]) if len(group.exceptions) == 1 else group


class Supervisor:
    """Dynamic children, one for one: a crash concerns only that child and its own intensity."""

    def __init__(self, make_intensity: Callable[[], RestartIntensity], mailbox_size: int) -> None:
        self._make_intensity = make_intensity
        self._mailbox_size = mailbox_size
        self._nursery: trio.Nursery | None = None
        self._children: dict[str, Child] = {}

    def __repr__(self) -> str:
        return f"<Supervisor {'running' if self._nursery else 'stopped'} children={len(self._children)}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the children until cancelled; then every child is cancelled and waited for."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery.cancel_scope.cancel()

    def start(self, spec: ChildSpec) -> Child:
        """Start a child now. Raises ValueError when its name is in use or the supervisor does not run."""
        if self._nursery is None or spec.name in self._children:
            raise ValueError(f"cannot start {spec.name}: {self!r}")
        child = Child(spec, Mailbox(spec.name, self._mailbox_size), self._make_intensity())
        self._children[spec.name] = child
        self._nursery.start_soon(self._hold, child, name=spec.name)
        return child

    async def _hold(self, child: Child) -> None:
        try:
            await child.live()
        finally:
            del self._children[child.spec.name]


class Chain:
    """Permanent actors in order, rest for one: when one crashes, those after it end too, and all of them start again.

    Each actor's task has a nursery in which the rest of the chain runs. So the order is the nesting, and a crash
    cannot leave a later actor running.
    """

    def __init__(self, intensity: RestartIntensity) -> None:
        self._intensity = intensity
        self._links: list[tuple[str, Callable[[], Run]]] = []
        self._starts: dict[str, int] = {}

    def __repr__(self) -> str:
        return "<Chain " + " > ".join(f"{name}({self._starts.get(name, 0)})" for name, _ in self._links) + ">"

    def restarts(self) -> dict[str, int]:
        """Restarts of each actor since the chain was made."""
        return {name: max(self._starts.get(name, 0) - 1, 0) for name, _ in self._links}

    def add(self, name: str, make: Callable[[], Run]) -> None:
        """``make`` is called for every start, and returns the function to run."""
        self._links.append((name, make))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the whole chain until cancelled; ``started`` when its last actor runs. Raises :class:`ChainFailed`."""
        ready = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_from, 0, ready)
            await ready.wait()
            task_status.started()

    async def _run_from(self, index: int, ready: trio.Event) -> None:
        name, make = self._links[index]
        while True:
            self._starts[name] = self._starts.get(name, 0) + 1
            reason: BaseException | None = None
            try:
                await self._once(make(), index, ready)
            except* (ChainFailed, trio.Cancelled):
                raise
            except* Exception as crash:  # noqa: BLE001 - containing any crash is what a supervisor is for
                _log.error("actor crashed", actor=name, exc_info=crash)
                reason = crash
            if self._intensity.occurred():
                ending = "crashing" if reason else "ending"
                raise RestartLimitReached(f"{name} keeps {ending}: {self._intensity!r}") from reason
            await trio.sleep(self._intensity.pause)

    async def _once(self, run: Run, index: int, ready: trio.Event) -> None:
        """One run of an actor and of all actors after it. Those end before it does, whatever the reason: they may need
        it to release what they own."""
        actor = trio.CancelScope()
        async with trio.open_nursery() as nursery:

            async def live(*, task_status: trio.TaskStatus[None]) -> None:
                with actor:
                    await run(task_status=task_status)

            try:
                await nursery.start(live)
                actor.shield = True
                if index + 1 < len(self._links):
                    await self._run_from(index + 1, ready)
                else:
                    ready.set()
                    await trio.sleep_forever()
            finally:
                actor.cancel()


async def keep_up(name: str, run: Run, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Run a background task until cancelled, and start it again whenever it fails, without a limit. No request waits
    for such a task, and no failure of one is a reason to end the daemon."""
    pause = UPKEEP_PAUSE
    task_status.started()
    while True:
        began = trio.current_time()
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - containing any failure is what this is for
            _log.error("upkeep failed", task=name, pause=pause, exc_info=error)
        else:
            return
        await trio.sleep(pause)
        lasted = trio.current_time() - began - pause
        pause = UPKEEP_PAUSE if lasted > UPKEEP_PAUSE_MAX else min(pause * 2, UPKEEP_PAUSE_MAX)
