"""The handshake with opencode's server: where it listens, which models there are, and the session that we speak in."""

from collections.abc import Iterator
from typing import Any

from ...events import ErrorData
from ...workspace.bun_view import PROOF, UNSEEN
from ..definition import DEFAULT
from ..dialect import AgentSpec, Effects, HttpResponse
from ..effects import CallHttp, ConversationOpened, Effect, Errored, FollowStream, NativeSessionNamed, Ready
from ..json_lines import members
from . import launch as opencode_launch
from . import models as opencode_models
from .http import body_of, call, refused, session_path
from .news import News
from .status import error

EVENTS = "/event"


class Handshake:
    """``ready`` is also a server that has no session: ``reason`` then says why, and each prompt fails with it."""

    def __init__(self, spec: AgentSpec, news: News) -> None:
        self._spec = spec
        self._news = news
        self._config: Any = None
        self._reached = self._connected = self._asked_anew = False
        self._may_reach = spec.trusted
        self.agent = opencode_launch.agent_name(spec)
        self.model = spec.model if spec.model != DEFAULT.id else None
        self.session_id: str | None = None
        self.ready = False
        self.reason = "it was not asked for one"

    def __repr__(self) -> str:
        marks = [name for name in ("reached", "connected") if getattr(self, f"_{name}")]
        return f"<Handshake {' '.join(marks) or 'begun'} ready={self.ready} session={self.session_id}>"

    def heard(self, line: bytes) -> Effects:
        """Only where it listens matters, and that it does not see the project's configuration; the rest is talk."""
        self._may_reach |= line.strip() == PROOF
        if self._reached or (reach := opencode_launch.listening(line, self._spec)) is None:
            return ()
        self._reached = True
        if not self._may_reach:
            return list(self._without_session(ErrorData(UNSEEN.format("opencode"), "workspace_not_hidden")))
        return (reach, FollowStream(EVENTS))

    def connected(self) -> Iterator[Effect]:
        """The stream tells events from now on. Says nothing when it did so before."""
        if not self._connected:
            self._connected = True
            yield call("config", "GET", "/config")
            yield call("providers", "GET", "/config/providers")
            resume = self._spec.resume
            yield call("session", "GET", session_path(resume)) if resume else self._create()

    def answered(self, what: str, response: HttpResponse) -> Iterator[Effect]:
        """``what`` was asked by :meth:`connected`; any other word is passed over."""
        match what:
            case "config":
                self._config = body_of(response)
            case "providers":
                self.model = opencode_models.chosen(self.model, self._config, self.agent, body_of(response))
            case "session":
                yield from self._session_answered(response)
            case _:
                pass

    def _session_answered(self, response: HttpResponse) -> Iterator[Effect]:
        """The last step."""
        facts = members(body_of(response))
        session_id = facts.get("id")
        if response.ok and isinstance(session_id, str):
            self.session_id = session_id
            self._news.began(facts.get("title"))
            yield NativeSessionNamed(session_id)
            if self._spec.resume is not None:
                yield ConversationOpened(resumed=session_id == self._spec.resume)
        elif self._spec.resume and response.status == 404 and not self._asked_anew:
            said = error(facts).message
            yield Errored(ErrorData(said, "resume_failed", {"status": 404, "retryable": False}), raw=response.body)
            self._asked_anew = True  # the fresh session's answer is final
            yield self._create()
            return
        else:
            yield from self._without_session(refused(response, "start_failed"))
            return
        self.ready = True
        yield Ready()

    def _without_session(self, refused: ErrorData) -> Iterator[Effect]:
        """Each prompt fails with that reason, instead of a start that never ends."""
        self.reason = refused.message
        self.ready = True
        yield Errored(refused)
        yield Ready()

    def _create(self) -> CallHttp:
        body: dict[str, Any] = {}
        if self._spec.title:
            body["title"] = self._spec.title
        if rules := opencode_launch.session_rules(self._spec):
            body["permission"] = rules
        return call("session", "POST", "/session", body)
