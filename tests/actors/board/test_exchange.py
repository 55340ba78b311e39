"""The exchange between shards, under lost links, crashes of either end, and words that wait for writes."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.exchange import NOTED_EVERY, Exchange
from stigmergy.actors.board.gate import Gate
from stigmergy.actors.board.outbox import Out
from stigmergy.actors.board.owners import Place
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import JournalCorrupt


class Shard:
    """An exchange with its journal, of which a crash loses what was not sealed."""

    def __init__(self, me: int, of: int) -> None:
        self.me, self.of = me, of
        self.journal: list[tuple[str, Any]] = []
        self.batch: list[tuple[str, Any]] = []
        self.taken: list[tuple[int, Any]] = []
        """What arrived, durably, as (source, data)."""
        self.arrived: list[tuple[int, Any]] = []
        self.open()

    def open(self) -> None:
        self.exchange = Exchange(lambda kind, data: self.batch.append((kind, data)), Place(self.me, self.of))
        self.batch, self.arrived = [], []
        for kind, data in self.journal:
            self.exchange.apply(kind, data)

    def commit(self) -> None:
        heard = self.exchange.seal()
        self.journal += unpack(pack([[*entry] for entry in [*heard, *self.batch]]))
        self.taken += self.arrived
        self.batch, self.arrived = [], []


class Pair:
    """Two shards and a link, whose words are lost when it breaks."""

    def __init__(self) -> None:
        self.ends = (Shard(0, 2), Shard(1, 2))
        self.link: list[list[tuple[str, Any]]] = [[], []]
        """Words on their way to each."""
        self.meet()

    def meet(self) -> None:
        self.link = [[], []]
        for me, end in enumerate(self.ends):
            self.say(me, "hello", end.exchange.met(1 - me))

    def say(self, me: int, word: str, data: Any) -> None:
        self.link[1 - me].append((word, data))

    def hear(self, me: int) -> None:
        """Take in one word and commit."""
        end, peer = self.ends[me], 1 - me
        if self.link[me]:
            word, data = self.link[me].pop(0)
            if word == "hello":
                end.exchange.greeted(peer, data)
            elif word == "took":
                end.exchange.confirmed(peer, data)
            elif end.exchange.take(peer, data[0]):
                end.arrived.append((peer, data[2]))
        self.commit(me)

    def commit(self, me: int) -> None:
        end = self.ends[me]
        end.commit()
        for _, number in end.exchange.heard():
            self.say(me, "took", number)
        for _, parcel in end.exchange.due():
            self.say(me, "parcel", parcel)

    def settle(self) -> None:
        while any(self.link):
            self.hear(0)
            self.hear(1)


@given(st.integers(0, 2**32))
def test_each_parcel_is_taken_once_and_in_order_whatever_breaks(seed):
    random, pair = Random(seed), Pair()
    sent: tuple[list[int], list[int]] = ([], [])
    for number in range(60):
        me = random.randrange(2)
        match random.randrange(6):
            case 0 | 1:
                pair.ends[me].exchange.put(1 - me, "letter", number)
                pair.commit(me)
                sent[me].append(number)
            case 2 | 3 | 4:
                pair.hear(me)
            case _:
                if random.random() < 0.5:
                    pair.ends[me].open()
                pair.meet()
    pair.meet()
    pair.settle()
    for me in (0, 1):
        assert pair.ends[1 - me].taken == [(me, number) for number in sent[me]]
        assert pair.ends[me].exchange.letters == 0


def test_what_was_put_before_shards_met_counts_as_sent_once_they_have():
    pair = Pair()
    pair.ends[0].exchange.put(1, "letter", "early")
    pair.commit(0)
    pair.ends[0].open()
    for _ in range(2):
        pair.meet()
        pair.settle()
        pair.ends[0].open()
    assert pair.ends[1].taken == [(0, "early")]


def test_what_was_put_and_not_committed_was_never_sent():
    pair = Pair()
    pair.settle()
    pair.ends[0].exchange.put(1, "letter", "lost")
    pair.ends[0].open()
    pair.meet()
    pair.settle()
    assert pair.ends[1].taken == []


def test_a_reopened_shard_does_not_read_what_was_confirmed_long_ago():
    pair = Pair()
    for number in range(NOTED_EVERY + 5):
        pair.ends[0].exchange.put(1, "letter", number)
    pair.commit(0)
    pair.settle()
    pair.ends[0].open()
    assert len(pair.ends[0].exchange.lanes[1].parcels) <= NOTED_EVERY


def test_a_shard_that_has_forgotten_what_it_confirmed_is_found_out():
    pair = Pair()
    pair.ends[0].exchange.put(1, "letter", "kept")
    pair.commit(0)
    pair.settle()
    pair.ends[1].journal = []
    pair.ends[1].open()
    pair.meet()
    with pytest.raises(JournalCorrupt, match="shard 1 has lost"):
        pair.settle()


@pytest.mark.parametrize(("anew", "lives"), [(0, 1), (1, 1), (5, 1), (5, 2)])
def test_a_shard_that_has_lost_what_it_had_sent_is_found_out_however_much_it_has_put_since(anew, lives):
    pair = Pair()
    pair.settle()
    sender, kept = pair.ends[0], 1
    for number in range(3):
        sender.exchange.put(1, "letter", number)
        pair.commit(0)
    pair.settle()
    sender.journal = sender.journal[:kept]
    for _ in range(lives):
        sender.open()
        for number in range(anew):
            sender.exchange.put(1, "letter", f"anew {number}")
        pair.commit(0)
    pair.meet()
    with pytest.raises(JournalCorrupt, match=r"shard 0 has lost .* heard 3 parcels .* sent 1; .* one backup"):
        pair.settle()
    assert pair.ends[1].taken == [(0, 0), (0, 1), (0, 2)]


def sender() -> Exchange:
    """Shard 0 of three, linked to both others."""
    exchange = Exchange(lambda _kind, _data: None, Place(0, 3))
    for shard in (1, 2):
        exchange.met(shard)
        exchange.greeted(shard, 0)
    return exchange


def due(exchange: Exchange) -> list[tuple[int, str]]:
    exchange.seal()
    return [(shard, parcel[1]) for shard, parcel in exchange.due()]


def test_what_an_agent_sends_leaves_only_when_what_it_wrote_elsewhere_is_there():
    exchange = sender()
    exchange.put(1, "write", None, "a/1")
    exchange.put(2, "letter", None, "a/1")
    exchange.put(2, "letter", None, "b/1")
    assert due(exchange) == [(1, "write")]
    exchange.confirmed(1, 1)
    assert due(exchange) == [(2, "letter"), (2, "letter")]


def test_nobody_waits_for_what_others_have_written():
    exchange = sender()
    exchange.put(1, "write", None, "a/1")
    exchange.put(2, "letter", None, "b/1")
    exchange.put(1, "letter", None, "a/1")
    assert due(exchange) == [(1, "write"), (1, "letter"), (2, "letter")]


def test_writes_that_wait_for_each_other_come_to_an_end():
    exchange = sender()
    for shard in (1, 2, 1, 2):
        exchange.put(shard, "write", None, "a/1")
    for shard, number in ((1, 1), (2, 1), (1, 2), (2, 2)):
        assert due(exchange) == [(shard, "write")]
        exchange.confirmed(shard, number)


def said(gate: Gate, *words: str, events: tuple[str, ...] = ()) -> list[str]:
    """What is let out when these are decided."""
    frames, told = gate.let_out([Out("host", word, 0, None) for word in words], [(event, {}) for event in events])
    return [frame.name for frame in frames] + [name for name, _ in told]


def test_a_shard_says_nothing_before_what_it_has_written_elsewhere_is_there():
    exchange = sender()
    gate = Gate(exchange)
    assert said(gate, "before") == ["before"]
    exchange.put(1, "write", None, "a/1")
    exchange.seal()
    assert said(gate, "answer", events=("event",)) == []
    assert said(gate, "behind it") == []
    exchange.confirmed(1, 1)
    assert said(gate) == ["answer", "behind it", "event"]


def test_letters_hold_no_word_back():
    exchange = sender()
    exchange.put(1, "letter", None, "a/1")
    exchange.seal()
    assert said(Gate(exchange), "answer") == ["answer"]
