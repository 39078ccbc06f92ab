"""What a permission is compared by, and whether the session's mode accepts it: known once its files have been found."""

from typing import Any, cast

import msgspec
from attrs import evolve, frozen

from ...schema.agents.effects import RequestPermission
from .always_rules import Grant
from .broker import ApprovalRequested
from .places import FileLocator, Places


@frozen
class ToGrant:
    """A permission that the broker is to be told of, when it is known what an `always` to it would be."""

    asked: ApprovalRequested
    asking: RequestPermission


@frozen
class Found:
    """``accepted``: the session's mode accepts it, and nobody is to be asked."""

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
    """None when it cannot be told what later one would be the same: a file that is not found, or that has a second
    name by which it may be another one's."""
    always, metadata = to_grant.asking.always, cast("dict[str, Any]", to_grant.asked.shown.metadata)  # pyright: ignore
    if always is None or places is None or not places.ordinary:
        return None
    try:
        return Grant(always.fingerprint(places.files), always.kind, metadata["always"])
    except (RecursionError, UnicodeError, msgspec.MsgspecError):
        return None
