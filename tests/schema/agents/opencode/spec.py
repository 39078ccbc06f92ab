"""The session that opencode's playbooks play in."""

from sandbox_agent.schema.agents.dialect import AgentSpec

SPEC = AgentSpec(
    session_id="s",
    executable=("opencode",),
    directory="/sandbox/work",
    agent_mode="build",
    permission_mode="default",
    seed="a-password",
)
