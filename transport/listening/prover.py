"""The proof that a listener is the daemon of a data directory.

The daemon's address file, which only its user can read, has a key that is new at each start. A client that has read it
sends a nonce, and gets a MAC of the nonce and of the connection as both ends see it. So

* the token is not sent to another program that listens on the port of a daemon that has ended, or that got its pid;
* an answer of the real daemon cannot be relayed: it is valid for one connection between two addresses, and with TLS for
  one certificate;
* a proof reveals nothing about the token: the key is not derived from it, and is used for nothing else.
"""

import hashlib
import hmac
import secrets

from attrs import field, frozen

KEY_BYTES = 32
_CONTEXT = b"sandbox-agent proof 1"


@frozen
class Channel:
    """One connection: the client's and the server's address, and the SHA-256 of the server's certificate in hexadecimal
    digits, empty without TLS."""

    client: tuple[str, int]
    server: tuple[str, int]
    certificate: str = ""


@frozen
class Prover:
    key: str = field(factory=lambda: secrets.token_hex(KEY_BYTES), repr=False)

    def prove(self, nonce: str, channel: Channel) -> str:
        parts = (
            nonce,
            *(f"{host} {port}" for host, port in (channel.client, channel.server)),
            channel.certificate,
        )
        # Each part with its length: no two different lists give the same bytes.
        message = b"".join(len(part).to_bytes(4, "big") + part for part in (_CONTEXT, *map(str.encode, parts)))
        return hmac.new(bytes.fromhex(self.key), message, hashlib.sha256).hexdigest()

    def verify(self, proof: str, nonce: str, channel: Channel) -> bool:
        return hmac.compare_digest(proof.encode(), self.prove(nonce, channel).encode())
