"""The human of the story: answers what is asked, as told."""

from typing import Any

from attrs import define

from sandbox_agent.schema.api.sessions import PermissionReply

from ..daemon import Event, Session


@define
class Human:
    """``reply`` answers permissions; without it they stay open. Questions are answered with the first label, and with
    the last one too where several may be chosen."""

    reply: PermissionReply | None = "once"
    rejects_questions: bool = False

    async def __call__(self, session: Session, event: Event) -> None:
        data = event["data"]
        if "permission_id" in data:
            if self.reply is not None:
                await session.post(f"/permissions/{data['permission_id']}/reply", reply=self.reply)
        elif self.rejects_questions:
            await session.post(f"/questions/{data['question_id']}/reject")
        else:
            answers = [chosen(part) for part in data["questions"]]
            await session.post(f"/questions/{data['question_id']}/reply", answers=answers)


def chosen(part: dict[str, Any]) -> list[str]:
    labels = [option["label"] for option in part["options"]]
    return [labels[0], labels[-1]] if part.get("multi_select") else [labels[0]]
