"""Who is served without a token, as it is said on the command line; and the prefix below which everything is."""

import json
import urllib.request
from urllib.error import HTTPError

import pytest

from ..commands import TIMEOUT, Commands
from ..running import daemon

ALLOW = {"SANDBOX_AGENT_ALLOW_NO_TOKEN": "1"}
EVERYWHERE = ("--no-token", "--host", "0.0.0.0")


def asked(url: str, host: str) -> tuple[int, str]:
    """Status and body of a request that names a host."""
    request = urllib.request.Request(url, headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_daemon_without_a_token_is_called_by_the_names_that_were_allowed(commands: Commands) -> None:
    names = ("--allow-host", "box.example", "--allow-host", "*.provider.example")
    with daemon(commands, *EVERYWHERE, *names, env=ALLOW) as running:
        agents = running.url.replace("0.0.0.0", "127.0.0.1") + "/v1/agents"
        for host in ("box.example", "2468-id.provider.example:443", "localhost:2468", "10.1.2.3"):
            assert asked(agents, host)[0] == 200, host
        status, body = asked(agents, "other.example")
        assert status == 403
        assert "use a token, or --allow-host other.example" in json.loads(body)["details"]["message"]
        assert asked(agents.replace("agents", "health"), "other.example")[0] == 200


def test_the_names_may_come_from_the_environment(commands: Commands) -> None:
    env = {"SANDBOX_AGENT_ALLOW_HOST": "one.example *.two.example"}
    with daemon(commands, "--no-token", env=env) as running:
        assert [
            asked(f"{running.url}/v1/agents", host)[0] for host in ("one.example", "x.two.example", "x.example")
        ] == [
            200,
            200,
            403,
        ]


def test_every_host_takes_the_word_of_the_environment_too(commands: Commands) -> None:
    for words in (("server", "--port", "0"), ("daemon", "start", "--port", "0")):
        done = commands.run(*words, "--no-token", "--allow-host", "*")
        assert (done.returncode, done.stdout) == (1, "")
        assert "SANDBOX_AGENT_ALLOW_NO_TOKEN=1" in done.stderr
        assert "name the hosts" in done.stderr
    with daemon(commands, *EVERYWHERE, "--allow-host", "*", env=ALLOW) as running:
        assert asked(running.url.replace("0.0.0.0", "127.0.0.1") + "/v1/agents", "any.example")[0] == 200


@pytest.mark.parametrize("words", [("server", "--port", "0"), ("daemon", "start", "--port", "0")])
def test_what_is_no_name_is_wrong_usage(commands: Commands, words: tuple[str, ...]) -> None:
    done = commands.run(*words, "--no-token", "--allow-host", "https://box.example/")
    assert (done.returncode, done.stdout) == (2, "")
    assert "without a scheme" in done.stderr


def test_who_listens_everywhere_without_a_name_is_told_how_to_be_called_by_one(commands: Commands) -> None:
    with daemon(commands, *EVERYWHERE, env=ALLOW) as running:
        running.close()
        assert "--allow-host NAME" in running.stderr
    with daemon(commands, "--no-token") as running:
        running.close()
        assert "--allow-host" not in running.stderr


def test_below_a_base_path_the_client_and_the_daemon_find_each_other(commands: Commands) -> None:
    with daemon(commands, "--base-path", "/agents", "--no-token") as running:
        assert running.url.endswith("/agents")
        for endpoint in (running.url, f"{running.url}/"):
            done = commands.run("api", "agents", "list", "-e", endpoint)
            assert done.returncode == 0, done.stderr
        assert commands.run("api", "sessions", "create", "a/b", "-a", "mock", "-e", running.url).returncode == 0
        done = commands.run("api", "sessions", "send-message-stream", "a/b", "-m", "say hi", "-e", running.url)
        assert "turn.ended" in done.stdout
        done = commands.run("api", "agents", "list", "-e", running.url.removesuffix("/agents"))
        assert done.returncode == 1
        assert "/agents/" in json.loads(done.stderr)["detail"]


def test_a_base_path_in_another_spelling_is_wrong_usage(commands: Commands) -> None:
    done = commands.run("server", "--port", "0", "--base-path", "agents/")
    assert done.returncode == 2
    assert "like /agents" in done.stderr
