"""Limits: what one agent and all its descendants may use together, and the error when they use more."""

from typing import Literal

from attrs import frozen

from ...schema.settings import Settings

LimitName = Literal["memory", "process", "cpu"]


@frozen
class Hit:
    """A limit, and what was measured, in bytes, processes with their threads, or seconds."""

    name: LimitName
    limit: float
    measured: float

    @property
    def code(self) -> str:
        """The code of the error event."""
        return f"{self.name}_limit"

    def __str__(self) -> str:
        match self.name:
            case "memory":
                used = f"{self.measured:.0f} bytes of memory; {self.limit:.0f} are allowed"
            case "process":
                used = f"{self.measured:.0f} processes and threads; {self.limit:.0f} are allowed"
            case "cpu":
                used = f"{self.measured:.1f} seconds of CPU time in one turn; {self.limit:g} are allowed"
        return f"the agent and its descendants used {used}"


@frozen
class Limits:
    """A limit of zero is off."""

    memory: int
    processes: int
    cpu: float

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(settings.agent_memory_bytes, settings.agent_processes, settings.agent_cpu_seconds)

    def __bool__(self) -> bool:
        return bool(self.memory or self.processes or self.cpu)

    def __str__(self) -> str:
        named = {"memory": self.memory, "processes": self.processes, "cpu": self.cpu}
        return " ".join(f"{name}={value}" for name, value in named.items() if value) or "none"

    def check_memory(self, measured: float) -> Hit | None:
        return Hit("memory", self.memory, measured) if self.memory and measured > self.memory else None

    def check_processes(self, measured: float) -> Hit | None:
        return Hit("process", self.processes, measured) if self.processes and measured > self.processes else None

    def check_cpu(self, measured: float) -> Hit | None:
        return Hit("cpu", self.cpu, measured) if self.cpu and measured > self.cpu else None
