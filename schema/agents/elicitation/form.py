"""What an MCP server elicits, as a question to a human: a form, an address to open, or leave to go on."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ...bounds import MAX_ANSWERS, MAX_NAME, MAX_PATH, shortened
from ...events import Elicitation, QuestionEventData, QuestionOption, QuestionPart
from ...items import StatusPart
from ..effects import ItemCompleted
from ..json_lines import MAX_SAID, as_text, elements, members
from .answers import LEFT_OUT, BadAnswer, value_of
from .fields import Field, Unaskable, field_of

ACCEPT, DECLINE = "Accept", "Decline"

_CONSENT = (QuestionOption(ACCEPT), QuestionOption(DECLINE))


@frozen
class Form:
    """``fields`` is empty when there is only to accept or to decline: then ``url`` may be what is to be opened."""

    about: Elicitation
    fields: tuple[Field, ...] = ()
    url: str | None = None

    @property
    def parts(self) -> tuple[QuestionPart, ...]:
        if self.fields:
            return tuple(field.part for field in self.fields)
        kind = "choice" if self.url is None else "url"
        return (QuestionPart(self.about.message, _CONSENT, kind=kind, required=True, url=self.url),)

    def question(self, question_id: str) -> QuestionEventData:
        parts = self.parts
        first = parts[0].question
        prompt = f"{self.about.message}\n\n{first}" if self.fields and self.about.message else first
        labels = tuple(option.label for option in parts[0].options)
        return QuestionEventData(question_id, prompt, labels, None, "requested", parts, elicitation=self.about)

    def content(self, answers: Sequence[Sequence[str]] | None) -> dict[str, Any] | None:
        """The form filled in; None when it is declined, or the answers are none of its own."""
        if answers is None or len(answers) != len(self.parts):
            return None
        given = [tuple(labels) for labels in answers]
        try:
            if not self.fields:
                return {} if value_of(self.parts[0], given[0]) == ACCEPT else None
            values = {field.name: field.value(said) for field, said in zip(self.fields, given, strict=True)}
        except BadAnswer:
            return None
        return {name: value for name, value in values.items() if value is not LEFT_OUT}


def declined(approval_id: str, server: Any, message: Any, why: Unaskable, raw: bytes) -> ItemCompleted:
    """What is told of a form that nobody is asked."""
    about = _about(server, message)
    part = StatusPart("elicitation.declined", f"{about.server} asks: {about.message}. Declined, because {why}")
    return ItemCompleted(f"{approval_id}#declined", "status", "system", (part,), raw=raw)


def elicited(server: Any, message: Any, *, schema: Any = None, url: Any = None) -> Form:
    """With ``url`` what is asked is to open it. Raises :class:`Unaskable`."""
    about = _about(server, message)
    if url is not None:
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise Unaskable("what is to be opened is no address of the web")
        if len(url) > MAX_PATH or not url.isprintable():
            raise Unaskable(
                f"the address cannot be shown: it has {len(url)} characters, or some that are not printable"
            )
        return Form(about, url=url)
    properties = members(members(schema).get("properties"))
    if len(properties) > MAX_ANSWERS:
        raise Unaskable(f"the form has {len(properties)} fields")
    required = {name for name in elements(members(schema).get("required")) if isinstance(name, str)}
    fields = (field_of(name, members(said), required=name in required) for name, said in properties.items())
    return Form(about, tuple(fields))


def _about(server: Any, message: Any) -> Elicitation:
    return Elicitation(shortened(as_text(server), MAX_NAME), shortened(as_text(message or ""), MAX_SAID))
