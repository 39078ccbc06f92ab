"""The program that starts an agent in namespaces of its own: ``python -IS inside.py WHAT=VALUE… -- PROGRAM ARGUMENT…``.

It becomes three processes. The first is the daemon's child; it makes the user, mount and pid namespaces and hides what
the plan names. The second is the init of the pid namespace: when it is killed, the kernel kills everything in the
namespace. The third becomes the agent, in another user and mount namespace below the first: so it cannot remove the
mounts that hide files, and may trace neither of the others. user_namespaces(7), mount_namespaces(7), pid_namespaces(7).

It imports only the standard library, and little of it, because every start of an agent waits for it: json, contextlib
and signal took a third of that time. When a step fails, stderr names the step, and the exit status is :data:`FAILED`:
an agent never starts with less isolation than the plan demands.
"""

import ctypes
import fcntl
import os
import resource
import sys
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import TracebackType
else:
    import _signal as signal  # the same without enums

FAILED = 125
"""The exit status when the namespaces cannot be made; 127 when the program cannot be started in them."""

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE, MS_RELATIME = 0x20, 0x1000, 0x4000, 0x80000, 0x200000
KEPT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | 0x400 | 0x800
"""Flags of a mount that a remount must keep, with noatime and nodiratime; statvfs(3) uses the same bits."""
ST_RELATIME = 0x1000

User = tuple[int, int, list[int]]
"""Uid, gid, and all groups."""

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

_libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The system does not allow a step; the message names it."""


class step:  # noqa: N801 - used like a function
    """Turns an OSError in the block into a :class:`Refused` that names the step."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        if isinstance(error, OSError):
            raise Refused(f"{self._what}: {error.strerror}") from error


def unshare(flags: int) -> None:
    if _libc.unshare(ctypes.c_int(flags)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    words = [os.fsencode(word) or None for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data) or None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


# User ids.


def identity(kind: str) -> str:
    """A map of every existing id to itself; only of our own id, when we may not map others."""
    own = os.geteuid() if kind == "uid" else os.getegid()
    if os.geteuid() != 0:
        return f"{own} {own} 1"
    with open(f"/proc/self/{kind}_map") as file:
        return "\n".join(f"{words[0]} {words[0]} {words[2]}" for line in file if (words := line.split()))


def write_maps(pid: int, uids: str, gids: str) -> None:
    # A process that may not map other groups must first give up setgroups(2); for others this changes nothing.
    if os.geteuid() != 0 and os.path.exists(f"/proc/{pid}/setgroups"):
        _write(f"/proc/{pid}/setgroups", "deny")
    _write(f"/proc/{pid}/uid_map", uids)
    _write(f"/proc/{pid}/gid_map", gids)


def _write(path: str, text: str) -> None:
    with step(path):
        file = os.open(path, os.O_WRONLY)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)


def unshare_mapped(flags: int, map_ids: "Callable[[int], None]") -> None:
    """Enter new namespaces. Another process, which is still outside and may do so, maps the ids."""
    pid = os.getpid()
    ready, go = os.pipe()
    helper = os.fork()
    if helper == 0:
        status = 0
        try:
            os.close(go)
            if os.read(ready, 1):
                map_ids(pid)
        except (Refused, OSError) as error:
            tell(error)
            status = FAILED
        os._exit(status)
    os.close(ready)
    try:
        with step("a user namespace"):
            unshare(flags)
        os.write(go, b"1")
    finally:
        os.close(go)
        _, status = os.waitpid(helper, 0)
    if status != 0:
        raise Refused("user ids cannot be mapped")


# Files.


def hide(plan: dict[str, list[str]]) -> None:
    """Hide ``directories`` and ``files``. ``kept`` are paths below them that stay visible, ``read_only`` those of them
    that nobody may change. Paths that do not exist are ignored."""
    with step("mounts of its own"):
        mount("none", "/", "", MS_SLAVE | MS_REC)
    handles = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in plan["kept"] if os.path.lexists(path)}
    for path in plan["directories"]:
        if os.path.isdir(path):
            with step(f"hiding {path}"):
                mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711,size=64k")
    for path, handle in handles.items():
        with step(f"keeping {path}"):
            _place(path, handle)
            mount(f"/proc/self/fd/{handle}", path, "", MS_BIND | MS_REC)
            if path in plan["read_only"]:
                _make_read_only(path)
        os.close(handle)
    for path in plan["directories"]:
        if os.path.isdir(path):
            with step(f"hiding {path}"):
                _make_read_only(path)
    for path in plan["files"]:
        if os.path.isfile(path):
            with step(f"hiding {path}"):
                mount("/dev/null", path, "", MS_BIND)


