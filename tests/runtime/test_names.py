"""Names of a driver's requests: the same for the same requests in any order, and never twice the same."""

from __future__ import annotations

import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from stigmergy.runtime.names import Digests, Names

CONTENTS = st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=30)


def ids(contents: list[bytes]) -> list[str]:
    names = Names("run", "client/main")
    return [names.take("ask", "a/1", "Question@1", content).id for content in contents]


@given(CONTENTS, st.randoms())
def test_a_driver_that_runs_again_names_its_requests_alike_in_whatever_order(
    contents: list[bytes], order: random.Random
):
    again = list(contents)
    order.shuffle(again)
    assert len(set(ids(contents))) == len(contents)
    assert sorted(ids(again)) == sorted(ids(contents))


def test_the_number_of_a_request_that_left_no_trace_is_used_again():
    names = Names("run", "client/main")
    first, second, third = (names.take("ask", "a/1", "Question@1", b"x") for _ in range(3))
    names.give_back(second)
    names.give_back(first)
    assert [names.take("ask", "a/1", "Question@1", b"x") for _ in range(2)] == [first, second]
    assert names.take("ask", "a/1", "Question@1", b"x").number == third.number + 1


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3) | st.integers(0, 40).map(lambda n: n << 32)))
def test_digests_are_a_set(numbers: list[int]):
    seen: set[int] = set()
    digests = Digests()
    for number in numbers:
        assert digests.add(number) is ((number or 1) not in seen)
        seen.add(number or 1)


def test_digests_stay_a_set_while_they_grow():
    numbers = [number * 0x9E3779B97F4A7C15 % 2**64 for number in range(1, 9_000)]
    digests = Digests()
    assert all(digests.add(number) for number in numbers)
    assert not any(digests.add(number) for number in numbers)


def test_many_requests_take_little_memory():
    names = Names("run", "client/main")
    tracemalloc.start()
    for number in range(6_000):
        names.take("ask", "a/1", "Question@1", str(number).encode())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / 6_000 < 30
