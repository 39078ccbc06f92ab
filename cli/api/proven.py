"""Connections to the daemon of a data directory: none is used before its other end has proven that it is that daemon.

Over TCP it answers a nonce with a MAC by the key of its address file (:class:`.Prover`), on the very connection on
which the token will be sent. Over a unix socket the kernel says who listens.
"""

import hashlib
import secrets
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any, cast

import h11
import httpcore
import httpx
from attrs import evolve, field, frozen

from ...transport.listening.peer import Credentials
from ...transport.listening.prover import Channel, Prover
from ..endpoint import Endpoint
from ..failure import Failure
from .target import Target

NONCE_BYTES = 32
MAX_ANSWER = 1 << 14
"""Bytes of a proof with its head."""
TIMEOUT = 5.0
"""Seconds for a proof, from its request to its end."""


@frozen
class Identity:
    """Whom we want to reach: a process, the data directory or the place of the token, and the key in the address
    there. ``path`` is below which that daemon serves, whatever path a client asks for."""

    pid: int
    directory: str
    path: str
    key: str = field(repr=False)


def identity_of(target: Target) -> Identity | None:
    """None for a stranger, and for a daemon of ours that is too old to prove anything: it gets no stored token."""
    address = target.address
    if address is None or address.proof_key is None:
        return None
    return Identity(address.process.pid, address.directory, Endpoint.parse(address.url).path, address.proof_key)


class NotProven(Exception):
    """Who listens is somebody else."""


class ProvenTransport(httpx.HTTPTransport):
    """As httpx's, for one endpoint; the pool's own backend is all that differs, and httpx has no parameter for it."""

    def __init__(self, endpoint: Endpoint, identity: Identity, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, uds=endpoint.socket, network_backend=ProvenBackend(endpoint, identity)
        )


class ProvenBackend(httpcore.NetworkBackend):
    def __init__(self, endpoint: Endpoint, identity: Identity) -> None:
        self._inner = httpcore.SyncBackend()
        self._endpoint = endpoint
        self._identity = identity

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        if self._endpoint.scheme == "https":
            return _SecureLater(stream, self._endpoint, self._identity)
        return _checked(stream, self._endpoint, self._identity)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_unix_socket(path, timeout, socket_options)
        peer = Credentials.of(cast("socket.socket", stream.get_extra_info("socket")))
        if peer.pid != self._identity.pid:
            stream.close()
            raise NotProven(
                _sentence(self._endpoint, self._identity, f"pid {peer.pid} of uid {peer.uid} listens there")
            )
        return stream

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _SecureLater(httpcore.NetworkStream):
    """A connection on which only TLS can begin."""

    def __init__(self, stream: httpcore.NetworkStream, endpoint: Endpoint, identity: Identity) -> None:
        self._stream = stream
        self._endpoint = endpoint
        self._identity = identity

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _checked(secure, self._endpoint, self._identity)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _checked(stream: httpcore.NetworkStream, endpoint: Endpoint, identity: Identity) -> httpcore.NetworkStream:
    try:
        nonce = secrets.token_hex(NONCE_BYTES)
        proof = ask_proof(stream, evolve(endpoint, path=identity.path), nonce)
        if not Prover(identity.key).verify(proof, nonce, channel_of(stream)):
            raise NotProven(_sentence(endpoint, identity, "the answer to our challenge is wrong"))
    except BaseException:
        stream.close()
        raise
    return stream


def channel_of(stream: httpcore.NetworkStream) -> Channel:
    sock = stream.get_extra_info("socket")
    shown = sock.getpeercert(True) if isinstance(sock, ssl.SSLSocket) else None
    client, server = stream.get_extra_info("client_addr"), stream.get_extra_info("server_addr")
    certificate = hashlib.sha256(shown).hexdigest() if shown else ""
    return Channel((client[0], client[1]), (server[0], server[1]), certificate)


def ask_proof(stream: httpcore.NetworkStream, endpoint: Endpoint, nonce: str) -> str:
    """What came as the proof, from whoever listens: empty when it was none."""
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_ANSWER)
    host = endpoint.url.partition("://")[2].partition("/")[0]
    asked = h11.Request(method="GET", target=f"{endpoint.path}/v1/proof/{nonce}", headers=[("Host", host)])
    stream.write(talk.send(asked) + talk.send(h11.EndOfMessage()), TIMEOUT)
    deadline, body = time.monotonic() + TIMEOUT, b""
    try:
        while not isinstance(event := talk.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
            elif event is h11.NEED_DATA:
                talk.receive_data(stream.read(MAX_ANSWER, max(deadline - time.monotonic(), 0.001)))
            elif isinstance(event, h11.ConnectionClosed) or len(body) > MAX_ANSWER:
                return ""
        return str(httpx.Response(200, content=body).json()["proof"])
    except (h11.ProtocolError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _sentence(endpoint: Endpoint, identity: Identity, reason: str) -> str:
    return (
        f"who listens at {endpoint} is not the daemon of {identity.directory} (pid {identity.pid}): {reason}. Nothing "
        "was sent; `sandbox-agent daemon status` tells of that daemon"
    )


def trusting(authorities: str | None, *, proven: bool) -> ssl.SSLContext:
    """Whose certificates are believed: those that ``--tls-ca`` signed, else the system's. A daemon that proves itself
    with its certificate needs no authority. Raises :class:`Failure`."""
    if authorities is None and proven:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:  # also ssl.SSLError
        raise Failure(f"--tls-ca {authorities} cannot be used: {error.strerror or error}") from error
