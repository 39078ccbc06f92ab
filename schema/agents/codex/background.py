"""Codex's work in the background: commands that outlive the turn that started them, and sub-agents at work.

Codex says of both what it says within a turn, at any time: output and the end of a command by the turn's own id, and
all of a sub-agent's items. Its model hears of them only when it looks. What comes when no turn is open is told in a
turn of the agent's own, which lasts until no work is left or another turn begins.
"""

from collections.abc import Iterator

from ...background import MOST_TASKS, BackgroundTask
from ..effects import (
    BackgroundChanged,
    Effect,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    PermissionRefused,
    RequestPermission,
    RequestQuestion,
    TurnStarted,
    Write,
)
from ..remembered import Remembered
from .items import Items
from .open_items import Begun
from .requests import Requests

SUB_AGENT = "subAgent"


class Background:
    """``turn``: a turn of the agent's own is open. ``sub_turns`` are the turns of sub-agents, by their threads.
    ``stopping``: what goes on was told to end."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._tasks: tuple[BackgroundTask, ...] = ()
        self.sub_turns = Remembered[str]()
        self.turn = False
        self.stopping = False

    def __repr__(self) -> str:
        return f"<Background {[task.task_id for task in self._tasks]}>"

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def beside(self, effects: Iterator[Effect]) -> Iterator[Effect]:
        """What comes when no turn is open, in one of the agent's own. What codex tells as status needs none."""
        for effect in effects:
            if not self.turn and _needs_a_turn(effect):
                self.turn = True
                yield TurnStarted(gives_way=True)
            yield effect

    def changed(self, *, within: bool) -> Iterator[BackgroundChanged]:
        """``within`` a turn of codex's main thread only what it did not begin is beside it."""
        now = tuple(self._going_on())[:MOST_TASKS]
        if within:
            known = {task.task_id for task in self._tasks}
            now = tuple(task for task in now if task.task_id in known)
        if now != self._tasks:
            self._tasks = now
            yield BackgroundChanged(now)
        if not now and not self.turn:
            self.stopping = False

    def goes_on(self, begun: Begun) -> bool:
        """Whether an item goes on when the turn of the main thread is over."""
        return begun.process is not None or begun.place.thread in self.sub_turns

    def over(self) -> bool:
        """Whether the agent's own turn ends now. What was stopped in it has ended."""
        return self.turn and not self._tasks

    def turn_ended(self) -> None:
        self.turn = self.stopping = False

    def stop(self, requests: Requests, but: str | None = None) -> Iterator[Write]:
        """End it all, except for the commands of one thread. Codex tells the end of each."""
        self.stopping = True
        for thread, turn in self.sub_turns.items():
            yield requests.interrupt(thread, turn, sub_agent=True)
        threads = [*self.sub_turns, *(begun.place.thread for begun in self._commands())]
        for thread in dict.fromkeys(threads):
            if thread != but:
                yield requests.clean(thread, sub_agent=True)

    def _going_on(self) -> Iterator[BackgroundTask]:
        for thread in self.sub_turns:
            yield BackgroundTask.of(thread, SUB_AGENT, self._items.prompt(thread))
        for begun in self._commands():
            if begun.place.thread not in self.sub_turns:  # else it is part of the sub-agent's work
                yield BackgroundTask.of(begun.process or "", begun.kind, begun.about)

    def _commands(self) -> Iterator[Begun]:
        return (begun for begun in self._items.begun.all() if begun.process is not None)


def _needs_a_turn(effect: Effect) -> bool:
    match effect:
        case ItemStarted(kind=kind) | ItemCompleted(kind=kind):
            return kind != "status"
        case _:
            return isinstance(effect, ItemDelta | RequestPermission | RequestQuestion | PermissionRefused)
