"""Letters as they cross between hosts: all as they were, and none spoiled by another."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pytest

from stigmergy.actors.mesh import bodies, writer
from stigmergy.actors.mesh.bodies import Bodies
from stigmergy.actors.mesh.reader import Reader
from stigmergy.actors.mesh.talks import Talks
from stigmergy.actors.mesh.wire import Head
from stigmergy.actors.mesh.writer import Writer
from stigmergy.actors.volatile.asked import Asked
from stigmergy.actors.volatile.letter import Letter, Talk
from stigmergy.protocols import Message
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import Malformed, NoSuchAgent, Oversized, StigmergyError, UnknownMessage


class Note(Message):
    text: str
    n: int = 0


class Dated(Message):
    day: dt.date
    tags: set[str] = set()
    inner: Note | None = None


class Stranger(Message):
    """No agent declares it."""


class Came(NamedTuple):
    head: Head
    to: str
    message: Message | StigmergyError
    number: int
    ticket: int
    patience: float
    type: str


class Way:
    """Both ends of one direction of a link."""

    def __init__(self):
        known = Bodies((Note, Dated))
        self.talks = Talks()
        self.writer = Writer(known, lambda _: 7, Talks().meet, lambda letter: [letter.number], 6)
        self.reader = Reader(known, self.talks.of)

    def send(self, letters, answers=()):
        parcel = self.writer.parcel(list(letters), list(answers), now=100.0)
        came, _, answered, self.chains = self.reader.read(unpack(pack(parcel.payload)))
        return [Came(*one) for one in came], answered, parcel


def waiting(until):
    asked = Asked()
    asked.deadline = until
    return asked


def letter(message, sender="kind/a", number=1, talk=None, **rest):
    fields = {"causer": "", "cause": 0, "hops": 0, "taint": (), **rest}
    return Letter(message, sender, number, talk or Talk("run", "client/main", 1), **fields)


def test_what_arrives_is_what_was_sent():
    way, talk = Way(), Talk("run", "client/main", 1)
    sent = [
        letter(Note(text="é" * 50, n=-3), talk=talk, taint=("user", "web"), causer="kind/z", cause=9, hops=4),
        letter(Note(text="b"), number=2, talk=talk, taint=("user", "web"), causer="kind/z", cause=9, hops=4),
        letter(Dated(day=dt.date(2026, 1, 2), tags={"x"}, inner=Note(text="i")), sender="kind/b", topic="news"),
        letter(Note(text="q"), sender="kind/b", asked=waiting(101.5)),
    ]
    came, _, _ = way.send([("kind/1", sent[0]), ("kind/2", sent[1]), ("", sent[2]), ("kind/1", sent[3])])
    assert [one.to for one in came] == ["kind/1", "kind/2", "", "kind/1"]
    assert [one.message for one in came] == [one.message for one in sent]
    assert [one.number for one in came] == [1, 2, 1, 1]
    assert [(one.ticket, one.patience) for one in came] == [(0, 0), (0, 0), (0, 0), (7, 1.5)]
    for one, was in zip(came, sent, strict=True):
        assert one.head[2:] == (was.causer, was.cause, was.hops, was.taint, was.topic)
        assert (one.head.sender, one.head.talk.id) == (was.sender, was.talk.id)
    assert came[0].head.talk is came[1].head.talk


def test_names_are_sent_once():
    way, talk = Way(), Talk("run", "client/main", 1)
    _, _, first = way.send([("kind/1", letter(Note(text="a"), talk=talk))])
    came, _, second = way.send([("kind/1", letter(Note(text="b"), talk=talk))])
    assert first.payload[1]
    assert not second.payload[1]
    assert came[0].to == "kind/1"


def test_after_many_names_both_ends_begin_anew(monkeypatch):
    monkeypatch.setattr(writer, "WORDS", 20)
    way = Way()
    for number in range(200):
        came, _, _ = way.send([(f"kind/{number % 60}", letter(Note(text="a", n=number), sender=f"kind/s{number}"))])
        assert (came[0].to, came[0].head.sender) == (f"kind/{number % 60}", f"kind/s{number}")
        assert len(way.reader._words) < 40


def test_what_the_watchdog_knows_of_a_chain_goes_along_with_it():
    way = Way()
    letters = [letter(Note(text="a"), number=n, hops=hops) for n, hops in enumerate((6, 7, 2, 900))]
    way.send([("kind/1", each) for each in letters])
    assert [(incoming[3], chain) for incoming, chain in way.chains] == [(1, [1]), (3, [3])]


def test_answers_and_errors_come_with_their_tickets():
    answers = [
        (3, Note(text="yes"), ("tool",)),
        (4, NoSuchAgent("nobody"), ()),
        (5, KeyError("k"), ()),
    ]
    _, came, _ = Way().send([("kind/1", letter(Note(text="x")))], answers)
    assert came[0] == answers[0]
    assert [(ticket, type(error).__name__, str(error)) for ticket, error, _ in came[1:]] == [
        (4, "NoSuchAgent", "nobody"),
        (5, "HandlerFailed", "KeyError: 'k'"),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        Note.model_construct(text=b"\xff", n="three"),
        Note.model_construct(text={3: 4}, n=0),
        Note.model_construct(text=["a"], n=0),
    ],
)
def test_a_body_that_does_not_fit_its_class_spoils_no_other(bad):
    messages = [Note(text="a"), bad, Note(text="c")]
    came, _, parcel = Way().send([(f"kind/{n}", letter(message, number=n)) for n, message in enumerate(messages)])
    assert not parcel.unsendable
    assert [came[0].message, came[2].message] == [messages[0], messages[2]]
    assert isinstance(came[1].message, Malformed)
    assert (came[1].to, came[1].type, came[1].number) == ("kind/1", "Note@1", 1)


@pytest.mark.parametrize("value", ["\ud800", 2**70, object()])
def test_what_cannot_be_encoded_stays_behind_and_the_rest_goes(value):
    bad = letter(Note.model_construct(text=value, n=0))
    came, answers, parcel = Way().send(
        [("kind/1", letter(Note(text="a"))), ("kind/2", bad), ("kind/3", letter(Note(text="c")))],
        [(1, Note.model_construct(text=value, n=0), ()), (2, Note(text="fine"), ())],
    )
    assert [one.to for one in came] == ["kind/1", "kind/3"]
    assert parcel.unsendable[0][0] == ("kind/2", bad)
    assert answers[0] == (2, Note(text="fine"), ())
    assert isinstance(answers[1][1], Malformed)


def test_a_message_that_is_too_large_stays_behind(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BYTES", 1_000)
    large = letter(Note(text="x" * 2_000))
    came, _, parcel = Way().send([("kind/1", letter(Note(text="a"))), ("kind/2", large)])
    assert [one.to for one in came] == ["kind/1"]
    assert isinstance(parcel.unsendable[0][1], Oversized)


def test_messages_that_are_too_large_together_are_refused_together(monkeypatch):
    monkeypatch.setattr(bodies, "MAX_BYTES", 1_000)
    monkeypatch.setattr(writer, "MAX_BYTES", 1_000)
    letters = [(f"kind/{n}", letter(Note(text="x" * 600))) for n in range(2)]
    way = Way()
    with pytest.raises(Oversized):
        way.send(letters)
    assert [[one.to for one in way.send([each])[0]] for each in letters] == [["kind/0"], ["kind/1"]]


def test_a_type_that_nobody_declares_is_an_error_in_its_place():
    came, _, _ = Way().send([("kind/1", letter(Stranger())), ("kind/2", letter(Note(text="a")))])
    assert isinstance(came[0].message, UnknownMessage)
    assert came[1].message == Note(text="a")


@pytest.mark.parametrize(
    "payload", [None, [], [1, 2], [True, [], [], [[0], [0], [0], [1], [0], [0]], [], [[], [], []], [], []]]
)
def test_a_parcel_that_is_none_is_malformed(payload):
    with pytest.raises(Malformed, match="not a parcel"):
        Way().reader.read(payload)
