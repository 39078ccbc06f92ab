"""Asking a daemon how it is. Without httpx, which takes longer to import than this takes to ask."""

import json
import urllib.error
import urllib.request
from typing import Any, cast

TIMEOUT = 5.0
"""Seconds for the answer."""


def problems(url: str) -> list[str] | None:
    """What is wrong; empty when all is well, None when it does not answer as a daemon does."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        try:
            answer = direct.open(f"{url}/v1/health", timeout=TIMEOUT)
        except urllib.error.HTTPError as error:  # 503 has the same body
            answer = error
        with answer:
            body: Any = json.loads(answer.read(1 << 20))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or "status" not in body:
        return None
    told = cast("dict[str, Any]", body)
    return [str(problem) for problem in told.get("problems") or ()]
