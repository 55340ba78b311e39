"""The router: what it learns from past tickets, how sure it is, and how it is stored."""

from __future__ import annotations

import importlib
import random
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.support_desk import stand_in
from examples.support_desk.brains.features import MAX_WORDS, learn_vocabulary, split, words
from examples.support_desk.brains.router import Classifier
from stigmergy.protocols.errors import UsageError
from tests.depth import depth
from tests.examples.support_desk.shop import tickets


@pytest.fixture(scope="module")
def training():
    """The module, imported only by whoever runs these tests: it takes scikit-learn along."""
    return importlib.import_module("examples.support_desk.brains.training")


@pytest.fixture(scope="module")
def desk():
    """The classifier of the example's own shop, which is trained once for all tests of the desk."""
    return stand_in._classifier()


@pytest.fixture(scope="module")
def noisy(training):
    """A classifier of a noisy world, what it says of texts that it never saw, and what these are."""
    classifier = training.fit(*noisy_world(1_200, seed=1))
    unseen, truth = noisy_world(1_000, seed=2)
    return classifier, [classifier.classify(text) for text in unseen], truth


def noisy_world(rows, seed):
    """Five categories with words of their own, common words, and one label in eight wrong."""
    rng = random.Random(seed)
    names = ["alpha", "beta", "gamma", "delta", "epsilon"]
    texts, labels = [], []
    for _ in range(rows):
        name = rng.choice(names)
        own = [f"{name}{rng.randrange(40)}" for _ in range(rng.randrange(1, 4))]
        other = [f"{rng.choice(names)}{rng.randrange(40)}" for _ in range(rng.randrange(2))]
        common = [f"word{rng.randrange(30)}" for _ in range(rng.randrange(3, 8))]
        text = own + other + common
        rng.shuffle(text)
        texts.append(" ".join(text))
        labels.append(rng.choice(names) if rng.random() < 0.125 else name)
    return texts, labels


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("My parcel has not arrived, where is it?", "delivery"),
        ("please cancel the order I placed this morning", "orders"),
        ("The bowl arrived broken, I want to return it", "returns"),
        ("How do I pause my monthly box?", "subscription"),
        ("I was charged twice on my credit card", "billing"),
        ("I forgot my password and can't sign in", "account"),
        ("The code of my gift card is not accepted", "gift_cards"),
        ("How often must I descale the kettle?", "equipment"),
        ("How much caffeine does black tea have?", "products"),
        ("When do my Leaves expire?", "loyalty"),
    ],
)
def test_clear_questions_go_to_the_right_desk_with_certainty(desk, text, category):
    found = desk.classify(text)
    assert found.category == category
    assert desk.is_certain(found)
    assert found.runner_up in set(desk.categories) - {category}


@pytest.mark.parametrize(
    "text",
    [
        "Hallo, mein Paket ist seit zwei Wochen unterwegs, wo bleibt meine Bestellung?",
        "Bonjour, je n'ai toujours pas reçu mon colis. Pouvez-vous m'aider ?",
        "我的包裹在哪里",
        "asdf qwertz yxcv",
        "Do you sponsor football clubs?",
    ],
)
def test_foreign_languages_and_foreign_subjects_are_uncertain(desk, text):
    assert not desk.is_certain(desk.classify(text))


@pytest.mark.parametrize("text", ["", "   ", "?!", "\N{PILE OF POO}", "ж"])
def test_a_text_of_which_nothing_is_known_has_no_confidence_at_all(desk, text):
    found = desk.classify(text)
    assert found.confidence == 0
    assert not desk.is_certain(found)


def test_the_shops_own_tickets_agree_with_their_labels(desk):
    asked = tickets("tickets.csv")
    found = [(desk.classify(ticket.text), ticket.category) for ticket in asked]
    answered = [(f, label) for f, label in found if desk.is_certain(f)]
    assert len(answered) >= 0.8 * len(asked)
    assert sum(f.category == label for f, label in answered) >= 0.9 * len(answered)


def test_learning_twice_gives_the_same_classifier(training, tmp_path):
    history = tmp_path / "history.csv"
    known = [(text, label) for text, label in zip(*noisy_world(80, seed=3), strict=True) if label <= "delta"]
    history.write_text("\n".join(["text,category", *(f"{text},{label}" for text, label in known)]))
    once, again = training.train(history), training.train(history)
    assert len(once.categories) == 3
    assert again.calibration == once.calibration
    assert again.calibration.judged
    assert again.classify(known[0][0]) == once.classify(known[0][0])


def test_the_threshold_holds_for_tickets_that_were_not_there_when_it_was_chosen(noisy, training):
    classifier, found, truth = noisy
    escalated = sum(not classifier.is_certain(f) for f in found) / len(found)
    assert abs(escalated - training.SHARE) < 0.05
    answered = [f.category == label for f, label in zip(found, truth, strict=True) if classifier.is_certain(f)]
    assert classifier.calibration.agreement is not None
    assert abs(sum(answered) / len(answered) - classifier.calibration.agreement) < 0.05


def test_confidence_is_the_share_of_right_answers(noisy):
    _, found, truth = noisy
    for low, high in ((0.0, 0.6), (0.6, 0.9), (0.9, 1.01)):
        bin_ = [(f, label) for f, label in zip(found, truth, strict=True) if low <= f.confidence < high]
        right = sum(f.category == label for f, label in bin_) / len(bin_)
        assert abs(right - sum(f.confidence for f, _ in bin_) / len(bin_)) < 0.12


