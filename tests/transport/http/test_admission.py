"""Admission: who goes when one connection too many comes."""

import pytest
from attrs import define

from sandbox_agent.transport.http.admission import Admission, network


@define(eq=False)
class Fake:
    idle: bool = True
    was_cut: bool = False

    def cut(self) -> None:
        self.was_cut = True


def admitted(admission: Admission, count: int, address: str = "192.0.2.1") -> list[Fake]:
    fakes = [Fake() for _ in range(count)]
    assert all(admission.admit(fake, address) for fake in fakes)
    return fakes


def test_one_too_many_of_an_address_ends_the_oldest_without_a_token_that_is_idle():
    admission = Admission(100, 3)
    first, second, third = admitted(admission, 3)
    first.idle = False  # a request of it is being answered
    admitted(admission, 1)
    assert (first.was_cut, second.was_cut, third.was_cut) == (False, True, False)
    assert len(admission) == 3


def test_an_address_that_keeps_all_of_its_connections_busy_locks_nobody_out():
    admission = Admission(100, 3)
    first, *others = admitted(admission, 3)
    for fake in (first, *others):
        fake.idle = False
    admitted(admission, 1)
    assert first.was_cut
    assert not any(fake.was_cut for fake in others)


def test_a_connection_on_which_a_token_was_shown_counts_as_its_addresss_no_more():
    admission = Admission(100, 2)
    for fake in (trusted := admitted(admission, 50)):
        admission.trust(fake)
    assert not any(fake.was_cut for fake in trusted[-2:])
    survivors = [fake for fake in trusted if not fake.was_cut]
    admitted(admission, 10)
    assert not any(fake.was_cut for fake in survivors)


def test_many_that_show_a_token_at_once_are_all_kept():
    admission = Admission(1000, 2)
    kept: list[Fake] = []
    for _ in range(500):
        kept += admitted(admission, 1)
        admission.trust(kept[-1])
    assert not any(fake.was_cut for fake in kept)
    assert len(admission) == 500


def test_addresses_do_not_count_for_each_other():
    admission = Admission(100, 2)
    fakes = [fake for number in range(10) for fake in admitted(admission, 2, f"192.0.2.{number}")]
    assert not any(fake.was_cut for fake in fakes)


def test_when_all_are_taken_one_without_a_token_goes_first_then_the_one_idle_for_longest():
    admission = Admission(3, 3)
    busy, idle, stranger = admitted(admission, 3)
    for fake in (busy, idle):
        admission.trust(fake)
        admission.rest(fake, idle=True)
    admission.rest(busy, idle=False)
    for newcomer in admitted(admission, 1):
        assert stranger.was_cut
        admission.trust(newcomer)
    for newcomer in admitted(admission, 1):
        assert idle.was_cut
        admission.trust(newcomer)
    assert not admission.admit(Fake(), "192.0.2.1")
    assert not busy.was_cut
    admission.leave(busy)
    assert admission.admit(Fake(), "192.0.2.1")


def test_nothing_is_kept_of_those_that_left():
    admission = Admission(10, 10)
    for number in range(1000):
        for fake in admitted(admission, 2, f"198.51.{number // 256}.{number % 256}"):
            if number % 2:
                admission.trust(fake)
                admission.rest(fake, idle=True)
            admission.leave(fake)
            admission.leave(fake)
            admission.trust(fake)
            admission.rest(fake, idle=True)
    assert len(admission) == 0
    assert admission.__dict__["_untrusted"] == {}
    assert admission.__dict__["_resting"] == {}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
def test_an_ipv6_client_is_its_network(one, other, same):
    assert (network(one) == network(other)) is same
