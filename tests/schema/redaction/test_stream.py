"""A secret that is split over the pieces of a text."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.redaction.patterns import BEGINNINGS
from sandbox_agent.schema.redaction.redactor import SLICE, Redactor
from sandbox_agent.schema.redaction.stream import Stream
from sandbox_agent.schema.redaction.values import Secret, certain, of_environment

KEY = "q9X2vL7pT4mZ8rK1wB6n"
KNOWN = "sk-ant-api03-Zq9X2vL7pT4mZ8rK1wB6n"
PEM = "-----BEGIN PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 8 + "-----END PRIVATE KEY-----"
REDACTOR = Redactor([*certain(KEY), *of_environment({"A_PASSWORD": "adm1n-pw"})])


def told(pieces: list[str], redactor: Redactor = REDACTOR) -> list[str]:
    """What each piece brings, as an event of the log does: masked once more by itself."""
    stream = Stream(redactor)
    return [redactor.text(text) for text in (*map(stream.feed, pieces), stream.finish()) if text]


@pytest.mark.parametrize("secret", [KEY, KNOWN, PEM, "://app:pw-9-of-db@", "adm1n-pw"])
@pytest.mark.parametrize("size", [3, 4, 5, 7, 11, 19])
def test_a_secret_in_pieces_is_masked_as_one(secret: str, size: int):
    text = f"it is {secret} and that is it"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    shown = "".join(told(pieces))
    assert shown in {REDACTOR.text(text), *(f"it is {secret[:n]}[redacted] and that is it" for n in range(3))}


@pytest.mark.parametrize("secret", [KEY, KNOWN])
@pytest.mark.parametrize("cut", range(1, 20))
def test_of_a_secret_that_is_cut_anywhere_no_more_than_two_characters_are_told(secret: str, cut: int):
    shown = "".join(told([f"it is {secret[:cut]}", f"{secret[cut:]} and that is it"]))
    assert shown in {f"it is {secret[:n]}[redacted] and that is it" for n in range(3)}


@pytest.mark.parametrize("secret", [KEY, KNOWN])
def test_letter_by_letter_no_more_than_two_characters_are_told(secret: str):
    shown = "".join(told(list(f"it is {secret}.")))
    assert shown in {f"it is {secret[:n]}[redacted]." for n in range(3)}


def test_ordinary_text_flows_as_it_comes():
    pieces = ["The ", "quick", " brown", " fox; ", "jumps", " over\n", "1 | 2", " words."]
    stream = Stream(REDACTOR)
    for piece in pieces:
        assert stream.feed(piece) is piece
        assert not stream.changed
    assert stream.held == 0


def test_what_is_held_back_comes_with_what_follows_or_with_the_end():
    stream = Stream(REDACTOR)
    assert stream.feed(f"is it {KEY[:5]}") == "is it "
    assert stream.held == 5
    assert stream.changed
    assert stream.feed(" no") == f"{KEY[:5]} no"
    assert stream.feed("a risk-") == "a ri"
    assert stream.finish() == "sk-"
    assert stream.held == 0


def test_the_beginning_of_a_secret_at_the_very_end_is_masked_when_it_is_long():
    assert "".join(told([f"it is {KEY[:14]}"])) == "it is [redacted]"


def test_the_end_of_one_secret_that_is_the_beginning_of_another_tells_neither():
    redactor = Redactor([*certain("AAAA-1111-BBBB-2222"), *certain("BBBB-2222-CCCC-3333")])
    assert "".join(told(["x AAAA-1111-BBBB-2222", " y"], redactor)) == "x [redacted] y"


@given(
    st.lists(
        st.sampled_from([KEY, KEY[:9], KEY[9:], "sk-", "ordinary", " ", "a", "://", "@", "\n", "-----BEGIN ", "é"])
    ),
    st.randoms(use_true_random=False),
)
def test_no_cut_of_any_text_tells_a_secret_and_nothing_else_is_lost(words: list[str], random: Random):
    text = "".join(words)
    cuts = sorted(random.sample(range(len(text) + 1), k=min(len(text), 6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shown = "".join(told(pieces))
    assert KEY not in shown
    if KEY not in text and "@" not in text:
        assert shown.replace("[redacted]", "") in text or "[redacted]" in shown or shown == text


@pytest.mark.parametrize("filler", ["x", "word ", "é\n"])
def test_a_long_text_is_searched_in_slices_and_a_secret_between_two_is_found(filler: str):
    for before in range(SLICE - 40, SLICE + 2, 7):
        text = (filler * SLICE)[:before] + "." + KEY + "." + filler * 9
        assert REDACTOR.text(text) == text.replace(KEY, "[redacted]")


def test_secrets_that_are_many_and_long_do_not_slow_ordinary_text():
    many = Redactor([Secret(f"{n:04d}" + PEM) for n in range(50)])
    assert not many.begins("the quick brown fox")


@pytest.mark.parametrize(
    "text",
    [
        "| --- |---| at-least that-is",
        "a timestamp_of a pat_h",
        "see https://example.org/a/b?c=d#e.",
        "on http://127.0.0.1:2468/v1",
        '"url": "https://example.org"',
        "(a://b c@d)",
    ],
)
def test_what_only_resembles_a_beginning_is_ordinary_text(text: str):
    """Looked into closely, each cost as much as a hundred deltas."""
    assert not REDACTOR.begins(text)


@given(st.text(max_size=9), st.text("ab:", max_size=9), st.text("ab:", min_size=1, max_size=9), st.text(max_size=9))
def test_the_password_of_an_address_is_noticed_wherever_it_stands(before: str, user: str, password: str, after: str):
    address = f"://{user}:{password}@"
    assert REDACTOR.begins(before + address + after)
    for cut in range(3, len(address)):
        assert REDACTOR.begins(before + address[:cut])


@pytest.mark.parametrize("secret", [KEY, KNOWN])
def test_each_place_within_a_secret_is_noticed_at_the_end_of_a_text(secret: str):
    for end in range(3, len(secret)):
        assert REDACTOR.begins(f"is {secret[:end]}")


def test_a_secret_is_noticed_from_the_two_characters_on_that_were_shown_of_it():
    assert REDACTOR.begins(f"{KEY} and more")
    assert REDACTOR.begins(f" {KEY} and more")
    assert not REDACTOR.begins(f"  {KEY} and more")  # it is whole, and found by its text


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("around", ["{}", "a {}", "{}a", "a{}a", " " * 40 + "{}" + "a" * 40])
def test_every_beginning_of_what_is_known_by_its_look_is_noticed_wherever_it_stands(beginning: str, around: str):
    assert Redactor().begins(around.format(beginning))
