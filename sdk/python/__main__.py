"""``python -m sandbox_agent``: the command line where the command itself is not on PATH."""

from sandbox_agent.cli.main import main

if __name__ == "__main__":
    main(prog_name="sandbox-agent")
