"""The growth check of the soak: it finds leaks, and ignores figures that only vary."""

import random

import pytest

from .flat import Bound, trend

BOUND = Bound(per_hour=10, noise=5)


def noisy(per_hour: float, seconds: int, noise: float = 20) -> list[tuple[float, float]]:
    dice = random.Random(7)
    return [(float(at), 1000 + per_hour * at / 3600 + dice.uniform(-noise, noise)) for at in range(0, seconds, 10)]


def test_what_goes_up_and_down_is_flat():
    assert trend("noise", noisy(0, 3600), BOUND).flat


def test_a_leak_beneath_the_noise_is_seen_in_an_hour():
    leak = trend("leak", noisy(30, 3600), BOUND)
    assert not leak.flat
    assert str(leak).startswith("GROWS leak: median 10")


def test_a_fast_leak_is_seen_in_minutes():
    assert not trend("leak", noisy(1000, 120), BOUND).flat


def test_a_leak_within_its_bound_is_flat():
    assert trend("growth", noisy(9, 3600), BOUND).flat


def test_what_still_settles_in_minutes_is_a_leak_in_an_hour():
    bound = Bound(per_hour=10, noise=5, settling=30)
    assert trend("settles", noisy(100, 600, noise=1), bound).flat
    assert not trend("leaks", noisy(30, 3600, noise=1), bound).flat


def test_one_wild_sample_is_no_leak():
    samples = noisy(0, 3600)
    samples[-1] = (samples[-1][0], 1e9)
    assert trend("spike", samples, BOUND).flat


def test_what_shrinks_is_flat():
    assert trend("shrinks", noisy(-500, 3600), BOUND).flat


def test_too_few_samples_are_no_proof():
    with pytest.raises(ValueError, match="leak has 2 samples"):
        trend("leak", [(0, 1), (1, 2)], BOUND)
