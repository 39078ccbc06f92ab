"""The proof of who listens: forged, relayed, repeated, and what it tells."""

import pytest

from sandbox_agent.transport.listening.prover import Channel, Prover

from ..door import Door
from ..serving import serving

HERE = Channel(("127.0.0.1", 40000), ("127.0.0.1", 2468))


def test_a_proof_is_for_one_nonce_one_connection_one_certificate_and_one_key():
    prover = Prover()
    proof = prover.prove("nonce", HERE)
    assert prover.verify(proof, "nonce", HERE)
    for nonce, channel in (
        ("nonce2", HERE),
        ("nonce", Channel(("127.0.0.1", 40001), HERE.server)),
        ("nonce", Channel(HERE.client, ("127.0.0.1", 2469))),
        ("nonce", Channel(HERE.server, HERE.client)),
        ("nonce", Channel(HERE.client, HERE.server, "00")),
        ("nonce127.0.0.1 40000", Channel(("", 0), HERE.server)),
    ):
        assert not prover.verify(proof, nonce, channel)
    assert not Prover().verify(proof, "nonce", HERE)
    assert not prover.verify("", "nonce", HERE)
    assert not prover.verify("ü", "nonce", HERE)


def test_no_repr_tells_the_key():
    prover = Prover()
    assert prover.key not in repr(prover)
    assert len(bytes.fromhex(prover.key)) == 32


async def test_a_server_proves_the_connection_that_it_has_and_no_other():
    prover = Prover()
    async with serving(Door(), token="right-token", prover=prover) as served, served.client() as client:
        answer = await client.get("/v1/proof/0123456789abcdef")
        stream = answer.extensions["network_stream"]
        channel = Channel(stream.get_extra_info("client_addr"), stream.get_extra_info("server_addr"))
        assert prover.verify(answer.json()["proof"], "0123456789abcdef", channel)
        async with served.client() as other:
            assert (await other.get("/v1/proof/0123456789abcdef")).json() != answer.json()


@pytest.mark.parametrize("nonce", ["%00", "x" * 257])
async def test_what_is_no_nonce_is_a_400(nonce: str):
    async with serving(Door()) as served, served.client() as client:
        assert (await client.get(f"/v1/proof/{nonce}")).status_code == 400
