"""Numbers and foreign words for people."""

from __future__ import annotations

import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.runtime.cli.text import clean, cut, duration, first_line, short, typed

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text())
def test_foreign_text_cannot_steer_a_terminal(text):
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs"} for c in clean(text))


def test_clean_text_stays_readable():
    assert clean("Grüße, 世界\n\x1b[31mred") == "Grüße, 世界 \\x1b[31mred"


@given(PLAIN)
def test_any_plain_value_has_a_short_form(value):
    text = short(value, 40)
    assert len(text) <= 40
    assert "\n" not in text


def test_the_first_line_is_the_first_that_says_something():
    assert first_line("\n\n  HandlerFailed: x  \nTraceback") == "HandlerFailed: x"


def test_what_is_cut_shows_that_it_is():
    assert (cut("abcd", 4), cut("abcde", 4)) == ("abcd", "abc…")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0.00 ms"),
        (0.00812, "8.12 ms"),
        (0.0996, "99.6 ms"),
        (0.9996, "1000 ms"),
        (1.2345, "1.23 s"),
        (59.96, "60.0 s"),
        (125, "2 min 5 s"),
        (3_780, "1 h 3 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("word", ["a/path", "two words", "it's", "$HOME `id`", "a\x1b[31mred", "a\nb", "ü\x85'\\"])
def test_a_word_as_one_types_it_reaches_a_program_as_it_is_and_cannot_steer_a_terminal(word):
    assert typed(word).isprintable()
    ran = subprocess.run(["bash", "-c", f"printf %s {typed(word)}"], capture_output=True, check=True)
    assert ran.stdout.decode() == word
