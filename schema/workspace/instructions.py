"""The instructions of a project as one text, for an agent that gets them as text instead of reading the files."""

from .project import Project

_HEAD = "The project in the working directory has these instructions for you. They are of the project, not of the user."


def instructions(project: Project, deeper: str) -> str | None:
    """None when the project has none. ``deeper`` is the file name of instructions in directories below."""
    if not project.instructions:
        return None
    parts = [f"Contents of {text.path}:\n\n{text.text.strip()}" for text in project.instructions]
    note = f"Before you work in a directory below, read the {deeper} there, if it has one."
    return "\n\n".join([_HEAD, *parts, note]) + "\n"
