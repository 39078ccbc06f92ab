"""The recorder: notes what clients send and receive, as a history."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from .rules.history import Attempt, Command, History, Kept, Stream
from .wire import Heard


@define
class Asking:
    """A command that is being sent, and sent again."""

    session: str
    kind: str
    key: str | None
    about: str = ""
    reply: str = ""
    attempts: list[Attempt] = field(factory=list[Attempt])

    @property
    def command(self) -> Command:
        return Command(self.session, self.kind, self.key, tuple(self.attempts), self.about, self.reply)


@define
class Watching:
    """A connection that is open. ``last`` is the cursor for the next one."""

    session: str
    via: str
    asked: int
    asked_log: str | None
    log_id: str | None = None
    heard: list[Heard] = field(factory=list[Heard])

    @property
    def stream(self) -> Stream:
        return Stream(self.session, self.via, self.log_id, self.asked, self.asked_log, tuple(self.heard))


class Recorder:
    """``effects`` is the file into which agents write what they really did, one line each. ``seen`` is the newest
    position of each session that any stream showed."""

    def __init__(self, effects: Path) -> None:
        self.effects = effects
        self.survivors: list[str] = []
        self.seen: Counter[str] = Counter()
        self._asked: list[Asking] = []
        self._watched: list[Watching] = []

    def __repr__(self) -> str:
        frames = sum(len(watching.heard) for watching in self._watched)
        return f"<Recorder {len(self._asked)} commands, {len(self._watched)} streams with {frames} frames>"

    def ask(self, session: str, kind: str, key: str | None, about: str = "", reply: str = "") -> Asking:
        self._asked.append(asking := Asking(session, kind, key, about, reply))
        return asking

    @contextmanager
    def watch(self, session: str, via: str, asked: int, asked_log: str | None) -> Generator[Watching]:
        self._watched.append(watching := Watching(session, via, asked, asked_log))
        yield watching

    @property
    def streams(self) -> list[Stream]:
        return [watching.stream for watching in self._watched]

    def history(self, logs: list[Kept], feed: Kept) -> History:
        lines = self.effects.read_text().splitlines() if self.effects.exists() else []
        return History(
            [asking.command for asking in self._asked if asking.attempts],
            self.streams,
            logs,
            feed,
            Counter(lines),
            self.survivors,
        )
