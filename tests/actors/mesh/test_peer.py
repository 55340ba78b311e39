"""What waits to go to another host: all of it goes, in order, in parcels of a bearable size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stigmergy.actors.mesh.bodies import Bodies
from stigmergy.actors.mesh.mesh import BUSY, LATER_S, Mesh
from stigmergy.actors.mesh.peer import LARGE, Peer
from stigmergy.actors.mesh.reader import Reader
from stigmergy.actors.mesh.talks import Talks
from stigmergy.actors.volatile.asked import UNTIL_ACCEPTED, Asked
from stigmergy.actors.volatile.letter import Letter, Talk
from stigmergy.protocols import Message
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import HandlerFailed, Oversized
from stigmergy.protocols.message import Done

RAY_INLINES = 100 * 1024
"""Bytes of arguments that Ray carries within a call."""

FRAME = 16 * 1024 * 1024


class Note(Message):
    text: str


class Line:
    """A link that keeps what it is given, and reads it as the other end would."""

    peer, stirred, pending = "host-2.1", True, 0

    def __init__(self):
        self.lost = False
        self.most = FRAME
        self.sizes, self.letters, self.answers = [], [], []
        self._reader = Reader(Bodies([Note, Done]), Talks().of)

    def tell(self, _word, payload):
        data = pack(payload)
        if len(data) > self.most:
            raise Oversized("too much for one frame")
        self.sizes.append(len(data))
        letters, _, answers, _ = self._reader.read(unpack(data))
        self.letters += letters
        self.answers += answers

    def stir(self):
        pass


class Way:
    def __init__(self, now=0.0):
        self.buried: list[str] = []
        guard = SimpleNamespace(carried=lambda _: None, shallow=6)
        host: Any = SimpleNamespace(guard=guard, now=lambda: now, bury=lambda letter, to, *_: self.buried.append(to))
        self.line = Line()
        link: Any = self.line
        self.peer = Peer(host, link, Bodies([Note, Done]), Talks())

    def put(self, text, number=1, talk=None, asked=None):
        talk = talk or Talk("run", "client/main", 1)
        self.peer.put(f"kind/{number}", Letter(Note(text=text), "kind/a", number, talk, "", 0, 0, (), asked))


def test_a_stream_of_letters_stays_within_what_ray_carries_in_a_call():
    way = Way()
    for number in range(5_000):
        way.put("x" * 200, number)
    way.peer.collect()
    assert [letter[3] for letter in way.line.letters] == list(range(5_000))
    assert max(way.line.sizes[1:]) < RAY_INLINES
    assert len(way.line.sizes) < 5_000 * 250 / LARGE * 1.5


def test_names_count_and_so_do_answers():
    way = Way()
    for number in range(3_000):
        way.put("x" * 150, number, Talk("run", f"client/{number:032}", number))
    for number in range(3_000):
        way.peer.answer(number, Note(text="y" * 300))
    way.peer.collect()
    assert len(way.line.letters) == len(way.line.answers) == 3_000
    assert max(way.line.sizes[1:]) < 1.3 * RAY_INLINES


def test_answers_do_not_wait_behind_large_letters():
    way = Way()
    for number in range(10):
        way.put("x" * (1 << 20), number)
    for ticket in range(5):
        way.peer.answer(ticket, Done())
    for _ in range(7):
        way.peer._fill()
    assert len(way.line.answers) == 5
    way.peer.collect()
    assert [letter[3] for letter in way.line.letters] == list(range(10))
    assert way.buried == []


def test_a_thousand_long_errors_arrive_cut_and_none_is_lost():
    way = Way()
    for ticket in range(1_000):
        way.peer.answer(ticket, HandlerFailed("\udcff" + "e" * 20_000))
    way.peer.collect()
    assert [ticket for ticket, _, _ in way.line.answers] == list(range(1_000))
    error = way.line.answers[-1][1]
    assert isinstance(error, HandlerFailed)
    assert str(error).startswith("\\udcffeee")
    assert str(error).endswith("e... (20,001 characters)")


def test_what_a_link_refuses_as_too_large_goes_in_smaller_parcels_with_all_names():
    way = Way()
    way.line.most = 20_000
    asked = [Asked() for _ in range(300)]
    for number, one in enumerate(asked):
        one.deadline = 5.0
        way.put("x" * 200, number, asked=one)
    way.peer.collect()
    assert [letter[1] for letter in way.line.letters] == [f"kind/{number}" for number in range(300)]
    assert sorted(way.peer._open) == sorted(letter[4] for letter in way.line.letters)


def test_one_letter_that_no_link_takes_is_no_endless_loop():
    way = Way()
    way.line.most = 10
    way.put("x")
    with pytest.raises(Oversized):
        way.peer._fill()


@pytest.mark.parametrize(("deadline", "patience"), [(5.0, 0.0), (7.5, 1.5), (UNTIL_ACCEPTED, UNTIL_ACCEPTED)])
def test_a_question_that_is_overdue_is_still_a_question(deadline, patience):
    way, asked = Way(now=6.0), Asked()
    asked.deadline = deadline
    way.put("x", asked=asked)
    way.peer._fill()
    assert way.line.letters[0][5] == patience


def test_a_letter_for_a_link_that_was_lost_in_this_very_turn_is_buried():
    way = Way()
    way.line.lost = True
    way.put("x")
    assert way.buried == ["kind/1"]


async def test_a_host_with_very_much_to_do_returns_calls_before_it_counts_as_lost(monkeypatch):
    clock = iter(range(1_000))
    monkeypatch.setattr("stigmergy.actors.mesh.mesh.time", SimpleNamespace(monotonic=lambda: next(clock)))
    host = SimpleNamespace(ready=[None] * (BUSY + 1), stopped=None, workers=SimpleNamespace(handled=0))
    mesh: Any = SimpleNamespace(_host=host)
    link: Any = SimpleNamespace(serving=0, stir=lambda: None)
    await Mesh.serve(mesh, link)
    assert LATER_S < next(clock) < LATER_S + 3


async def test_a_host_that_always_has_very_much_to_do_returns_a_call_when_what_it_brought_was_handled():
    workers = SimpleNamespace(handled=7)
    queued = BUSY + 1_000

    def handle_some() -> None:
        workers.handled += 1_000  # and as much has come: from its own agents, say

    host = SimpleNamespace(ready=[None] * queued, stopped=None, workers=workers)
    mesh: Any = SimpleNamespace(_host=host)
    link: Any = SimpleNamespace(serving=0, stir=handle_some)
    await Mesh.serve(mesh, link)
    assert queued <= workers.handled - 7 < queued + 1_000
