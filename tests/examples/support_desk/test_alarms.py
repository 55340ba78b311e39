"""Circuit breakers: what trips them, and what only looks as if it should."""

from __future__ import annotations

import pytest

from examples.support_desk.alarms import angry, legal, urgent
from examples.support_desk.policy import Escalation, Reason, alarm, headline
from examples.support_desk.schemas import Feedback, Problem
from tests.examples.support_desk.shop import tickets

URGENT = [
    "URGENT: please stop my order",
    "Your website is down, nobody can check out",
    "The checkout page has been down since this morning",
    "None of our staff can log in to the portal",
    "My account was hacked and someone ordered three kettles",
    "Someone else is using my account",
    "There are fraudulent charges on my statement from your shop",
    "There is an unauthorised payment",
    "My card was stolen and used in your shop",
    "The kettle started smoking and the plug melted",
    "Smoke came out of the grinder",
    "I got an electric shock from the kettle base",
    "My daughter had an allergic reaction to the chai",
    "I burned my hand because the lid came off",
    "We found pieces of glass in the tea",
    "There is mould in the bag",
]
LEGAL = [
    "You will hear from my lawyer",
    "I'm going to sue you for this",
    "I will take you to small claims court",
    "My attorney will contact you",
    "Our solicitors are ready to write to you",
    "I'll report you to the consumer protection agency",
    "I reported this to the Better Business Bureau",
    "If it isn't corrected I'll file a chargeback with my bank",
    "I am disputing the charge with my bank",
    "This is false advertising and I'll take legal action",
    "I will see you in court",
    "What you did is illegal.",
]
ANGRY = [
    "I am furious",
    "This is absolutely ridiculous",
    "Worst customer service ever",
    "You people are thieves",
    "I'm so angry right now",
    "I have had enough of this",
    "THIS IS THE THIRD TIME I WRITE",
    "I'm disappointed and frustrated",
    "Never ordering from you again!",
    "What a scam",
    "WHERE IS MY ORDER YOU PROMISED FRIDAY!!!",
    "I'm really pissed off",
    "Still no reply. Annoying!!!",
    "How dare you charge me",
]
HARMLESS = [
    "I'm not angry, just curious",
    "I am not really angry about it",
    "I'm mad about your oolong",
    "I would not call it a scam",
    "I have never been disappointed so far!",
    "Never had a bad experience with you, I'd just like an invoice",
    "A bit disappointed with the roast, could I swap it?",
    "This tea is ridiculously good",
    "The tea is insanely good!!!",
    "Worst case I pick it up myself",
    "PLEASE SEND ME THE INVOICE",
    "OK THX BYE",
    "Where can I read your terms of service?",
    "Is there a legal notice on your site?",
    "What is the legal age to order?",
    "Is it legal to bring tea through customs?",
    "My name is Sue and I'd like to change my address",
    "Do you ship to Court Street 12?",
    "We're a law firm and would like 12 gift cards for our lawyers",
    "My lawyer friend recommended your oolong",
    "What happens to my data? Do you follow GDPR?",
    "Could a police officer get a discount?",
    "How do I dispute a loyalty point balance?",
    "It's not urgent, whenever you have time",
    "No rush, not an emergency",
    "Can I take the down jacket back?",
    "The price went down last week",
    "I downloaded the invoice, the app is downloading forever",
    "Someone else will pick up my parcel",
    "Someone else paid for my order as a gift",
    "My kettle for my mother has stolen the show in our kitchen",
    "Can I brew smoked tea in the kettle? It smells of smoke, like lapsang souchong",
    "The price of the grinder was a shock",
    "I'd like to cut my subscription to one bag",
    "Can you burn my name onto the box?",
    "There is a metal spoon in the box, is it for free?",
    "Is the plastic in my tea bags compostable?",
    "Can I order coffee for my hospitality business?",
    "My card was declined",
    "I forgot my password",
]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, Reason.urgent) for text in URGENT),
        *((text, Reason.legal) for text in LEGAL),
        *((text, Reason.angry) for text in ANGRY),
    ],
)
def test_a_breaker_trips_and_quotes_the_words_that_did_it(text, reason):
    tripped = alarm(text)
    assert tripped is not None
    assert tripped.reason is reason
    plain = " ".join(text.split())
    assert all(words in plain for words in tripped.evidence)


@pytest.mark.parametrize("text", HARMLESS)
def test_no_breaker_trips_on_words_that_only_look_alike(text):
    assert alarm(text) is None


def test_ordinary_tickets_of_the_past_trip_nothing():
    past = [row.text for row in tickets("history.csv")]
    assert [text for text in past if alarm(text)] == []


def test_a_typographic_apostrophe_negates_as_well_as_a_plain_one():
    assert alarm("I\N{RIGHT SINGLE QUOTATION MARK}m not angry") is None
    assert alarm("It isn\N{RIGHT SINGLE QUOTATION MARK}t urgent") is None


def test_a_negation_in_another_clause_negates_nothing():
    assert urgent("I can not wait, this is urgent")
    assert legal("You did not answer. I will sue")
    assert angry("This is not what I ordered, I am furious")


def test_danger_comes_before_the_law_and_the_law_before_anger():
    text = "This is absolutely ridiculous, I will sue you, "
    tripped = [alarm("I am furious"), alarm(text), alarm(text + "the kettle is on fire")]
    assert [t.reason for t in tripped if t] == [Reason.angry, Reason.legal, Reason.urgent]


def test_one_sign_of_a_lost_temper_is_not_yet_anger():
    assert angry("I am annoyed") == ()
    assert angry("I am annoyed. What is wrong with you") == ("annoyed", "wrong with you")


@pytest.mark.parametrize(
    "text", ["", " ", "not " * 5_000, "a" * 20_000, "!" * 20_000, "I AM " * 4_000, "never order " * 1_500]
)
def test_long_and_odd_texts_are_judged_too(text):
    found = alarm(text)
    assert found is None or found.evidence


@pytest.mark.parametrize(
    ("reason", "more", "expected"),
    [
        (
            Reason.low_confidence,
            {"category": "billing", "confidence": 0.31, "runner_up": "orders"},
            "T-1: probably billing, perhaps orders, but only 31% sure",
        ),
        (Reason.low_confidence, {}, "T-1: nobody knows what it is about"),
        (Reason.legal, {"evidence": ("sue you",)}, "T-1: mentions lawyers, courts, authorities or a dispute with"),
        (Reason.failure, {"evidence": ("model overloaded",)}, "T-1: an agent failed ('model overloaded')"),
    ],
)
def test_a_headline_tells_a_person_why_the_ticket_is_theirs(reason, more, expected):
    assert headline(Escalation(ticket="T-1", reason=reason, **more)).startswith(expected)


def test_every_reason_has_a_headline():
    assert len({headline(Escalation(ticket="T", reason=reason)) for reason in Reason}) == len(Reason)


def test_an_escalation_travels_as_plain_data():
    note = Feedback(problem=Problem.tone, where="calm down", what_to_do="be friendly")
    report = Escalation(ticket="T-1", reason=Reason.quality, draft="Hello", feedback=(note,), articles=("KC-101",))
    assert Escalation.model_validate(report.model_dump(mode="json")) == report
