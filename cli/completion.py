"""``sandbox-agent completion``: commands, options and choices at the press of TAB."""

import click
from click.shell_completion import get_completion_class

from .suggestions import SuggestingChoice

PROGRAM = "sandbox-agent"
VARIABLE = "_SANDBOX_AGENT_COMPLETE"
"""By it the shell asks us; click makes its name from the program's."""


@click.command()
@click.argument("shell", type=SuggestingChoice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that teaches a shell to complete our commands and options.

    \b
    bash, in ~/.bashrc:   eval "$(sandbox-agent completion bash)"
    zsh, in ~/.zshrc:     eval "$(sandbox-agent completion zsh)"
    fish:                 sandbox-agent completion fish > ~/.config/fish/completions/sandbox-agent.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click cannot complete in {shell}")
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
