"""How amp is started: command line and private files (measured on 0.0.1790142911)."""

from ...problems import invalid_request
from ..dialect import AgentSpec, Launch, PrivateFile
from .definition import DEFAULT_MODEL, MODES
from .settings import HOOK, SETTINGS, hook_program, settings
from .untrusted import untrusted

_PROTOCOL = (
    "--execute",
    "--stream-json",
    "--stream-json-thinking",
    "--stream-json-input",
    "--no-archive-after-execute",  # or the thread leaves the user's list whenever a process of ours ends
)


def launch(spec: AgentSpec) -> Launch:
    """Raises the ``invalid_request`` problem for a model: Amp has modes instead."""
    if spec.model not in (None, DEFAULT_MODEL):
        raise invalid_request(
            f"amp takes no model ({spec.model!r}): it chooses one by its mode, which is the session's variant",
            supported=list(MODES),
        )
    if spec.hook is None:
        raise ValueError("amp needs a hook: without it nobody would be asked")
    argv = [*spec.executable]
    if spec.resume:
        argv += ["threads", "continue", spec.resume]
    argv += ["--settings-file", f"{spec.hook.directory}/{SETTINGS}", *_PROTOCOL]
    if spec.title and not spec.resume:  # refused for a thread that goes on
        argv += ["--title", spec.title]
    if spec.variant:
        argv += ["--mode", spec.variant]
    files = {
        SETTINGS: PrivateFile(settings(spec.permission_mode, spec.hook, spec.user_file)),
        HOOK: PrivateFile(hook_program(spec.hook), program=True),
    }
    plan = Launch(tuple(argv), defaults={"AMP_SKIP_UPDATE_CHECK": "1"}, files=files)
    return plan if spec.trusted else untrusted(plan, spec)
