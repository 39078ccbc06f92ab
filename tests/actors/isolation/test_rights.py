"""What a thread does in the name of the agents' user it does with that user's rights, and nobody else is affected."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.machine.agent_user import AgentUser, NoSuchUser
from sandbox_agent.actors.processes.private_directory import PrivateDirectory, remove_left
from sandbox_agent.schema.foreign.not_readable import NotReadable

from ...cli.containers import needs_root, open_place
from ...cli.users import STRANGER
from ...patience import PATIENCE


def user() -> AgentUser:
    return AgentUser.find(str(STRANGER))


def test_who_is_named() -> None:
    assert user() == AgentUser(f"uid {STRANGER}", STRANGER, STRANGER, (STRANGER,))
    assert AgentUser.find(f"{STRANGER}:7") == AgentUser(f"uid {STRANGER}", STRANGER, 7, (7,))
    known = AgentUser.find("nobody")
    assert (known.name, known.uid) == ("nobody", 65534)
    assert str(known) == "nobody (uid 65534)"
    assert AgentUser.find("65534") == known
    for wrong in ("root", "0", "nobody-at-all", f"{STRANGER}:0"):
        with pytest.raises(NoSuchUser):
            AgentUser.find(wrong)


def test_the_environment_says_that_user_and_nothing_of_the_daemons() -> None:
    daemons = {
        "HOME": "/root",
        "USER": "root",
        "XDG_DATA_HOME": "/root/data",
        "CODEX_HOME": "/srv/codex",
        "PATH": "/bin",
    }
    told = {"HOME": "/h", "CODEX_HOME": "/srv/codex", "PATH": "/bin"}
    assert user().environment(daemons, "/h") == {**told, "USER": str(STRANGER), "LOGNAME": str(STRANGER)}
    assert AgentUser.find("nobody").environment(daemons, "/h")["USER"] == "nobody"


@needs_root
async def test_a_file_is_read_with_the_users_rights() -> None:
    with open_place() as place:
        secret, link = place / "home" / "secret", place / "work" / "link"
        secret.write_text("of root's")
        secret.chmod(0o600)
        link.symlink_to(secret)
        (place / "work" / "own").write_text("its own")
        (place / "work" / "own").chmod(0o600)
        os.chown(place / "work" / "own", STRANGER, STRANGER)
        files = ForeignFiles(PATIENCE, user().rights)
        assert await files.read(place / "work" / "own", 100) == b"its own"
        for closed in (secret, link):
            with pytest.raises(NotReadable, match="Permission denied"):
                await files.read(closed, 100)
        assert (await files.read_all([str(link)], 100)).keys() == {str(link)}
        assert await ForeignFiles(PATIENCE).read(link, 100) == b"of root's"


@needs_root
def test_they_end_with_the_block_and_other_threads_have_none_of_them() -> None:
    with open_place() as place, ThreadPoolExecutor(1) as other:
        secret = place / "home" / "secret"
        secret.write_text("of root's")
        secret.chmod(0o600)
        assert other.submit(secret.read_text).result() == "of root's"  # a thread has the rights of who starts it
        with user().rights():
            with pytest.raises(PermissionError):
                secret.read_text()
            assert other.submit(secret.read_text).result() == "of root's"
            made = place / "work" / "made"
            made.touch()
        assert made.stat().st_uid == STRANGER
        assert secret.read_text() == "of root's"


@needs_root
async def test_a_private_directory_is_handed_over_whole_and_found_when_it_is_left(tmp_path: Path) -> None:
    parent = await PrivateDirectory.make("owner", str(tmp_path))
    await parent.let_pass()
    inner = await PrivateDirectory.make("owner", str(parent.path))
    (inner.path / "folder").mkdir()
    (inner.path / "folder" / "file").touch(0o600)
    (inner.path / "link").symlink_to(tmp_path)
    await inner.hand_over(user())
    assert {path.lstat().st_uid for path in (inner.path, *inner.path.rglob("*"))} == {STRANGER}
    assert (tmp_path.stat().st_uid, parent.path.stat().st_uid) == (0, 0)
    assert remove_left("owner", str(tmp_path)) == [], "it is in use"
    for directory in (inner, parent):
        assert directory.claim is not None
        directory.claim.release()
    assert remove_left("owner", str(tmp_path)) == [parent.path]