def _place(path: str, handle: int) -> None:
    """Make the mount point: a directory for a directory, a file for a file."""
    if os.path.lexists(path):
        return
    if os.path.isdir(f"/proc/self/fd/{handle}"):
        os.makedirs(path, 0o711, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _make_read_only(path: str) -> None:
    found = os.statvfs(path).f_flag
    kept = found & KEPT_FLAGS | (MS_RELATIME if found & ST_RELATIME else 0)
    mount("none", path, "", MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


# Processes.


def give_up_terminal() -> None:
    """Give up the controlling terminal, so that the agent, which leads a session of its own, can get it."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
        os.close(terminal)
    except OSError:  # it has none
        pass


def forward(to: int) -> None:
    def send(number: int, _frame: object) -> None:
        try:
            os.kill(to, number)
        except ProcessLookupError:
            pass

    for number in FORWARDED:
        signal.signal(number, send)


def end_as(status: int) -> None:
    """Exit with the status of another process, or die by the same signal. Does not return."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else FAILED)


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Change to the user, permanently: a process that gave up root in a namespace cannot become root there again."""
    with step(f"user {uid}"):
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def run_first(plan: dict[str, list[str]], user: "User | None", directory: str, argv: list[str]) -> None:
    """``user`` is the user that the agent becomes, if it is not ours. Does not return."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    give_up_terminal()
    if user is not None and os.isatty(2):
        os.fchown(2, user[0], -1)  # or programs that open it by its name could not
    uids, gids = identity("uid"), identity("gid")
    unshare_mapped(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, lambda pid: write_maps(pid, uids, gids))
    hide(plan)
    reading, writing = os.pipe()
    init = os.fork()
    if init == 0:
        os.close(reading)
        run_init(writing, user, directory, argv, uids, gids)
    os.close(writing)
    forward(init)
    # The agent alone has its stdin and stdout: a copy here would keep them open after its end.
    os.close(0)
    os.close(1)
    status = b""
    while chunk := os.read(reading, 16):
        status += chunk
    if not status:
        _, code = os.waitpid(init, 0)
        end_as(code)
    end_as(int(status))


def run_init(writing: int, user: "User | None", directory: str, argv: list[str], uids: str, gids: str) -> None:
    """The init of the namespace. It reports the agent's end at once; orphans run until the daemon ends them. Does not
    return."""
    with step("a /proc of its own"):
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    agent = os.fork()
    if agent == 0:
        os.close(writing)
        run_agent(user, directory, argv, uids, gids)
    forward(agent)
    os.close(0)
    os.close(1)
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            os._exit(0)
        if pid == agent:
            os.write(writing, b"%d" % status)
            os.close(writing)


def run_agent(user: "User | None", directory: str, argv: list[str], uids: str, gids: str) -> None:
    """Does not return."""
    os.setsid()
    try:
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    except OSError:  # it has none
        pass
    unshare_mapped(CLONE_NEWUSER | CLONE_NEWNS, lambda pid: write_maps(pid, uids, gids))
    if user is not None:
        become(*user)
    with step(directory):
        os.chdir(directory)
    for number in (signal.SIGPIPE, *FORWARDED):
        signal.signal(number, signal.SIG_DFL)
    if not argv:  # only tried
        os._exit(0)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
        os._exit(127)


def tell(error: Exception) -> None:
    os.write(2, f"cannot isolate: {error}\n".encode())


def read(words: list[str]) -> "tuple[dict[str, list[str]], list[str]]":
    """The plan, as values by kind, and the command line."""
    plan: dict[str, list[str]] = {"directories": [], "files": [], "kept": [], "read_only": [], "user": []}
    end = words.index("--")
    for word in words[:end]:
        what, _, value = word.partition("=")
        plan[what].append(value)
    return plan, words[end + 1 :]


def main() -> None:
    plan, argv = read(sys.argv[1:])
    user = None
    for word in plan["user"]:
        uid, gid, *groups = map(int, word.split(":"))
        user = (uid, gid, groups)
    try:
        run_first(plan, user, os.getcwd(), argv)
    except (Refused, OSError) as error:
        tell(error)
    os._exit(FAILED)


if __name__ == "__main__":
    main()
