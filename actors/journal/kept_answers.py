"""First answers to commands with a key, as the journal keeps them: a result, or the problem of a refusal."""

from typing import Any

from attrs import evolve, frozen

from ...schema.codec import Codec
from ...schema.fields import optional
from ...schema.problems import Problem
from .interface import CommandKey, KeptAnswer


@frozen
class _Refusal:
    kind: str
    status: int
    title: str
    detail: str
    extensions: Any
    headers: dict[str, str]


@frozen
class _Body:
    result: Any = optional()
    refusal: _Refusal | None = optional()


@frozen
class Answer:
    """The answer to a command: ``result``, or ``problem`` when it was refused. ``replayed`` when it is the answer to an
    earlier command with the same key."""

    result: Any = None
    problem: Problem | None = None
    replayed: bool = False

    def again(self) -> "Answer":
        return evolve(self, replayed=True)


def keep_result(codec: Codec, key: CommandKey, result: object) -> KeptAnswer:
    return KeptAnswer(key, codec.encode(_Body(codec.plain(result))))


def keep_refusal(codec: Codec, key: CommandKey, problem: Problem) -> KeptAnswer:
    p = problem
    refusal = _Refusal(p.kind, p.status, p.title, p.detail, dict(p.extensions), dict(p.headers))
    return KeptAnswer(key, codec.encode(_Body(refusal=refusal)))


def read_answer(codec: Codec, kept: KeptAnswer, cls: type | None) -> Answer:
    """``cls`` is the class of the command's result; None when it has no result."""
    body = codec.decode(kept.body, _Body)
    if (r := body.refusal) is not None:
        problem = Problem(r.kind, r.status, r.title, r.detail, r.extensions, r.headers)
        return Answer(problem=problem, replayed=True)
    return Answer(codec.build(body.result, cls) if cls is not None else None, replayed=True)
