"""Batches arrive once and in order, whatever the way between does to them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.transport.channel import MAX_EARLY, MAX_FRAMES, Channel, open_batch
from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import Malformed, WireError


def carry(receiver, data):
    _, number, confirmed, frames = open_batch(data)
    return receiver.accept(number, confirmed, frames)


def test_frames_that_are_ready_share_one_batch():
    sender, receiver = Channel("a"), Channel("b")
    for number in range(10):
        sender.put((0, 0, "n", number))
    assert [frame[3] for frame in carry(receiver, sender.batch())] == list(range(10))
    assert sender.waiting == 0


@pytest.mark.parametrize("frames", [0, 1, MAX_FRAMES - 1, MAX_FRAMES, MAX_FRAMES + 1, 2 * MAX_FRAMES])
def test_every_frame_goes_into_exactly_one_batch_of_at_most_a_thousand(frames):
    sender, receiver = Channel("a"), Channel("b")
    for number in range(frames):
        sender.put((0, 0, "n", number))
    got = []
    while sender.waiting:
        data = sender.batch()
        assert len(open_batch(data)[3]) <= MAX_FRAMES
        got += carry(receiver, data)
    assert [frame[3] for frame in got] == list(range(frames))


@given(seed=st.integers(0, 2**32), messages=st.integers(1, 60))
def test_drops_repeats_and_reordering_lose_nothing_and_double_nothing(seed, messages):
    chance = random.Random(seed)
    sender, receiver = Channel("a"), Channel("b")
    got, under_way = [], []
    for number in range(messages):
        sender.put((0, 0, "n", number))
        if chance.random() < 0.7:
            under_way += [sender.batch()] * chance.choice([0, 1, 1, 1, 2])
        chance.shuffle(under_way)
        while under_way and chance.random() < 0.5:
            got += carry(receiver, under_way.pop())
            if chance.random() < 0.3:
                carry(sender, receiver.batch())
    while sender.waiting:
        sender.batch()
    for data in sender.unconfirmed_batches() * 2:
        got += carry(receiver, data)
    assert [frame[3] for frame in got] == list(range(messages))
    carry(sender, receiver.batch())
    assert sender.oldest_unconfirmed == 0


def test_a_peer_that_runs_far_ahead_is_refused_instead_of_filling_memory():
    receiver = Channel("b")
    for number in range(2, 2 + MAX_EARLY):
        assert receiver.accept(number, 0, []) == []
    with pytest.raises(Malformed, match="ahead of batch 1"):
        receiver.accept(2 + MAX_EARLY, 0, [])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        pack([1, 2, 3, []]),
        pack(["a", "1", 0, []]),
        pack(["a", -1, 0, []]),
        pack(["a", 1, 0]),
        pack({"a": 1}),
        pack(["a", 1, 0, {}]),
    ],
)
def test_bytes_that_are_no_batch_are_a_typed_error(data):
    with pytest.raises(WireError):
        open_batch(data)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data):
    try:
        peer, number, _, frames = open_batch(data)
    except WireError:
        return
    assert (type(peer), type(number), type(frames)) == (str, int, list)
