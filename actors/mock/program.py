"""The mock agent's loop, and the protocol that it speaks with :mod:`sandbox_agent.schema.agents.mock.dialect`.

One JSON object per line in both directions; ``type`` says which. Ids of items and approvals start with
``mock_<number>``.

stdin, from the daemon:

=========== =============================== ==================================================================
hello       session, resume?                the first line; answered by ``hello``
prompt      number, text                    a turn; one that comes during a turn waits for its end
permission  id, reply once|always|reject    the answer to a permission
question    id, answers [[label]] or null   the answers to a question; null: the human rejects to answer
question    id, content {name: value} or    a form, filled in; null: it is declined
            null
interrupt                                   ends the running turn, and the work in the background
=========== =============================== ==================================================================

stdout, from the program:

=============== ================================= =============================================================
hello           session, kept, lost?              ready for prompts; kept: the conversation can be resumed;
                                                  lost: the one that was to be resumed is gone
item_started    id, kind, role, content, parent?  content parts are those of the universal schema
delta           id, text                          more text of an open item
item_completed  id, kind, role, content, failed?
permission      id, action, metadata              a permission that is answered on stdin, during the turn or after it
question        id, question, options, or form    ``form`` is the schema of what an MCP server elicits, ``url`` an
                or url                            address to open
withdraw        id                                the approval needs no answer any more
error           code, message
background      tasks                             all work that goes on in the background now; items and approvals
                                                  between two turns belong to it
turn_ended      outcome                           completed, failed or interrupted; one for each prompt
session_ended   reason                            the last line: the program exits with 0
=============== ================================= =============================================================

There is no ``turn_started``: a prompt starts its turn. Any other line is not part of the protocol; the command
``unparsed`` writes one on purpose. The end of stdin ends the program at once with status 0, also during a turn. stderr
is its terminal, and carries no protocol.
"""

import json
import os
import signal
from collections import deque
from select import select
from time import monotonic

from . import lines
from .aside import Aside
from .conversation import Conversation
from .lines import Line
from .script import play
from .steps import Answers, Await, Background, Deaf, Pause, Recall, Step

READ_BYTES = 1 << 16


class EndOfInputError(Exception):
    """The daemon closed stdin, or no longer reads stdout."""


def filled_in(content: dict[str, object] | None) -> str:
    """The answers of a form, in words. Secret ones are not repeated."""
    if content is None:
        return "decline"
    return json.dumps({name: "received" if name == lines.SECRET else value for name, value in content.items()})


def spoken(answers: list[list[str]] | None) -> str:
    """The answers to a question in words."""
    return "reject" if answers is None else "; ".join(", ".join(labels) for labels in answers)


