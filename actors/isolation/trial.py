"""A trial of namespaces: whether an agent can be started in them."""

import subprocess

from attrs import frozen

from ..machine.proc_visibility import look
from .plan import Plan

PATIENCE = 10.0
"""Seconds that the system has to make namespaces. Usually it takes milliseconds."""


@frozen
class Trial:
    """``trouble`` says why no trial was started."""

    process: "subprocess.Popen[bytes] | None" = None
    trouble: str = ""

    @classmethod
    def begin(cls, plan: Plan) -> "Trial":
        try:
            if sight := look().trouble:
                return cls(trouble=sight)
            return cls(
                subprocess.Popen(
                    plan.command(()),
                    env={},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
            )
        except OSError as error:
            return cls(trouble=f"namespaces cannot be tried: {error}")

    def why_not(self) -> str:
        """Why it failed; empty when an agent can be started in namespaces. Call it once: it ends the process."""
        if self.process is None:
            return self.trouble
        with self.process:
            try:
                _, said = self.process.communicate(timeout=PATIENCE)
            except (OSError, subprocess.TimeoutExpired) as error:
                self.process.kill()
                return f"namespaces cannot be tried: {error}"
        if self.process.returncode == 0:
            return ""
        words = said.decode(errors="replace").strip().splitlines()
        return words[0] if words else f"namespaces cannot be made (exit status {self.process.returncode})"
