"""Where the token comes from, and that it goes nowhere else."""

import os
import stat
import threading
from pathlib import Path

import click
import pytest

from sandbox_agent.cli.api.connection import find_client_token
from sandbox_agent.cli.failure import Failure
from sandbox_agent.cli.server.advice import token_advice
from sandbox_agent.cli.server.server_token import ServerToken, choose_token
from sandbox_agent.cli.token_options import TokenChoice
from sandbox_agent.cli.token_store import FoundToken, find_given, make_token, read_token, stored_path
from sandbox_agent.schema.access.loopback import is_loopback
from sandbox_agent.schema.api.ws_commands import WebSocketAuth
from sandbox_agent.transport.guard.auth import Auth

from ...patience import PATIENCE


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_STATE_HOME", "SANDBOX_AGENT_TOKEN", "SANDBOX_AGENT_TOKEN_FILE", "SANDBOX_AGENT_ALLOW_NO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def value(found: FoundToken | None) -> str | None:
    return None if found is None else found.value


def test_an_option_wins_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    env = {"SANDBOX_AGENT_TOKEN": "from-env", "SANDBOX_AGENT_TOKEN_FILE": str(file)}
    assert value(find_given(TokenChoice("from-option"), env)) == "from-option"
    assert value(find_given(TokenChoice(file=file), env)) == "from-file"
    assert find_given(TokenChoice(none=True), env) is None
    assert value(find_given(TokenChoice(), env)) == "from-env"
    assert value(find_given(TokenChoice(), env | {"SANDBOX_AGENT_TOKEN": ""})) == "from-file"
    assert find_given(TokenChoice(), {}) is None


@pytest.mark.parametrize("around", ["{}\n", " {}", "\t{}\r\n", "{}\u00a0", "\n\n{} "])
def test_blanks_and_line_ends_around_a_token_are_no_part_of_it(tmp_path: Path, around: str) -> None:
    said = around.format("the-token")
    (tmp_path / "t").write_text(said)
    assert value(find_given(TokenChoice(said), {})) == "the-token"
    assert value(find_given(TokenChoice(), {"SANDBOX_AGENT_TOKEN": said})) == "the-token"
    assert value(find_given(TokenChoice(file=tmp_path / "t"), {})) == "the-token"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("marker two", "a blank"),
        ("marker\ntwo", "a blank"),
        ("marker\x01two", "character"),
        ("marker\x7f", "character"),
        ("marker\u2192", "character"),
        ("marker\udcff", "character"),
    ],
)
def test_what_no_header_can_hold_is_refused_without_telling_it(tmp_path: Path, text: str, why: str) -> None:
    refusals: list[click.ClickException] = []
    with pytest.raises(click.UsageError, match="--token") as refused:
        TokenChoice(text)
    refusals.append(refused.value)
    if text:  # an empty variable is none
        with pytest.raises(Failure, match="SANDBOX_AGENT_TOKEN ") as failed:
            find_given(TokenChoice(), {"SANDBOX_AGENT_TOKEN": text})
        refusals.append(failed.value)
    (tmp_path / "t").write_text(text, errors="surrogateescape")
    with pytest.raises(Failure, match="one token") as failed:
        find_given(TokenChoice(file=tmp_path / "t"), {})
    for refusal in (*refusals, failed.value):
        assert "marker" not in refusal.message
        assert "marker" not in str(refusal.__cause__)
    assert why in refusals[0].message
    assert all(why in refusal.message for refusal in refusals)


def test_a_token_file_that_is_longer_than_a_token_is_not_cut_off(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("x" * 4097)
    with pytest.raises(Failure, match="4096"):
        read_token(tmp_path / "t")
    (tmp_path / "t").write_text("x" * 4095 + "\n")
    assert read_token(tmp_path / "t") == "x" * 4095


def test_no_repr_holds_a_token() -> None:
    for holder in (TokenChoice("marker"), ServerToken("marker"), WebSocketAuth(token="marker"), Auth("marker")):
        assert "marker" not in repr(holder)


def test_two_ways_to_give_a_token_exclude_each_other() -> None:
    with pytest.raises(click.UsageError, match="--token and --no-token"):
        TokenChoice("t", none=True)


def test_a_made_token_is_private_and_is_made_once() -> None:
    path = stored_path()
    old = os.umask(0)  # the file must be private whatever the umask
    try:
        first = choose_token(TokenChoice(), "127.0.0.1")
    finally:
        os.umask(old)
    assert first.stored == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert choose_token(TokenChoice(), "127.0.0.1") == first
    assert len(first.value or "") >= 43
    assert [entry.name for entry in path.parent.iterdir()] == ["token"]


def test_two_makers_at_once_agree_on_one_token() -> None:
    path = stored_path()
    together = threading.Barrier(8)
    made: list[str] = []

    def make() -> None:
        together.wait(PATIENCE)
        made.append(make_token(path))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert made == [read_token(path)] * 8


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_stored_token_that_others_can_read_is_refused(mode: int) -> None:
    make_token(stored_path())
    stored_path().chmod(mode)
    with pytest.raises(Failure, match="chmod 600"):
        choose_token(TokenChoice(), "127.0.0.1")


@pytest.mark.parametrize("text", ["", "\n", "two words"])
def test_a_token_file_that_holds_no_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(Failure, match="one token"):
        read_token(tmp_path / "t")


def test_a_state_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("a file where a directory must be")
    with pytest.raises(Failure, match="SANDBOX_AGENT_TOKEN"):
        choose_token(TokenChoice(), "127.0.0.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.test"])
def test_no_token_where_others_can_reach_is_refused_unless_allowed(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="SANDBOX_AGENT_ALLOW_NO_TOKEN"):
        choose_token(TokenChoice(none=True), host)
    monkeypatch.setenv("SANDBOX_AGENT_ALLOW_NO_TOKEN", "1")
    assert choose_token(TokenChoice(none=True), host).value is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST."])
def test_loopback_is_known_in_all_its_spellings(host: str) -> None:
    assert is_loopback(host)
    assert choose_token(TokenChoice(none=True), host).value is None


def test_the_stored_token_is_sent_to_our_own_daemon_only() -> None:
    token = make_token(stored_path())
    assert value(find_client_token(TokenChoice(), ours=True)) == token
    assert find_client_token(TokenChoice(), ours=False) is None
    assert find_client_token(TokenChoice(none=True), ours=True) is None
    assert value(find_client_token(TokenChoice("mine"), ours=False)) == "mine"


def test_advice_names_the_file_and_never_the_token(tmp_path: Path) -> None:
    token = make_token(tmp_path / "a b" / "token")
    advice = token_advice("http://127.0.0.1:1", tmp_path / "a b" / "token")
    assert token not in advice
    assert f"$(cat '{tmp_path}/a b/token')" in advice
