"""What an agent needs of credentials, as its definition tells it."""

from collections.abc import Mapping

from attrs import field, frozen

from .credential import AuthType

Takes = Mapping[tuple[str, AuthType], tuple[str, ...]]


@frozen
class Needs:
    """``providers`` are those whose credentials the agent keeps in its environment. ``takes`` are the variables by
    which a credential of this provider and kind is handed to it. ``reads`` are all variables by which it can be let
    in. An agent of ``any_provider`` also uses what there is of others. ``remedy`` tells a person what to do when there
    is nothing; empty for an agent that works without. ``moved_by`` are variables that move its files. An agent that
    is ``told`` reads none of the variables by itself: the dialect says the key at the start."""

    providers: tuple[str, ...] = ()
    takes: Takes = field(factory=dict[tuple[str, AuthType], tuple[str, ...]])
    reads: tuple[str, ...] = ()
    any_provider: bool = False
    remedy: str = ""
    moved_by: tuple[str, ...] = ()
    told: bool = False

    @property
    def handed(self) -> tuple[str, ...]:
        """The providers whose credential is handed to the agent, the first that counts first."""
        return tuple(dict.fromkeys(provider for provider, _ in self.takes))
