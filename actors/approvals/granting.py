"""By what a permission is compared with rules, and whether the session's mode accepts it: needs to find its files."""

from typing import Any, cast

import msgspec
from attrs import evolve, frozen

from ...schema.agents.effects import RequestPermission
from .always_rules import Grant
from .broker import ApprovalRequested
from .places import FileLocator, Places


@frozen
class ToGrant:
    """A permission that is passed to the broker when it is known what an `always` to it would allow."""

    asked: ApprovalRequested
    asking: RequestPermission


@frozen
class Found:
    """``accepted``: the session's mode accepts it, and no human is asked."""

    asked: ApprovalRequested
    accepted: bool


async def find(to_grant: ToGrant, lookout: FileLocator) -> Found:
    always = to_grant.asking.always
    if always is None:
        return Found(to_grant.asked, accepted=False)
    places = await lookout.look(always.paths)
    asked = evolve(to_grant.asked, grant=_grant(to_grant, places))
    accepted = to_grant.asking.accept_inside and bool(always.paths) and places is not None and places.inside
    return Found(asked, accepted)


def _grant(to_grant: ToGrant, places: Places | None) -> Grant | None:
    """None when it is not certain which later permission would be about the same: a file is not found, or has a second
    name (a hard link)."""
    always, metadata = to_grant.asking.always, cast("dict[str, Any]", to_grant.asked.shown.metadata)  # pyright: ignore
    if always is None or places is None or not places.ordinary:
        return None
    try:
        return Grant(always.fingerprint(places.files), always.kind, metadata["always"])
    except (RecursionError, UnicodeError, msgspec.MsgspecError):
        return None
