"""The review of drafts: every planted fault is caught and quoted, and a good draft passes."""

from __future__ import annotations

import pytest

from examples.support_desk.brains.language import numbers, sentences, stems
from examples.support_desk.brains.reviewer import review
from examples.support_desk.brains.writer import SIGNATURE
from examples.support_desk.schemas import Draft, Problem
from tests.examples.support_desk.shop import GOOD, RETURNS, reply


def problems(draft, customer="Ann Lee", passages=RETURNS):
    return {note.problem for note in review(draft, customer, passages).feedback}


def test_a_good_draft_is_approved_without_a_word():
    verdict = review(reply(GOOD, "Returns cost 4 USD."), "Ann Lee", RETURNS)
    assert verdict.approved
    assert verdict.feedback == ()


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("We will refund 120 USD to your card.", Problem.promise),
        ("We will credit $75.50 to your account.", Problem.promise),
        ("You get two hundred dollars back as compensation.", Problem.promise),
        ("We will refund the full amount.", Problem.promise),
        ("I have issued a full refund.", Problem.promise),
        ("We guarantee that the parcel arrives.", Problem.promise),
        ("Your tea will definitely come back.", Problem.promise),
        ("This was our own mistake.", Problem.legal),
        ("We are fully responsible for the damage.", Problem.legal),
        ("We accept full liability.", Problem.legal),
        ("You are legally entitled to compensation.", Problem.legal),
        ("We returned it to your card 4111 1111 1111 1111.", Problem.personal_data),
        ("We sent it to ann.lee@example.org already.", Problem.personal_data),
        ("Call us at +1 503 555 0142 9 about it.", Problem.personal_data),
        ("Your password is kettle123.", Problem.personal_data),
        ("The account is DE89 3704 0044 0532 0130 00.", Problem.personal_data),
        ("Drop the parcel off within 30 days.", Problem.number),
        ("Drop the parcel off within fifty days.", Problem.number),
        ("Returns cost 9 USD.", Problem.number),
        ("Our new store in Berlin takes returns as well.", Problem.grounding),
        ("Cups are made of recycled porcelain.", Problem.grounding),
        ("Opened tea and coffee can be returned.", Problem.grounding),
        ("Kettles, grinders and cups may not be unpacked and tried.", Problem.grounding),
        ("Calm down, opened tea cannot be returned.", Problem.tone),
        ("You should have read the rules: opened tea cannot be returned.", Problem.tone),
        ("OPENED TEA CANNOT BE RETURNED.", Problem.tone),
        ("Opened tea cannot be returned!!", Problem.tone),
    ],
)
def test_a_planted_fault_is_caught_and_quoted(sentence, problem):
    notes = review(reply(GOOD, sentence), "Ann Lee", RETURNS).feedback
    assert problem in {note.problem for note in notes}
    quoted = next(note for note in notes if note.problem is problem)
    assert quoted.where in sentence
    assert quoted.what_to_do


@pytest.mark.parametrize(
    "sentence",
    [
        "We can refund up to 50 USD for the returned items in your account.",
        "We cannot refund the full amount of an opened coffee.",
        "We cannot promise that opened coffee can be returned.",
        "Opened coffee can't be returned.",
        "Please print the return label and drop the parcel off within 14 days.",
        "We are sorry to hear that.",
    ],
)
def test_rules_are_not_tripped_by_words_alone(sentence):
    assert (
        problems(reply(GOOD, sentence)) & {Problem.promise, Problem.legal, Problem.tone, Problem.personal_data} == set()
    )


@pytest.mark.parametrize(
    ("draft", "problem"),
    [
        (reply(GOOD, source=""), Problem.citation),
        (Draft(reply=reply(GOOD).reply, sources=("KC-999",)), Problem.citation),
        (Draft(reply=reply(GOOD).reply, sources=()), Problem.citation),
        (reply(GOOD, name="Bob"), Problem.form),
        (reply(), Problem.form),
        (Draft(reply=reply(GOOD).reply.replace("Hello Ann Lee,", ""), sources=("KC-301",)), Problem.form),
        (Draft(reply=reply(GOOD).reply.replace(SIGNATURE, ""), sources=("KC-301",)), Problem.form),
        (reply(GOOD, " ".join(["Opened coffee cannot be returned."] * 45)), Problem.length),
        (Draft(reply=" ", sources=()), Problem.form),
    ],
)
def test_a_fault_of_form_is_caught(draft, problem):
    assert problem in problems(draft)


def test_the_shops_own_address_in_an_article_is_no_secret():
    passage = RETURNS[0].model_copy(update={"text": "Write to help@kettle-crane.example about returns."})
    assert problems(reply("Write to help@kettle-crane.example about returns."), passages=(passage,)) == set()
    assert Problem.personal_data in problems(reply("Write to me@home.example about returns."), passages=(passage,))


def test_a_claim_cannot_hide_in_a_courtesy():
    hidden = reply(GOOD, "Thank you for your message, a new grinder is on its way to you.")
    assert Problem.grounding in problems(hidden)


@pytest.mark.parametrize(
    ("sentence", "what"),
    [
        ("We returned it to your card 4111-1111-1111-1111.", "Take out the card number."),
        ("The parcel number is 4111-1111-1111-1112.", "Take out the phone or account number."),
        ("The account is DE89 3704 0044 0532 0130 00.", "Take out the bank account."),
        ("Your pin is 0815.", "Take out the password or code."),
    ],
)
def test_feedback_names_the_kind_of_personal_data(sentence, what):
    assert what in {note.what_to_do for note in review(reply(sentence), "Ann Lee", RETURNS).feedback}


def test_words_from_both_ends_of_an_article_support_no_claim():
    text = "Opened tea stays here. It is dry. It is dark. It is cold. It is far. Kettles come back by post."
    passage = RETURNS[0].model_copy(update={"heading": "", "text": text})
    assert problems(reply("Kettles come back by post."), passages=(passage,)) == set()
    assert Problem.grounding in problems(reply("Opened kettles stay by post."), passages=(passage,))


def test_a_claim_needs_sentences_that_stand_together():
    scattered = "Opened kettles label coffee account clean parcel."
    assert Problem.grounding in problems(reply(GOOD, scattered))


def test_numbers_are_the_same_in_words_and_figures_and_steps_are_not_numbers():
    assert numbers("1. Wait two days, pay 1,200.50 USD") == {"2", "1200.50"}
    assert numbers("Wait 2 days.") == numbers("Wait two days")


def test_sentences_end_where_a_new_one_begins():
    assert sentences("It costs 4.50 USD. Pay it!\n1. Open it. Then close it.\n- One") == [
        "It costs 4.50 USD.",
        "Pay it!",
        "Open it.",
        "Then close it.",
        "One",
    ]


def test_stems_meet_across_forms():
    assert stems("returned returns returning") == {"return"}
    assert stems("cancelled") == stems("cancelling")
