"""What the redactor takes for a secret, and what it leaves."""

from sandbox_agent.actors.redaction import Redactor
from sandbox_agent.schema.credentials import VARIABLES


def test_every_variable_that_may_hold_a_credential_is_masked():
    redact = Redactor({variable.name: f"secret of {variable.name}!" for variable in VARIABLES})
    assert repr(redact) == f"<Redactor secrets={len(VARIABLES)}>"
    for variable in VARIABLES:
        assert redact(f"<secret of {variable.name}!>".encode()) == b"<[redacted]>"


def test_a_key_with_a_line_break_behind_it_is_masked_without_it_too():
    assert Redactor({"A_KEY": "sk-12345678\n"})(b"it is sk-12345678.") == b"it is [redacted]."


def test_a_secret_that_holds_another_leaves_no_rest():
    assert Redactor({"A_KEY": "sk-12345678", "B_KEY": "sk-12345678-long"})(b"sk-12345678-long") == b"[redacted]"


def test_what_is_short_or_not_said_to_be_secret_stays():
    redact = Redactor({"A_KEY": "short", "PLAIN": "a long value", "B_KEY": "        "})
    assert redact(b"short, a long value,         .") == b"short, a long value,         ."


def test_bytes_that_are_no_text_are_masked():
    assert Redactor({"A_KEY": "\udcff\udcfe-secret"})(b"\xff\xfe-secret") == b"[redacted]"
