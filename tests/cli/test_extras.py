"""What is left out of an import counts as not installed, and only for as long as that."""

import sys

import pytest

from sandbox_agent.cli.extras import without


def test_a_package_that_is_left_out_cannot_be_imported_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ImportError):
        import colorsys
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_after_an_error_nothing_is_left_out() -> None:
    with pytest.raises(KeyError), without("no_such_package"):
        raise KeyError
    assert "no_such_package" not in sys.modules


def test_a_package_that_is_in_use_stays_as_it_is() -> None:
    before = sys.modules["pytest"]
    with without("pytest"):
        assert sys.modules["pytest"] is before
    assert sys.modules["pytest"] is before