class Program:
    """``step`` is the pause after each line of a script, in seconds; 0 for none. ``memory`` is the file of the
    conversation, if there is one."""

    def __init__(self, stdin: int, stdout: int, step: float, memory: str | None = None) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._step = step
        self._memory = memory
        self._partial: list[bytes] = []
        self._prompts: deque[tuple[int, str]] = deque()
        self._in_turn = False
        self._interrupted = False
        self._early = False
        self._ended = False
        self._asked: list[str] = []
        self._answers: Answers = {}
        self._conversation: Conversation | None = None
        self._aside = Aside()

    def __repr__(self) -> str:
        turn = f"in turn, {len(self._asked) - len(self._answers)} asks open" if self._in_turn else "idle"
        return f"<Program {turn}, {len(self._prompts)} prompts queued>"

    def run(self) -> int:
        """Serve until stdin ends or a command ends the session. Returns the exit code."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a traceback on the terminal would look like a bug
        try:
            while not self._ended:
                if self._prompts:
                    self._turn(*self._prompts.popleft())
                else:
                    self._listen(self._aside.seconds)
                    self._say_all(self._aside.over())
        except EndOfInputError:
            pass
        return 0

    def _turn(self, number: int, prompt: str) -> None:
        self._in_turn, self._interrupted, self._early = True, self._early, False
        if self._conversation is not None:
            self._conversation.prompted()
        self._asked, self._answers = [], {}
        outcome = self._play(f"mock_{number}", prompt.strip()) or "completed"
        self._in_turn = False
        if self._interrupted:
            for approval_id in self._asked:
                if approval_id not in self._answers:
                    self._say({"type": "withdraw", "id": approval_id})
        if not self._ended:
            self._say({"type": "turn_ended", "outcome": "interrupted" if self._interrupted else outcome})
            self._say_all(self._aside.turn_ended())

    def _play(self, prefix: str, prompt: str) -> str | None:
        if not prompt:
            return None
        for line in lines.item(f"{prefix}_user", "message", "user", lines.text(prompt)):
            self._carry_out(line)
        script = play(prefix, prompt)
        try:
            step = next(script)
            while True:
                answers = self._carry_out(step)
                if self._interrupted:
                    script.close()
                    return None
                step = script.send(answers)
        except StopIteration as end:
            return end.value

    def _carry_out(self, step: Step) -> Answers:
        match step:
            case bytes():
                self._write(step)
                self._listen(0)
            case Pause():
                self._pause(step.seconds)
            case Await():
                while not self._interrupted and not all(
                    approval_id in self._answers for approval_id in step.approval_ids
                ):
                    self._listen(None)
                return self._answers
            case Background():
                self._say_all(self._aside.add(step))
            case Deaf():
                self._go_deaf(step.last_words)
            case Recall():
                prompts = self._conversation.prompts if self._conversation is not None else 0
                return {"prompts": str(prompts)}
            case _:
                self._note(step)
                self._say(step)
                self._pause(self._step)
        return {}

    def _go_deaf(self, last_words: Line) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._say(last_words)
        while True:
            signal.pause()

    def _note(self, line: Line) -> None:
        if line.get("type") in ("permission", "question"):
            self._asked.append(str(line["id"]))
        elif line.get("type") == "session_ended":
            self._ended = True

    def _pause(self, seconds: float | None) -> None:
        """Wait so many seconds while reading stdin; an interrupt and the end of stdin cut it short. 0 only reads what
        is there."""
        if seconds is None:
            while not self._interrupted:
                self._listen(None)
            return
        deadline = monotonic() + seconds
        self._listen(0)
        while not self._interrupted and (left := deadline - monotonic()) > 0:
            self._listen(left)

    def _listen(self, seconds: float | None) -> None:
        """Read what is on stdin, waiting at most so long for it; ``None`` waits without a limit."""
        if not select([self._stdin], [], [], seconds)[0]:
            return
        data = os.read(self._stdin, READ_BYTES)
        if not data:
            raise EndOfInputError
        self._partial.append(data)
        if b"\n" not in data:
            return
        *whole, rest = b"".join(self._partial).split(b"\n")
        self._partial = [rest]
        for line in whole:
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        try:
            match json.loads(line):
                case {"type": "hello", "session": str(session), **rest}:
                    self._conversation = Conversation(self._memory, rest.get("resume") is True)
                    lost: Line = {"lost": True} if self._conversation.lost else {}
                    self._say({"type": "hello", "session": session, "kept": self._conversation.kept} | lost)
                case {"type": "prompt", "number": int(number), "text": str(prompt)}:
                    self._prompts.append((number, prompt))
                case {"type": "permission", "id": str(approval_id), "reply": str(reply)}:
                    self._take(approval_id, reply)
                case {"type": "question", "id": str(approval_id), "content": content}:
                    self._take(approval_id, filled_in(content))
                case {"type": "question", "id": str(approval_id), "answers": answers}:
                    self._take(approval_id, spoken(answers))
                case {"type": "interrupt"}:
                    # The interrupt may come in one read with the prompt that it is for.
                    self._interrupted, self._early = self._in_turn, bool(not self._in_turn and self._prompts)
                    self._say_all(self._aside.stop())
                case _:
                    self._complain(line)
        except (ValueError, TypeError, RecursionError):
            self._complain(line)

    def _take(self, approval_id: str, answer: str) -> None:
        """Answers to approvals of an earlier turn may come late (``demo``): nothing waits for them any more."""
        self._say_all(self._aside.answered(approval_id))
        if approval_id in self._asked:
            self._answers.setdefault(approval_id, answer)

    def _say_all(self, said: list[Line]) -> None:
        for line in said:
            self._say(line)

    def _say(self, line: Line) -> None:
        self._write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._stdout, view) :]
        except BrokenPipeError:
            raise EndOfInputError from None

    def _complain(self, line: bytes) -> None:
        os.write(2, b"mock: not understood: %b\n" % line[:200])
