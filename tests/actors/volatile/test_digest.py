"""The digest of a run by rounds: the same for the same letters, however they came together."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stigmergy.actors.volatile import digest as digests
from stigmergy.actors.volatile.digest import PARTITIONS, Digest, partition_of
from stigmergy.actors.volatile.packing import packer
from stigmergy.actors.volatile.running import runner

LETTERS = [
    (number, f"ant/{to}", f"ant/{sender}", count, "Step@1", {"place": to * count, "why": "it is so"})
    for number in range(1, 4)
    for to in range(40)
    for sender, count in ((7, number), (8, number))
]


def digest_of(letters, every=1_000_000):
    digest = Digest()
    for position, letter in enumerate(letters, 1):
        digest.notes(letter[1]).add(*letter)
        if not position % every:
            digest.total()
    return digest.total()


@pytest.mark.parametrize("every", [1, 3, 7, 100])
def test_how_much_is_hashed_at_once_does_not_matter(every):
    assert digest_of(LETTERS, every) == digest_of(LETTERS)


def test_digests_of_hosts_add_up_to_that_of_the_swarm():
    shares = [[letter for letter in LETTERS if partition_of(letter[1]) % 3 == host] for host in range(3)]
    assert all(shares)
    assert sum(map(digest_of, shares)) % 2**128 == digest_of(LETTERS)


def test_two_letters_of_one_agent_in_another_order_are_another_run():
    turned = list(LETTERS)
    turned[0], turned[1] = turned[1], turned[0]
    assert digest_of(turned) != digest_of(LETTERS)


@pytest.mark.parametrize("place", range(6))
def test_the_digest_covers_everything_about_a_letter(place):
    other = (9, "ant/99", "ant/99", 99, "Leap@1", {"place": 1})[place]
    changed = [(*LETTERS[5][:place], other, *LETTERS[5][place + 1 :])]
    assert digest_of(LETTERS[:5] + changed) != digest_of(LETTERS[:6])


class Point(BaseModel):
    x: int


def test_what_has_no_type_in_msgpack_counts_too_and_sets_have_no_order():
    fields = {"points": [Point(x=1)], "day": date(2030, 1, 2), "wide": 2**80, "some": {"a", "b", "c", "d"}}
    letter = (1, "ant/1", "ant/2", 1, "Odd@1", fields)
    same = (*letter[:5], {**fields, "some": {"d", "c", "b", "a"}})
    assert digest_of([letter]) == digest_of([same])
    for name, other in (("points", [Point(x=2)]), ("day", date(2030, 1, 3)), ("wide", 2**81), ("some", {"a", "b"})):
        assert digest_of([letter]) != digest_of([(*letter[:5], {**fields, name: other})])


def test_agents_are_spread_over_all_partitions():
    assert len({partition_of(f"ant/{n}") for n in range(10 * PARTITIONS)}) == PARTITIONS


EDGES = sorted(
    {sign * (1 << bits) + more for bits in (5, 7, 8, 15, 16, 31, 32, 63, 64) for sign in (1, -1) for more in (-1, 0, 1)}
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(EDGES),
    st.floats(),
    st.text(),
    st.binary(),
    st.integers(250, 300).map("a".__mul__),
)
FIELDS = st.one_of(
    VALUES, st.dictionaries(st.text(), VALUES, max_size=20), st.lists(VALUES), st.sampled_from(["a" * 70_000])
)


NESTED: list[Any] = []
for _ in range(2_000):
    NESTED = [NESTED]

NOTES = [digests.Notes, *([] if runner is None else [runner.Notes])]


@pytest.mark.parametrize("notes", NOTES)
@given(st.lists(st.lists(FIELDS, max_size=15)))
def test_what_is_hashed_is_what_msgpack_packs(notes, letters):
    hashed = bytearray()
    noted = notes(hashed.extend, packer())
    for values in letters:
        noted.add(*values)
    noted.flush()
    assert hashed == b"".join(packer()(value) for values in letters for value in values)


@pytest.mark.parametrize("notes", NOTES)
def test_what_is_noted_is_hashed_before_it_is_much(notes):
    sizes = []
    noted = notes(lambda some: sizes.append(len(some)), packer())
    for _ in range(100):
        noted.add("a" * 1_000)
    noted.add("a" * 1_000_000)
    assert sum(sizes[:-1]) < 101_000
    assert max(sizes[:-1]) < digests.FULL + 1_003
    assert sizes[-1] > 1_000_000


@pytest.mark.parametrize("notes", NOTES)
@pytest.mark.parametrize("odd", ["\ud800", {"name": "\udcff.txt"}, NESTED], ids=("surrogate", "file name", "deep"))
def test_there_is_nothing_that_cannot_be_noted(notes, odd):
    hashed = bytearray()
    noted = notes(hashed.extend, packer())
    noted.add(1, odd)
    noted.flush()
    assert hashed == b"\x01" + packer()(odd)


@pytest.mark.parametrize("notes", NOTES)
def test_what_cannot_be_packed_at_all_is_not_noted_by_half(notes):
    hashed = bytearray()
    noted = notes(hashed.extend, msgpack.Packer(autoreset=True).pack)
    noted.add(1)
    with pytest.raises(TypeError):
        noted.add(2, {"fine": 1, "not": object()})
    noted.flush()
    assert hashed == b"\x01"
