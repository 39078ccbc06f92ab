"""Which values are secret, and which stand in ordinary text too often to be hidden."""

import pytest

from sandbox_agent.schema.credentials.credential import VARIABLES
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import is_distinct, of_environment

MASKED = (
    "sk-12345678",
    "s3cr3tpw",
    "Tr0ub4dor&3",
    "q9X2vL7pT4mZ8rK1wB6n",
    "correct horse battery staple",
    "correct-horse-battery-staple",
    "5f0b5be59f0d4b7b8a520e5a3fbc1234",
    "5f0b5be5-9f0d-4b7b-8a52-0e5a3fbc1234",
    "dGhpcyBpcyBhIHNlY3JldCBrZXk=",
    "pässwört-mit-ümläuten",
    "/9j/4AAQSkZJRgABAQ2x8Yq0pLmN",
)

KEPT = (
    "postgres",
    "localhost",
    "password",
    "changeme",
    "development",
    "Production",
    "sandbox-agent",
    "my_database",
    "us-east-1",
    "db.internal.example.com",
    "db.internal.example.com:5432",
    "127.0.0.1:5432",
    "http://localhost:8080/login",
    "/run/secrets/database-password",
    "~/.ssh/id_ed25519",
    "./postgres-data",
    "12345678",
    "2026-11-29",
    "true",
    "disabled",
    "short1!",
    "",
)


@pytest.mark.parametrize("value", MASKED)
def test_a_value_unlike_ordinary_text_is_masked_wherever_it_stands(value: str):
    assert Redactor(of_environment({"A_SECRET": value})).text(f"it is '{value}'.") == "it is '[redacted]'."


@pytest.mark.parametrize("value", KEPT)
def test_a_word_a_number_a_path_or_a_host_is_masked_only_behind_its_variable(value: str):
    assert not is_distinct(value)
    redactor = Redactor(of_environment({"A_SECRET": value}))
    text = f"rm -rf ./{value}-data {value} x{value}y"
    assert redactor.text(text) == text
    if value:
        for told, masked in (
            ("A_SECRET={}", "A_SECRET=[redacted]"),
            ("export A_SECRET='{}'", "export A_SECRET='[redacted]'"),
            ("A_SECRET: {}", "A_SECRET: [redacted]"),
            ('{{"A_SECRET": "{}"}}', '{{"A_SECRET": "[redacted]"}}'),
        ):
            assert redactor.text(told.format(value)) == masked.format()


def test_a_variable_that_is_not_said_to_be_secret_is_not():
    assert Redactor(of_environment({"PLAIN": "q9X2vL7pT4mZ8rK1wB6n"})).text("q9X2vL7pT4mZ8rK1wB6n") != "[redacted]"


def test_every_variable_that_may_hold_a_credential_is_masked_also_with_a_value_of_words():
    redactor = Redactor(of_environment({variable.name: f"of-{variable.name}" for variable in VARIABLES}))
    for variable in VARIABLES:
        assert redactor.text(f"<of-{variable.name}>") == "<[redacted]>"


def test_a_key_with_a_line_break_behind_it_is_masked_without_it_too():
    assert Redactor(of_environment({"A_KEY": "sk-12345678\n"})).text("it is sk-12345678.") == "it is [redacted]."


def test_a_secret_that_holds_another_leaves_no_rest():
    redactor = Redactor(of_environment({"A_KEY": "sk-12345678", "B_KEY": "sk-12345678-long-1"}))
    assert redactor.text("sk-12345678-long-1") == "[redacted]"


def test_a_short_value_is_masked_as_a_word_and_not_inside_of_one():
    redactor = Redactor(of_environment({"A_KEY": "admin123"}))
    assert redactor.text("admin123 admin1234 myadmin123 'admin123'") == "[redacted] admin1234 myadmin123 '[redacted]'"


def test_the_password_of_a_url_and_the_url_are_masked_whatever_the_variable_is_called():
    redactor = Redactor(of_environment({"STORE": "postgres://app:p%40ssw0rd-9@db:5432/app"}))
    assert redactor.text("p%40ssw0rd-9, p@ssw0rd-9") == "[redacted], [redacted]"
    assert "ssw0rd" not in redactor.text("at postgres://app:p%40ssw0rd-9@db:5432/app")
