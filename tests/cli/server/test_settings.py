"""Every setting can be set from outside, and the page about them is true."""

from pathlib import Path

import attrs
import click
import pytest
from click.testing import CliRunner

from sandbox_agent.cli.server.settings_doc import page
from sandbox_agent.cli.setting_options import build_settings, option_name, setting_options, variable_name
from sandbox_agent.schema.settings import Settings

from ..commands import Commands


def settings_from(arguments: list[str], env: dict[str, str]) -> Settings:
    seen: list[Settings] = []

    @click.command()
    @setting_options
    def command(**given: object) -> None:
        seen.append(build_settings(given))

    result = CliRunner().invoke(command, arguments, env=env)
    assert result.exit_code == 0, result.output
    return seen[0]


CHOICES = {
    "data_dir": ("/one", "/other"),
    "durability": ("full", "normal"),
    "base_path": ("/one", "/one/other"),
    "workspace_trust": ("trusted", "untrusted"),
    "agent_isolation": ("namespace", "process"),
}


@pytest.mark.parametrize("field", attrs.fields(Settings), ids=lambda field: field.name)
def test_a_setting_is_read_from_its_option_before_its_variable(field: "attrs.Attribute[float]") -> None:
    option, variable = option_name(field.name), variable_name(field.name)
    if field.type is bool:
        assert getattr(settings_from([], {variable: "false"}), field.name) is False
        assert getattr(settings_from([option], {variable: "false"}), field.name) is True
        assert getattr(settings_from([f"--no-{option.removeprefix('--')}"], {}), field.name) is False
    else:
        one, other = CHOICES.get(field.name, ("7", "9"))
        assert getattr(settings_from([], {variable: one}), field.name) == field.type(one)
        assert getattr(settings_from([option, other], {variable: one}), field.name) == field.type(other)


def test_a_relative_data_directory_is_the_one_that_it_names_when_it_is_said() -> None:
    assert settings_from(["--data-dir", "below"], {}).data_dir == str(Path.cwd() / "below")
    assert settings_from([], {"SANDBOX_AGENT_DATA_DIR": ""}).data_dir == ""


def test_without_any_the_defaults_hold() -> None:
    assert settings_from([], {}) == Settings()


@pytest.mark.parametrize("value", ["nan", "-1", "soon"])
def test_a_value_that_no_setting_can_have_is_wrong_usage(commands: Commands, value: str) -> None:
    done = commands.run("server", "--port", "0", "--no-token", "--idle-timeout", value)
    assert done.returncode == 2
    assert "idle" in done.stderr


def test_the_settings_page_is_what_the_settings_say() -> None:
    assert (Path(__file__).resolve().parents[3] / "docs" / "settings.md").read_text() == page(), "run `make docs`"
