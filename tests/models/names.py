"""The ids that a model gives its answers and what is in them."""

from attrs import define


@define
class Names:
    """Numbered and not random, so that two runs of a script differ in nothing. ``alike`` is how some gateways have it:
    every part of every answer has the same id, the answers have their own."""

    alike: bool = False

    def answer(self, kind: str, number: int) -> str:
        return f"{kind}_{number:04}"

    def part(self, kind: str, number: int, index: int) -> str:
        return f"{kind}_0" if self.alike else f"{kind}_{number:04}_{index}"
