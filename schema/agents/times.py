"""Times that agents tell, for people to read."""

from datetime import UTC, datetime


def when(seconds: float) -> str:
    """Seconds since 1970 in UTC; what is no time of the calendar as it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return str(seconds)
