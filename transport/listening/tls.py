"""TLS: the certificate that the server shows, and a newer one when its files have changed."""

import hashlib
import ssl
import stat
from pathlib import Path

import structlog
import trio
from attrs import frozen

PROTOCOLS = ["http/1.1"]

_log = structlog.get_logger("sandbox_agent.transport")


@frozen
class Tls:
    """``certificate`` is the SHA-256 of the server's own, in hexadecimal digits."""

    context: ssl.SSLContext
    certificate: str


class _Encrypted(Exception):
    pass


class Certificates:
    """A pair of files in PEM: the certificate with its chain, and its private key. Raises :class:`ValueError` with a
    sentence when they are no pair that can be used."""

    def __init__(self, certificate: Path, key: Path, interval: float) -> None:
        self._files = certificate, key
        self._interval = interval
        self._seen = _identity(self._files)
        self.current = load(certificate, key)

    def __repr__(self) -> str:
        return f"<Certificates {self._files[0]}>"

    async def run(self) -> None:
        """New connections use the newest pair. A pair that cannot be used changes nothing, and is logged."""
        while self._interval:
            await trio.sleep(self._interval)
            await self.look()
        await trio.sleep_forever()

    async def look(self) -> None:
        seen = await trio.to_thread.run_sync(_identity, self._files, abandon_on_cancel=True)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.current = await trio.to_thread.run_sync(load, *self._files, abandon_on_cancel=True)
        except ValueError as error:
            _log.error("the new certificate cannot be used; the old one stays", reason=str(error))
        else:
            _log.info("a new certificate is used", path=str(self._files[0]))


def load(certificate: Path, key: Path) -> Tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(PROTOCOLS)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
        leaf = ssl.PEM_cert_to_DER_cert(_first_certificate(certificate.read_text("latin-1")))
    except _Encrypted:
        raise ValueError(f"--tls-key {key} is encrypted; a daemon cannot be asked for its password") from None
    except ssl.SSLError as error:
        raise ValueError(_sentence(error, certificate, key)) from error
    except OSError as error:
        name = f"--tls-cert {certificate}" if not _can_read(certificate) else f"--tls-key {key}"
        raise ValueError(f"{name} cannot be read: {error.strerror}") from error
    return Tls(context, hashlib.sha256(leaf).hexdigest())


def advice(key: Path) -> str | None:
    """A warning about the key's file, if there is one."""
    mode = stat.S_IMODE(key.stat().st_mode)
    return f"others can read the private key {key} (mode {mode:04o}); run: chmod 600 {key}" if mode & 0o077 else None


def _no_password() -> str:
    raise _Encrypted


def _can_read(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError:
        return False
    return True


def _sentence(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"--tls-key {key} is not the key of --tls-cert {certificate}"
    for path, option, word in ((certificate, "--tls-cert", "CERTIFICATE"), (key, "--tls-key", "PRIVATE KEY")):
        if f"{word}-----" not in path.read_text("latin-1"):
            return f"{option} {path} holds no {word} in PEM"
    return f"--tls-cert {certificate} and --tls-key {key} cannot be used: {error.reason or error}"


def _first_certificate(text: str) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return begin + text.partition(begin)[2].partition(end)[0] + end


def _identity(files: tuple[Path, Path]) -> tuple[object, ...]:
    """Changes whenever one of them is written or replaced."""
    found: list[object] = []
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            found.append(error.errno)
        else:
            found.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)
