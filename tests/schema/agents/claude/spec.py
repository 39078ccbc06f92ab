"""The session that claude's playbooks play in."""

from sandbox_agent.schema.agents.dialect import AgentSpec

SPEC = AgentSpec(
    session_id="s",
    executable=("claude",),
    directory="/sandbox/work",
    agent_mode="build",
    permission_mode="default",
    seed="seed",
)
