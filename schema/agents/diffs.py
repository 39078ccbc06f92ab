"""Unified diffs of files that come or go as a whole, for agents that tell only their content."""

_NO_NEWLINE = "\\ No newline at end of file"


def created(path: str, content: str) -> str:
    """The diff of a file that did not exist."""
    count, body = _body("+", content)
    head = f"--- /dev/null\n+++ {path}\n"
    return f"{head}@@ -0,0 +1,{count} @@\n{body}" if count else head


def deleted(path: str, content: str) -> str:
    """The diff of a file that is gone."""
    count, body = _body("-", content)
    head = f"--- {path}\n+++ /dev/null\n"
    return f"{head}@@ -1,{count} +0,0 @@\n{body}" if count else head


def _body(sign: str, content: str) -> tuple[int, str]:
    lines = content.split("\n")
    ends_with_newline = lines[-1] == ""
    if ends_with_newline:
        lines.pop()
    body = "".join(f"{sign}{text}\n" for text in lines)
    return len(lines), body if ends_with_newline else body + _NO_NEWLINE + "\n"
