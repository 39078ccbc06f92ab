"""Certificates that openssl makes for a test."""

import subprocess
from pathlib import Path

from attrs import frozen


@frozen
class Pair:
    certificate: Path
    key: Path


def make_pair(directory: Path, name: str = "server", *, password: str | None = None) -> Pair:
    """Signed by itself, for localhost and 127.0.0.1."""
    pair = Pair(directory / f"{name}.pem", directory / f"{name}.key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"),
            *(("-passout", f"pass:{password}") if password else ("-nodes",)),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(pair.key), "-out", str(pair.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    pair.key.chmod(0o600)
    return pair