def test_a_larger_share_hands_more_to_a_person_and_agrees_more_on_the_rest(noisy, training):
    cautious, bold = training.fit(*noisy_world(1_200, seed=1), share=0.3).calibration, noisy[0].calibration
    assert cautious.threshold > bold.threshold
    assert (cautious.agreement or 0) > (bold.agreement or 0)


def test_a_single_category_is_certain_of_what_it_knows_and_of_nothing_else(training):
    classifier = training.fit(["where is my parcel", "my parcel is late", "parcel lost"], ["delivery"] * 3)
    assert classifier.is_certain(classifier.classify("the parcel?"))
    assert classifier.classify("the parcel?").runner_up is None
    assert not classifier.is_certain(classifier.classify("xyz"))


@pytest.mark.parametrize(
    "labels",
    [["a", "b"], ["a", "a", "b"], ["a", "b", "c", "d"], ["a"] * 39 + ["b"], [str(i) for i in range(30)]],
    ids=["two", "three", "four", "one against many", "all different"],
)
def test_few_or_lonely_examples_still_give_a_classifier(training, labels):
    texts = [f"{label} thing number{i}" for i, label in enumerate(labels)]
    classifier = training.fit(texts, labels)
    assert classifier.classify(texts[0]).category == labels[0]
    assert (classifier.calibration.judged > 0) == (len(labels) >= 30)


def test_blank_and_unlabelled_rows_are_passed_over_and_repetitions_count_once(training, tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("text,category\nwhere is my parcel,a\nno label,\n,b\nwhere is my parcel,a\nmy invoice please,b\n")
    assert training.train(path).calibration.rows == 2


def test_a_text_is_not_judged_by_a_router_that_knew_its_twin(training):
    rng = random.Random(6)
    pairs = [(f"thing{i} other{i}", rng.choice("ab")) for i in range(60)]
    rows = [(form, label) for text, label in pairs for form in (text, text.upper() + "!")]
    calibration = training.fit([text for text, _ in rows], [label for _, label in rows]).calibration
    assert calibration.rows == 120
    assert (calibration.accuracy or 0) < 0.75


@pytest.mark.parametrize(
    ("texts", "labels", "share", "message"),
    [
        (["a text", "another"], ["a", "b"], 1.0, "the share that goes to a person is 1"),
        ([f"text {i}" for i in range(1001)], [str(i) for i in range(1001)], 0.1, "1001 categories"),
        (["...", "?!"], ["a", "b"], 0.1, "hold no words"),
    ],
)
def test_a_history_that_cannot_be_learned_from_is_a_usage_error(training, texts, labels, share, message):
    with pytest.raises(UsageError, match=message):
        training.fit(texts, labels, share)


def test_a_history_without_labels_is_a_usage_error(training, tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("text\nhello\n")
    with pytest.raises(UsageError, match="no labelled ticket"):
        training.train(path)


def test_a_stored_classifier_says_the_same(desk, tmp_path):
    path = tmp_path / "router.npz"
    desk.save(path)
    stored = Classifier.load(path)
    assert stored.calibration == desk.calibration
    for ticket in tickets("tickets.csv"):
        assert stored.classify(ticket.text) == desk.classify(ticket.text)
    assert [p.name for p in tmp_path.iterdir()] == ["router.npz"]


def test_a_stored_classifier_holds_no_objects(desk, tmp_path):
    desk.save(tmp_path / "router.npz")
    with np.load(tmp_path / "router.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "objects", "version", "fields"])
def test_a_damaged_classifier_is_a_usage_error(desk, tmp_path, damage):
    path = tmp_path / "router.npz"
    desk.save(path)
    whole = path.read_bytes()
    about = b'{"format": 99}' if damage == "version" else b'{"format": 1}'
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("text,category\n")
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "objects":
            np.savez(path, about=np.array([{"format": 1}], dtype=object))
        case _:
            np.savez(path, about=np.frombuffer(about, np.uint8))
    with pytest.raises(UsageError, match="train it again"):
        Classifier.load(path)


def test_an_unwritable_place_is_a_usage_error_and_leaves_nothing(desk, tmp_path):
    with pytest.raises(UsageError, match="name a writable folder"):
        desk.save(tmp_path / "missing" / "router.npz")
    (tmp_path / "router.npz").mkdir()
    with pytest.raises(UsageError, match="name a writable folder"):
        desk.save(tmp_path / "router.npz")
    assert [p.name for p in tmp_path.iterdir()] == ["router.npz"]
    assert not zipfile.is_zipfile(tmp_path / "router.npz")


def test_words_are_compared_without_case_width_or_kind_of_apostrophe():
    assert words("Can\N{RIGHT SINGLE QUOTATION MARK}t \N{FULLWIDTH LATIN CAPITAL LETTER P}AY") == ["can't", "pay"]


def test_only_the_first_words_of_an_endless_text_are_read():
    assert len(words("word " * 100_000)) == MAX_WORDS


def test_a_pair_is_the_same_in_either_order():
    assert split("refund card")[1] == split("card refund")[1] == ["card refund"]


def test_the_columns_are_the_grams_of_the_most_texts():
    vocabulary = learn_vocabulary(["tea tea", "tea cup", "cup"], limit=2)
    assert set(vocabulary.blocks[0]) == {"tea", "cup"}


@settings(max_examples=depth(10, 100))
@given(st.lists(st.tuples(st.text(max_size=12), st.sampled_from("abc")), min_size=1, max_size=40))
def test_any_history_gives_probabilities_or_a_usage_error(training, rows):
    try:
        classifier = training.fit([text for text, _ in rows], [label for _, label in rows])
    except UsageError:
        return
    for text, _ in rows:
        assert 0 <= classifier.classify(text).confidence <= 1
