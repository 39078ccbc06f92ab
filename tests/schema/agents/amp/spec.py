"""The session that Amp's playbooks play in."""

from sandbox_agent.schema.agents.dialect import AgentSpec, Hook

HOOK = Hook("/private/dir", ("/usr/bin/python3", "-IS", "/our place/amp_hook.py", "/private/dir/hook"))

SPEC = AgentSpec(
    session_id="s",
    executable=("amp",),
    directory="/sandbox/work",
    agent_mode="build",
    permission_mode="default",
    seed="seed",
    hook=HOOK,
)
