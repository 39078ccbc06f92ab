"""One client for all ``api`` commands: calls, prints, and turns every way to fail into a message."""

import json
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import click
import httpx

from ..endpoint import Endpoint
from ..failure import Failure, Refusal
from ..token_store import FoundToken
from .proven import Identity, NotProven, ProvenTransport, trusting
from .unauthorized import hint

CONNECT_TIMEOUT = 5.0
"""Seconds to reach the daemon."""
MASKED_FROM = 8
"""Characters of a token that is masked in what the other side says."""

UNAUTHORIZED = 401


class Client:
    """A connection to one daemon. ``timeout`` bounds a plain call, in seconds; a stream may take for ever. ``no_token``
    says that none is sent because the caller wanted it so. ``identity``: nobody else is spoken to, and no proxy is
    asked. ``authorities`` is a file of certificates that are believed."""

    def __init__(
        self,
        endpoint: Endpoint,
        token: FoundToken | None,
        timeout: float,
        *,
        no_token: bool = False,
        identity: Identity | None = None,
        authorities: str | None = None,
    ) -> None:
        # In UTF-8, as curl sends it from a terminal: httpx takes only ASCII for granted.
        headers = {b"Authorization": f"Bearer {token.value}".encode()} if token else {}
        try:
            url = httpx.URL(endpoint.url)
        except httpx.InvalidURL as error:
            raise click.UsageError(f"--endpoint {str(endpoint)!r} is not a URL: {error}") from error
        self._endpoint = endpoint
        self._token = token
        self._no_token = no_token
        self._http = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT),
            # HTTP_PROXY is common in sandboxes, and no proxy can reach our loopback address.
            trust_env=not (identity or endpoint.is_local),
            **_transport(endpoint, identity, authorities),
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        patient: bool = False,
    ) -> Any:
        """The JSON answer, or None for an empty one. ``patient`` waits for as long as the daemon takes: an install
        is bounded there. ``key`` names the command. Raises :class:`Refusal` for a problem."""
        response = self._answer(method, path, body, query, key, patient=patient)
        return _json(response) if response.content else None

    def send_prompt(self, path: str, body: Any, key: str | None) -> str | None:
        """The prompt's turn; None where the daemon does not tell it, as one of version 0.1."""
        return self._answer("POST", path, body, None, key).headers.get("Sandbox-Agent-Turn")

    def _answer(
        self, method: str, path: str, body: Any, query: Mapping[str, Any] | None, key: str | None, patient: bool = False
    ) -> httpx.Response:
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT) if patient else httpx.USE_CLIENT_DEFAULT
        with self._told():
            response = self._http.request(
                method, path, params=_present(query), json=body, headers=_key_header(key), timeout=timeout
            )
        if not response.is_success:
            raise self._refusal(response)
        return response

    def show(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        patient: bool = False,
    ) -> None:
        """Call and print the answer: JSON with two spaces; nothing when there is no body."""
        answer = self.call(method, path, body=body, query=query, key=key, patient=patient)
        if answer is not None:
            click.echo(json.dumps(answer, indent=2, ensure_ascii=False))

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Generator[httpx.Response]:
        """A stream of server-sent events; silence on it has no limit."""
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT)
        headers = {b"Accept": b"text/event-stream"} | _key_header(key)
        request = self._http.build_request(
            method, path, params=_present(query), json=body, headers=headers, timeout=timeout
        )
        with self._told():
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise self._refusal(response)
                yield response
            finally:
                response.close()

    def copy_stream(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        watch: Callable[[bytes], None] | None = None,
    ) -> None:
        """Print a stream as it arrives, byte for byte, until it ends. ``watch`` sees it too."""
        with self.stream(method, path, body=body, query=query, key=key) as response:
            for chunk in response.iter_bytes():
                if watch is not None:
                    watch(chunk)
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()

    @contextmanager
    def _told(self) -> Generator[None]:
        """Transport errors of httpx as messages that say what to do."""
        try:
            yield
        except httpx.ConnectError as error:
            raise Failure(
                f"cannot connect to {self._endpoint}: {error}; "
                "start the daemon with `sandbox-agent server`, or name another one with --endpoint"
            ) from error
        except NotProven as error:
            raise Failure(str(error)) from error
        except httpx.TimeoutException as error:
            raise Failure(f"{self._endpoint} did not answer in time; --timeout gives it longer") from error
        except httpx.LocalProtocolError as error:
            # Its text is the header's value, which may be the token.
            raise Failure("a header cannot be sent: a name after --key must be printable characters") from error
        except httpx.TransportError as error:
            raise Failure(f"the connection to {self._endpoint} broke: {error or type(error).__name__}") from error

    def _refusal(self, response: httpx.Response) -> Failure:
        """The problem as it came; something in between (a proxy) may answer in other words than ours, or with ours:
        some repeat the request with its headers."""
        try:
            problem = json.loads(self._masked(response.text))
        except (ValueError, RecursionError):
            problem = None
        advice = hint(self._token, self._endpoint, self._no_token) if response.status_code == UNAUTHORIZED else None
        if isinstance(problem, dict):
            return Refusal(problem, advice)  # pyright: ignore[reportUnknownArgumentType]
        to = f" (to {response.headers.get('location')})" if response.is_redirect else ""
        said = f"{response.status_code} {response.reason_phrase}{to}: {response.text.strip()}"
        message = f"{response.url} answered {self._masked(said)[:500]}"
        return Failure(message if advice is None else f"{message}\n{advice}")

    def _masked(self, text: str) -> str:
        """A token that is shorter is no secret, and part of many words."""
        token = self._token.value if self._token is not None else ""
        return text.replace(token, "[token]") if len(token) >= MASKED_FROM else text


def _transport(endpoint: Endpoint, identity: Identity | None, authorities: str | None) -> dict[str, Any]:
    """What httpx is told of the way there. Loading the system's authorities takes longer than a call over HTTP."""
    if identity is not None:
        return {"transport": ProvenTransport(endpoint, identity, trusting(authorities, proven=True))}
    if endpoint.socket is not None:
        return {"transport": httpx.HTTPTransport(uds=endpoint.socket)}
    return {"verify": trusting(authorities, proven=False)} if endpoint.scheme == "https" else {}


def _key_header(key: str | None) -> dict[bytes, bytes]:
    return {} if key is None else {b"Idempotency-Key": key.encode()}


def _present(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise Failure(f"{response.url} answered {response.status_code} with something that is not JSON") from error
