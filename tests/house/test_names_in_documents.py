"""What README and docs/ name exists: paths, commands, options, variables, settings, metrics and names of the code."""

import re
from collections.abc import Iterator
from functools import cache

import click
import pytest

from sandbox_agent.cli.main import main
from sandbox_agent.cli.server.variables import KNOWN, OTHERS, PREFIX
from sandbox_agent.schema.settings import Settings

from .checkout import ROOT, files

PAGES = [name for name in files() if name.endswith(".md") and "/" not in name.replace("docs/", "", 1)]
FOLDERS = ("schema", "actors", "transport", "cli", "sdk", "tests", "docs", "benchmarks", ".ci")
FOREIGN = frozenset(
    {
        *(
            "--resume",
            "--setting-sources",
            "--settings",
            "--strict-mcp-config",
            "--ignore-scripts",
        ),  # options of claude and of npm
        *("process_cpu_seconds_total", "process_max_fds", "process_start_time_seconds"),  # metrics of prometheus-client
        *("client_max_body_size", "flush_interval", "proxy_pass", "ssl_certificate", "ssl_certificate_key"),  # proxies
        "close_range",  # a system call
    }
)
"""Named as what they are: not ours."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9](?![\w-])")


ABSENT = re.compile(r"(?ms)^(## What is|Of 0\.1 this is) not there yet.*?^(?=Other differences|Differences from)")
"""What is not there is another test's: tests/house/test_absent.py."""


def page_text(page: str) -> str:
    return ABSENT.sub("", (ROOT / page).read_text())


def quoted(text: str) -> list[str]:
    """What stands in back quotes, once."""
    return sorted(set(re.findall(r"`([^`\n]+)`", text)))


def blocks(text: str) -> list[str]:
    """The lines of code blocks, with those that a backslash or the next line's indent continues joined."""
    return re.findall(r"(?m)^    (?! )(.+(?:\n     +.+)*)", text)


def spoken(text: str) -> Iterator[str]:
    """Every command of ours that a page shows, as it would be typed, without what follows in a pipe."""
    for line in blocks(text):
        yield from re.findall(
            r"(?<![\w-] )(?<!-u )\bsandbox-agent (?!-o)[^\n#]*(?:\n +\[[^\n]*)*", line.split(" # ")[0]
        )
    yield from (code for code in quoted(text) if code.startswith("sandbox-agent "))
    yield from (
        f"sandbox-agent {code}" for code in quoted(text) if code.split()[0] in main.list_commands(click.Context(main))
    )


@cache
def commands() -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}

    def add(command: click.Command, path: tuple[str, ...]) -> None:
        found[path] = command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                add(inner, (*path, name))

    add(main, ())
    return found


def options_of(command: click.Command) -> set[str]:
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}


def every_option() -> set[str]:
    return set().union(*(options_of(command) for command in commands().values()))


def wrong_words(line: str) -> list[str]:
    """What is wrong in one shown command: a command or an option that is not there."""
    words = re.split(r"[\s|\[\]()\"'`;]+", line.removeprefix("sandbox-agent "))
    paths: list[tuple[str, ...]] = [()]
    for word in words:
        command = commands()[paths[-1]]
        if (*paths[-1], word) in commands():
            paths.append((*paths[-1], word))
        elif (*paths[-1][:-1], word) in commands() and isinstance(commands()[paths[-1][:-1]], click.Group):
            paths.append((*paths[-1][:-1], word))  # start|stop|status
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]+", word):
            return [f"{word!r} in {line!r}"]
        elif not isinstance(command, click.Group):
            break
    known = set().union(*(options_of(commands()[path[:length]]) for path in paths for length in range(len(path) + 1)))
    return [f"{option!r} in {line!r}" for option in OPTION.findall(line) if option not in known]


@pytest.mark.parametrize("page", PAGES)
def test_the_paths_of_the_checkout_exist(page: str) -> None:
    named = [code for code in quoted(page_text(page)) if re.fullmatch(r"[\w./*-]+", code)]
    paths = [code.partition("::")[0] for code in named if code.startswith(tuple(f"{folder}/" for folder in FOLDERS))]
    made = (ROOT / ".gitignore").read_text().splitlines()
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/"))) and f"/{path}/" not in made] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_exist_and_take_those_options(page: str) -> None:
    assert [wrong for line in spoken(page_text(page)) for wrong in wrong_words(line)] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_options_exist(page: str) -> None:
    named = {option for code in quoted(page_text(page)) if code.startswith("--") for option in OPTION.findall(code)}
    assert named - every_option() - FOREIGN == set()


@pytest.mark.parametrize("page", PAGES)
def test_the_variables_exist(page: str) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", page_text(page)))
    assert named - set(KNOWN) - {PREFIX + name for name in OTHERS} == set()


@cache
def sources() -> str:
    return "\n".join(
        (ROOT / name).read_text()
        for name in files()
        if name.endswith((".py", ".json", ".service", "Makefile", "pyproject.toml"))
    )


@pytest.mark.parametrize("page", PAGES)
def test_the_metrics_exist(page: str) -> None:
    """Those of docs/metrics.md, which tests/transport/metrics/test_metrics.py compares with what the daemon tells."""
    rows = set(re.findall(r"^\| `(\w+)` \| (?:gauge|counter|histogram)", page_text("docs/metrics.md"), re.MULTILINE))
    assert len(rows) > 15
    named = set(re.findall(r"(?<![$\w])sandbox_agent_([a-z_]+[a-z])\b", page_text(page)))
    assert {name for name in named if not {name, re.sub(r"_(bucket|sum|count)$", "", name)} & rows} == set()


@pytest.mark.parametrize("page", PAGES)
def test_the_names_of_settings_and_code_exist(page: str) -> None:
    named = {code for code in quoted(page_text(page)) if re.fullmatch(r"[a-z]+(?:_[a-z0-9]+)+", code)}
    assert {name for name in named - FOREIGN if not re.search(rf"\b(sandbox_agent_)?{name}\b", known_names())} == set()


@cache
def known_names() -> str:
    """Metrics are named in parts: their page stands for them, which another test compares with the daemon."""
    return sources() + "".join(re.findall(r"(?m)^\| `\w+` \|", page_text("docs/metrics.md")))


def test_every_setting_can_be_named() -> None:
    assert len(every_option()) > len(Settings.__annotations__) > 50
