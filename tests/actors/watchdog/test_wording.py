import math
import random

from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.watchdog.wording import Vocabulary, wording
from stigmergy.protocols.codec import pack
from tests.actors.watchdog.texts import prose, quoted

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=20,
)


def said(plain):
    return wording(pack(plain))


def test_digits_case_punctuation_and_order_say_nothing():
    assert said({"text": "Thank you, Bob! 17", "at": 1.5}) == said({"text": "bob... thank YOU (18)", "at": 2.5})


def test_ids_are_not_words():
    assert said({"text": "see 3f2a9c and v2"}) == {"text", "see", "and"}


def test_a_language_without_spaces_counts_by_the_character():
    assert said("非常感谢") == {"非", "常", "感", "谢"}


def test_pictures_are_not_words():
    assert said("thanks 🎉🎉") == {"thanks"}


def test_a_list_of_numbers_is_data_and_a_lone_number_a_counter():
    vocabulary = Vocabulary()
    assert vocabulary.learn(pack({"tour": [3, 1, 2, 0], "round": 1})) > 4
    assert vocabulary.learn(pack({"tour": [3, 1, 2, 0], "round": 2})) == 0
    assert vocabulary.learn(pack({"tour": [1, 3, 2, 0], "round": 3})) > 4


def test_of_a_long_text_the_beginning_and_the_end_are_read():
    assert said("alpha " + "x" * 50_000 + " omega") >= {"alpha", "omega"}


def test_bytes_that_are_no_message_are_read_as_text():
    assert {"plain", "words"} <= wording(b"\xc1 plain words")


def test_a_vocabulary_that_is_full_starts_again_rather_than_knowing_everything():
    vocabulary, rng = Vocabulary(), random.Random(1)
    new = [vocabulary.learn(pack(prose(rng, 100))) for _ in range(200)]
    assert min(new) > 3


def test_what_was_learned_is_not_new():
    vocabulary = Vocabulary()
    assert vocabulary.learn(pack(quoted("the quick brown fox"))) == 5  # with the field's name
    assert vocabulary.learn(pack(quoted("the brown dog"))) == 1


@given(PLAIN)
def test_any_body_can_be_weighed(plain):
    body = pack(plain)
    vocabulary = Vocabulary()
    assert 0 <= vocabulary.learn(body) < math.inf
    assert vocabulary.learn(body) == 0


@given(st.binary(max_size=200))
def test_any_bytes_can_be_weighed(body):
    assert Vocabulary().learn(body) >= 0
