"""TLS as openssl, curl and a silent client see it."""

import ssl
import subprocess
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trio

from sandbox_agent.schema.settings import Settings
from sandbox_agent.transport.listening.tls import Certificates, advice, load

from ...patience import PATIENCE
from ..door import Door
from ..raw import HANDSHAKE, Raw
from ..serving import serving
from .certificates import Pair, make_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def secure(pair: Pair, settings: Settings | None = None, certificates: Certificates | None = None):
    door = Door(settings)
    door.session("s")
    certificates = certificates or Certificates(pair.certificate, pair.key, 0)
    async with serving(door, token="right-token", certificates=certificates) as served:
        assert served.url.startswith("https://127.0.0.1:")
        yield served


def trusted(pair: Pair) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(pair.certificate))


async def test_curl_is_served_over_tls_with_a_certificate_that_it_trusts(pair: Pair):
    async with secure(pair) as served:
        for path, status in (("/v1/health", b"200"), ("/v1/sessions", b"401")):
            curl = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "--cacert")
            done = await trio.run_process(
                [*curl, str(pair.certificate), f"{served.url}{path}"], capture_stdout=True, check=False
            )
            assert (done.returncode, done.stdout) == (0, status + b" 1.1")


async def test_a_large_answer_a_stream_and_a_keep_alive_connection_go_over_tls(pair: Pair):
    async with (
        secure(pair) as served,
        httpx.AsyncClient(base_url=served.url, verify=trusted(pair), timeout=PATIENCE) as client,
    ):
        client.headers["Authorization"] = "Bearer right-token"
        for _ in range(3):
            answer = await client.get("/openapi.json")
            assert len(answer.content) > 50_000
        async with client.stream("GET", "/v1/sessions/s/events/sse") as stream:
            assert stream.headers["content-type"] == "text/event-stream"


async def test_a_websocket_goes_over_tls(pair: Pair):
    async with secure(pair) as served:
        plain = await served.connect()
        stream = trio.SSLStream(plain, trusted(pair), server_hostname="localhost", https_compatible=True)
        raw = Raw(stream)
        await raw.send(HANDSHAKE)
        assert (await raw.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await trio.aclose_forcefully(stream)


async def test_http_1_is_all_that_is_offered_and_old_tls_is_not(pair: Pair):
    async with secure(pair) as served:
        context = trusted(pair)
        context.set_alpn_protocols(["h2", "http/1.1"])
        stream = trio.SSLStream(await served.connect(), context, server_hostname="localhost")
        await stream.do_handshake()
        assert stream.selected_alpn_protocol() == "http/1.1"  # pyright: ignore
        await trio.aclose_forcefully(stream)
        for version in ("-tls1", "-tls1_1"):
            command = [
                "openssl",
                "s_client",
                "-connect",
                f"127.0.0.1:{served.port}",
                version,
                "-cipher",
                "ALL@SECLEVEL=0",
            ]
            done = await trio.run_process(command, stdin=b"", capture_stdout=True, capture_stderr=True, check=False)
            assert done.returncode != 0
    assert load(pair.certificate, pair.key).context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_a_client_that_speaks_no_tls_is_told_in_its_own_words(pair: Pair):
    async with secure(pair) as served, await served.connect() as stream:
        raw = Raw(stream)
        await raw.send(b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await raw.until(b"https://")
        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_silent_handshake_is_a_connection_without_a_token_and_ends(pair: Pair):
    """It is counted, it is cut for a newer one, and it does not stay."""
    settings = Settings(max_connections_without_token=2, request_head_timeout=0.2)
    async with secure(pair, settings) as served:
        silent = [await served.connect() for _ in range(6)]
        async with httpx.AsyncClient(base_url=served.url, verify=trusted(pair), timeout=PATIENCE) as client:
            assert (await client.get("/v1/health")).status_code == 200
        for stream in silent:
            with suppress(trio.BrokenResourceError):
                assert await stream.receive_some() == b""
            await stream.aclose()


async def test_what_is_no_handshake_harms_nobody(pair: Pair):
    async with secure(pair) as served:
        for noise in (b"\x16\x03\x01\xff\xff" + b"\x00" * 400, b"\x00" * 100, b"\xff" * 20_000):
            async with await served.connect() as stream:
                try:
                    await stream.send_all(noise)
                    await stream.send_eof()
                    while await stream.receive_some():
                        pass
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
        async with httpx.AsyncClient(base_url=served.url, verify=trusted(pair), timeout=PATIENCE) as client:
            assert (await client.get("/v1/health")).status_code == 200


async def test_a_certificate_that_was_renewed_is_used_by_the_next_connection(tmp_path: Path):
    pair, other = make_pair(tmp_path, "first"), make_pair(tmp_path, "second")
    certificates = Certificates(pair.certificate, pair.key, 0)
    before = certificates.current.certificate
    (tmp_path / "half").write_text("not yet a certificate")
    (tmp_path / "half").replace(pair.certificate)
    await certificates.look()
    assert certificates.current.certificate == before, "one that cannot be used changes nothing"
    other.key.replace(pair.key)
    other.certificate.replace(pair.certificate)
    await certificates.look()
    assert certificates.current.certificate != before
    async with (
        secure(pair, certificates=certificates) as served,
        httpx.AsyncClient(base_url=served.url, verify=trusted(pair), timeout=PATIENCE) as client,
    ):
        assert (await client.get("/v1/health")).status_code == 200


def test_a_pair_that_cannot_be_used_says_why(tmp_path: Path, pair: Pair):
    other = make_pair(tmp_path, "other")
    locked = make_pair(tmp_path, "locked", password="secret")
    empty = tmp_path / "empty"
    empty.write_text("")
    for certificate, key, reason in (
        (pair.certificate, other.key, "is not the key of"),
        (pair.certificate, locked.key, "is encrypted"),
        (empty, pair.key, "--tls-cert .* holds no CERTIFICATE"),
        (pair.certificate, empty, "--tls-key .* holds no PRIVATE KEY"),
        (pair.certificate, tmp_path / "none", "--tls-key .* cannot be read: No such file"),
        (tmp_path / "none", pair.key, "--tls-cert .* cannot be read: No such file"),
    ):
        with pytest.raises(ValueError, match=reason):
            load(certificate, key)


def test_a_key_that_others_can_read_is_told(tmp_path: Path):
    key = make_pair(tmp_path).key
    assert advice(key) is None
    key.chmod(0o640)
    assert "chmod 600" in str(advice(key))


def test_openssl_is_there():
    assert subprocess.run(["openssl", "version"], capture_output=True, check=True).stdout.startswith(b"OpenSSL")
