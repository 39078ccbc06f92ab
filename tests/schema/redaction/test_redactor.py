"""Masking: in text, in JSON however it is written, and never at the cost of what is no secret."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import Secret, certain, of_environment

PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n{}\n-----END RSA PRIVATE KEY-----".format(
    "MIIEowIBAAKCAQEA" * 4, "q9X2vL7pT4mZ8rK1" * 4
)

AWKWARD = (
    'say "hi" 4ever and more',
    "back\\slash\\9-and-more",
    "tab\tand\x01control-9-and-more",
    "schlüssel-ß-für-alles-9",
    "鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵",
    "😀" * 16,
    "slashes/in/it/9X-and-more",
)


@pytest.mark.parametrize("secret", AWKWARD)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_secret_is_found_behind_every_escape_of_json(secret: str, ascii_only: bool, depth: int):
    redactor = Redactor(certain(secret))
    said = json.dumps({"said": f"it is {secret}."}, ensure_ascii=ascii_only)
    for _ in range(depth):
        said = json.dumps({"said": said}, ensure_ascii=ascii_only)
    masked = redactor.json(said.encode())
    for _ in range(depth + 1):
        masked = json.loads(masked)["said"]
    assert masked == "it is [redacted]."


def test_a_letter_that_is_written_as_its_number_hides_nothing():
    redactor = Redactor(certain("q9X2vL7pT4mZ8rK1wB6n"))
    said = b'{"said": "' + b"".join(b"\\u%04x" % ord(c) for c in "q9X2vL7pT4mZ8rK1wB6n") + b'"}'
    assert json.loads(redactor.json(said)) == {"said": "[redacted]"}


@given(
    st.text(min_size=16, max_size=40).filter(
        lambda text: text.strip() == text and "\n" not in text and "\r" not in text
    )
)
def test_whatever_a_secret_is_made_of_it_is_not_in_what_is_shown(secret: str):
    said = json.dumps({"a": [f"x {secret} y"], secret: secret})
    assert secret not in str(json.loads(Redactor([Secret(secret)]).json(said.encode())))


def test_bytes_of_the_environment_that_are_no_text_are_masked_as_they_are_said():
    redactor = Redactor(of_environment({"A_KEY": "\udcff\udcfe-secret-of-9-bytes"}))
    assert redactor.text("\ufffd\ufffd-secret-of-9-bytes") == "[redacted]"


def test_each_line_of_a_key_is_masked_by_itself_and_in_one_piece():
    redactor = Redactor(of_environment({"DEPLOY_KEY": PEM}))
    assert redactor.text(f"<{PEM}>") == "<[redacted]>"
    for line in PEM.splitlines()[1:3]:
        assert redactor.text(f"    {line}\r\n") == "    [redacted]\r\n"


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-api03-Zq9X2vL7pT4mZ8rK1wB6n_-",
        "sk-proj-Zq9X2vL7pT4mZ8rK1wB6n",
        "ghp_Zq9X2vL7pT4mZ8rK1wB6nZq9X2vL7pT4mZ8",
        "github_pat_11ABCDEFG0Zq9X2vL7pT4mZ8_rK1wB6n",
        "glpat-Zq9X2vL7pT4mZ8rK1wB6",
        "npm_Zq9X2vL7pT4mZ8rK1wB6nZq9X2vL7pT4mZ8r",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyZq9X2vL7pT4mZ8rK1wB6nZq9X2vL7pT4m",
        "xoxb-1234567890-abcdefghij",
        "sat_Zq9X2vL7pT4mZ8rK1wB6nZq9X2vL7pT4mZ8rK-_B6nZ",
        "sak_Zq9X2vL7pT4mZ8rK1wB6nZq9X2vL7pT4mZ8rK-_B6nZ",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpM",
        "sgamp_Zq9X2vL7pT4mZ8rK1wB6n",
        PEM,
    ],
)
@pytest.mark.parametrize("around", ["<{}>", "KEY={}", "line\n{}\nline", '{{"key": "{}"}}'])
def test_what_looks_like_a_key_is_masked_whoever_has_it(key: str, around: str):
    said = json.dumps({"arguments": json.dumps({"text": around.format(key)})}).encode()
    masked = json.loads(json.loads(Redactor().json(said))["arguments"])["text"]
    assert masked == around.format("[redacted]")


@pytest.mark.parametrize(
    "text",
    [
        "task-force-of-the-big-journal-2026",
        "risk-based-approach-to-testing-2026",
        "disk-usage-of-the-big-journal-9",
        "sk-means-nothing",
        "the sk-learn-contrib-documentation",
        "https://example.com:8080/a@b",
        "git@github.com:owner/name.git",
        "ssh://git@github.com/owner/name",
        "npm_config_registry=https://registry.example.com",
        "AKIA",
        "cat sat_on_the_mat",
        'eyJ is how base64 of {" begins',
        "-----BEGIN CERTIFICATE-----",
        "sha256:5f0b5be59f0d4b7b8a520e5a3fbc1234",
        "5f0b5be5-9f0d-4b7b-8a52-0e5a3fbc1234",
    ],
)
def test_what_only_resembles_a_key_stays(text: str):
    assert Redactor().text(text) == text


def test_of_a_url_the_password_is_masked_and_not_where_it_leads():
    assert Redactor().text("postgres://app:pw@db:5432/app") == "postgres://app:[redacted]@db:5432/app"
    assert Redactor().text("https://ghp_Zq9X2vL7pT4mZ8rK1wB6nZq9@github.com/a") == "https://[redacted]@github.com/a"


def test_a_secret_whose_end_was_cut_off_with_the_text_is_masked_too():
    redactor = Redactor(certain("q9X2vL7pT4mZ8rK1wB6n"))
    assert redactor.text("it is q9X2vL7pT4mZ8") == "it is [redacted]"
    assert redactor.suspects(b"it is q9X2vL7pT4mZ8rK1")


def test_json_in_which_nothing_is_masked_is_the_same_object():
    redactor = Redactor(certain("q9X2vL7pT4mZ8rK1wB6n"))
    for said in (b'{"a":  1.50, "b": "sk-no key"}', b'["\\u0041"]', b"no json, sk- either"):
        assert redactor.json(said) is said or b"no json" in said


@pytest.mark.parametrize(
    "hostile",
    [
        "sk-",
        "sk-a",
        "eyJ",
        "eyJa.",
        "://",
        "://a:",
        "://a:b",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "xoxb-",
        "q9X2vL7pT4mZ8rK1wB6",
        "A_KEY=",
        "A_KEY=\\\\",
    ],
)
def test_time_grows_with_the_length_alone(hostile: str):
    """Measured against ordinary text of the same length, on the same machine; quadratic time would be thousands."""
    redactor = Redactor([*certain("q9X2vL7pT4mZ8rK1wB6n"), Secret("postgres", anywhere=False, after="A_KEY")])

    def seconds(text: str) -> float:
        start = time.process_time()
        redactor.text(text)
        return time.process_time() - start

    size = 1 << 17
    assert seconds(hostile * (size // len(hostile))) < 100 * max(seconds("ordinary text " * (size // 14)), 0.01)
