"""docs/settings.md, written from the settings themselves: ``python -m sandbox_agent.cli.server.settings_doc``."""

from ..setting_options import fields, option_name, variable_name

HEAD = """\
# Settings

Every timeout, limit and size of the daemon. Each is an option of `sandbox-agent server` and an environment variable;
the option wins. Times are seconds unless the unit says otherwise; a timeout of 0 is off.
What is on or off is switched off by `--no-…`, and by `false` in its variable.

This page is generated from `schema/settings.py` by `make docs`.

| Option | Default | Unit | Meaning |
|---|---|---|---|
"""

TAIL = """
The environment variable of an option is its name in capitals after `SANDBOX_AGENT_`, with underscores:
`{option}` is `{variable}`.
"""


def page() -> str:
    rows = [
        f"| `{option_name(f.name)}` | {_told(f.default)} | {f.metadata['unit']} | {f.metadata['meaning']} |\n"
        for f in fields()
    ]
    first = fields()[0].name
    return HEAD + "".join(rows) + TAIL.format(option=option_name(first), variable=variable_name(first))


def _told(default: object) -> object:
    return {True: "on", False: "off"}[default] if isinstance(default, bool) else default


if __name__ == "__main__":
    print(page(), end="")
