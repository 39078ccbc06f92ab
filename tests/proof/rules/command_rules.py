"""Rules for commands: promise 6, and the part of promise 8 that nothing is allowed without a decision."""

from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from .history import Command, Event, History, Kept
from .log_rules import approval_id

STATUS = {"once": "accept", "always": "accept_for_session", "reject": "reject", "answer": "answered"}
QUESTION_STATUS = {"answer": "answered", "reject": "rejected"}


def broken_in_commands(history: History) -> Iterator[str]:
    for command in history.commands:
        yield from _one_answer(command, gone=command.session in history.deleted)
        yield from _session(command, history)
    for told, count in history.effects.items():
        if count > 1:
            yield f"6: the agent did {told!r} {count} times"
    for log in history.logs:
        commands = [command for command in history.commands if command.session == log.session]
        if log.session not in history.deleted:
            yield from _prompts([command for command in commands if command.kind == "message"], log)
        yield from _replies([command for command in commands if command.kind in ("permission", "question")], log)


def _one_answer(command: Command, *, gone: bool) -> Iterator[str]:
    """Every acknowledgement of a command is the same, as long as the session exists."""
    first = command.acknowledgement
    if first is None or command.key is None:
        return
    for attempt in command.attempts[command.attempts.index(first) :]:
        if gone and attempt.status == 404:
            return
        if attempt.status is not None and attempt.status < 500 and attempt != first:
            yield f"6: {command} was answered {first}, and later {attempt}"


def _session(command: Command, history: History) -> Iterator[str]:
    if command.acknowledgement is None or command.session in history.deleted:
        return
    log = history.log_of(command.session)
    if log is None:
        yield f"6: {command} was acknowledged, and there is no such session"
    elif command.kind == "terminate" and (not log.frames or log.frames[-1].event["type"] != "session.ended"):
        yield f"6: {command} was acknowledged, and the log does not end with session.ended"


@frozen
class _Turn:
    turn_id: str
    outcome: str | None
    prompts: Sequence[str]


def _turns(log: Kept) -> list[_Turn]:
    """``prompts`` are the user's messages in the turn: at most one."""
    turns: list[_Turn] = []
    for event in log.events:
        data = event["data"]
        if event["type"] == "turn.started":
            turns.append(_Turn(data["turn_id"], None, ()))
        elif event["type"] == "turn.ended" and turns:
            turns[-1] = evolve(turns[-1], outcome=data["metadata"]["outcome"])
        elif event["type"] == "item.completed" and data["item"]["role"] == "user" and turns:
            turns[-1] = evolve(turns[-1], prompts=(*turns[-1].prompts, _text(data["item"])))
    return turns


def _text(item: Event) -> str:
    return "".join(part.get("text", "") for part in item["content"])


def _prompts(commands: Sequence[Command], log: Kept) -> Iterator[str]:
    """Every prompt has its turn. When the agent was killed before it repeated the prompt, the turn has failed."""
    turns = _turns(log)
    by_id = {turn.turn_id: turn for turn in turns}
    shown = Counter(prompt for turn in turns for prompt in turn.prompts)
    cut_short = [turn for turn in turns if not turn.prompts and turn.outcome != "completed"]
    unseen = 0
    named = Counter(command.turn_id for command in commands if command.turn_id is not None)
    wanted = Counter(command.about for command in commands)
    for command in commands:
        if shown[command.about] > wanted[command.about]:
            yield f"6: {command} was run {shown[command.about]} times"
        if command.refused and wanted[command.about] == 1 and shown[command.about]:
            yield f"6: {command} was refused, and run"
        if command.acknowledgement is None:
            continue
        turn = by_id.get(command.turn_id or "")
        if command.turn_id is not None and turn is None:
            yield f"6: {command} was acknowledged as {command.turn_id}, which never was"
        elif turn is not None and turn.prompts and tuple(turn.prompts) != (command.about,):
            yield f"6: {command} was acknowledged as {command.turn_id}, which ran {turn.prompts}"
        elif turn is not None and not turn.prompts and turn.outcome == "completed":
            yield f"6: {command} was acknowledged as {command.turn_id}, which completed without it"
        if named[command.turn_id] > 1:
            yield f"6: {command} shares {command.turn_id} with another command"
        unseen += not shown[command.about]
    if unseen > len(cut_short):
        yield f"6: {unseen} acknowledged prompts of {log.session} never ran; {len(cut_short)} turns were cut short"
    possible = sum(not command.refused for command in commands)
    if len(turns) > possible:
        yield f"6: {log.session} has {len(turns)} turns, and was sent {possible} prompts"


def _replies(commands: Sequence[Command], log: Kept) -> Iterator[str]:
    replied: dict[str, list[Command]] = {}
    for command in commands:
        replied.setdefault(command.about, []).append(command)
    always = False
    for event in log.events:
        if event["type"] not in ("permission.resolved", "question.resolved"):
            continue
        about = replied.pop(approval_id(event), [])
        status = event["data"]["status"]
        by_rule = ((event["data"].get("metadata") or {}).get("cause") == "rule") and always
        names = STATUS if event["type"] == "permission.resolved" else QUESTION_STATUS
        said = {names[command.reply] for command in about if not command.refused}
        if status not in ("reject", "rejected") and status not in said and not by_rule:
            yield f"8: {approval_id(event)} of {log.session} was resolved as {status}, which nobody said"
        taken = [command for command in about if command.acknowledgement is not None]
        if len(taken) > 1:
            yield f"8: {approval_id(event)} of {log.session} was resolved by {len(taken)} commands"
        for command in taken:
            if names[command.reply] != status:
                yield f"6: {command} said {command.reply}, was acknowledged, and the log says {status}"
        always = always or "accept_for_session" in said
    for about in replied.values():
        for command in about:
            if command.acknowledgement is not None and log.first == 1:
                yield f"6: {command} was acknowledged, and the log has no answer to {command.about}"
