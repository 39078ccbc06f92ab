"""Pre-exec: what an agent's process does to itself between fork and exec.

It makes only system calls: in the child, locks of other threads may be held for ever.
"""

import os
import resource
import signal
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from ..machine.agent_user import AgentUser
from .fork_loops import put_on

MOST_KILLABLE = 1000


@frozen
class PreExec:
    """``tag`` is put on the process and its descendants (:mod:`.fork_loops`); ``door`` is the file of the cgroup that
    it joins; ``descriptors`` is its soft limit of open files. With None each stays as the daemon's. ``user`` is the
    user that it becomes, when it is another."""

    stdin: int
    stdout: int
    directory: str
    tag: int | None = None
    door: str | None = None
    descriptors: int | None = None
    user: AgentUser | None = None

    def prepare(self) -> None:
        """ptyprocess reports errors of this hook, but not those of its own ``cwd``."""
        # First, so that no process of the agent is ever outside the group.
        _tell(self.door, b"0")
        # Soft only: a core file can fill the disk, and a tool that needs one can still raise the limit.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if self.descriptors is not None:  # its hard limit stays: a program that needs more can raise it
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, hard))
        if self.tag is not None:
            put_on(self.tag)
        if self.user is not None:
            os.fchown(2, self.user.uid, -1)  # its terminal, or programs that open it by its name could not
            self.user.become()
        os.chdir(self.directory)
        os.dup2(self.stdin, 0)
        os.dup2(self.stdout, 1)
        # Python ignores SIGPIPE, and an ignored signal stays ignored through exec.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _tell(path: str | None, word: bytes) -> None:
    """Join the cgroup. When the system does not allow it the agent starts all the same: it is known by its other
    signs."""
    if path is None:
        return
    with suppress(OSError):
        file = os.open(path, os.O_WRONLY)
        try:
            os.write(file, word)
        finally:
            os.close(file)


def make_easier_to_kill(pid: int, score: int) -> None:
    """``score`` is added to the process's size by the OOM killer, from -1000 to 1000. Call it after exec: before, the
    process is as closed as the daemon, also to itself."""
    _tell(f"/proc/{pid}/oom_score_adj", b"%d" % score)


def easier_to_kill(adjust: int) -> int:
    """An ``oom_score_adj`` above the daemon's own, so that the kernel ends an agent before the daemon."""
    try:
        own = int(Path("/proc/self/oom_score_adj").read_text())
    except (OSError, ValueError):
        own = 0
    return min(own + adjust, MOST_KILLABLE)
