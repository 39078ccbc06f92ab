"""What goes with a prompt inline, by its path, or not at all."""

from pathlib import Path

import pytest
from attrs import evolve

from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.sessions.attachments import attached, inline_room
from sandbox_agent.schema.agents.codex.definition import DEFINITION
from sandbox_agent.schema.api.commands import MessageCommand
from sandbox_agent.schema.api.sessions import MessageAttachment
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

SETTINGS = Settings(max_line_bytes=100_000, max_attachment_bytes=50_000)
BY_PATH = DEFINITION
INLINE_ONLY = evolve(BY_PATH, by_path=False)
SILENT = evolve(BY_PATH, echoes=False)
TEXT = "look"


def files(directory: Path, *sizes: int) -> MessageCommand:
    for number, size in enumerate(sizes):
        (directory / f"{number}.png").write_bytes(bytes(size))
    return MessageCommand(TEXT, tuple(MessageAttachment(f"{number}.png") for number in range(len(sizes))))


async def test_what_the_line_has_no_room_for_goes_by_path_or_is_refused(tmp_path: Path):
    most = inline_room(TEXT, SETTINGS)
    fits, other = files(tmp_path, most), ForeignFiles(PATIENCE)
    for definition in (BY_PATH, INLINE_ONLY, SILENT):
        (file,) = await attached(fits, definition, str(tmp_path), SETTINGS, other)
        assert len(file.data or b"") == most
    too_large = files(tmp_path, most + 1)
    (file,) = await attached(too_large, BY_PATH, str(tmp_path), SETTINGS, other)
    assert file.data is None
    (file,) = await attached(too_large, SILENT, str(tmp_path), SETTINGS, other)
    assert file.data is not None
    with pytest.raises(Problem, match=rf"it has {most + 1} bytes, .* room for {most} bytes .*--max-line-bytes"):
        await attached(too_large, INLINE_ONLY, str(tmp_path), SETTINGS, other)


async def test_the_line_is_shared_and_the_text_has_its_part_of_it(tmp_path: Path):
    most, other = inline_room(TEXT, SETTINGS), ForeignFiles(PATIENCE)
    assert inline_room("x" * 4000, SETTINGS) == most - 3000 + len(TEXT) // 4 * 3
    first, second = await attached(files(tmp_path, most - 1, 2), BY_PATH, str(tmp_path), SETTINGS, other)
    assert (first.data is None, second.data is None) == (False, True)
    with pytest.raises(Problem, match="room for 1 bytes more"):
        await attached(files(tmp_path, most - 1, 2), INLINE_ONLY, str(tmp_path), SETTINGS, other)


async def test_a_picture_beyond_its_own_bound_is_refused_also_where_a_path_would_do(tmp_path: Path):
    roomy = evolve(SETTINGS, max_attachment_bytes=10)
    with pytest.raises(Problem, match="at most 10 are read"):
        await attached(files(tmp_path, 11), BY_PATH, str(tmp_path), roomy, ForeignFiles(PATIENCE))


async def test_a_text_that_fills_the_line_leaves_no_room(tmp_path: Path):
    request = evolve(files(tmp_path, 1), message="x" * 100_000)
    with pytest.raises(Problem, match="room for 0 bytes more"):
        await attached(request, INLINE_ONLY, str(tmp_path), SETTINGS, ForeignFiles(PATIENCE))
