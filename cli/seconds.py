"""A time in seconds, as an option says it."""

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """A number that a clock can count: ``nan`` and ``inf`` are numbers to Python, and no times."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds
