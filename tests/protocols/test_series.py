"""A series on the wire: every field is checked, and each post is the envelope that it would have been by itself."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Malformed
from stigmergy.protocols.ids import sent_id
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Turn

SERIES = Series("news", "scout/1", "talk", "m1", "trace", 3, ("web",), [[2, "News@1", b"two"], [5, "News@1", b"five"]])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.binary(max_size=3), st.lists, max_leaves=9
)


def test_a_post_is_an_envelope_whose_id_follows_from_its_turn():
    first, second = SERIES.envelopes()
    common: dict[str, Any] = {"conversation": "talk", "cause": "m1", "trace": "trace", "hops": 3, "taint": ("web",)}
    assert first == Envelope(sent_id("m1", 2), "post", "News@1", "scout/1", "news", b"two", **common)
    assert (second.id, second.body) == (sent_id("m1", 5), b"five")


def test_it_comes_back_from_the_wire_and_from_a_journal():
    assert Series.from_wire(unpack(pack(SERIES))) == SERIES
    assert Series.kept(unpack(pack(SERIES.to_wire()))) == SERIES


def test_a_turn_carries_messages_and_series_in_their_order():
    tell = Envelope("t1", "tell", "Go@1", "scout/1", "guard/1", b"", "talk")
    turn = Turn("m1", "scout/1", "h.1", 0, "done", (SERIES, tell, SERIES))
    assert Turn.from_wire(unpack(pack(list(turn)))).sends == turn.sends


BROKEN: dict[str, list[Any]] = {
    "a field too few": list(SERIES)[:-1],
    "a field too many": [*SERIES, 0],
    "a number for a topic": [7, *list(SERIES)[1:]],
    "a text for hops": [*list(SERIES)[:5], "3", [], SERIES.posts],
    "marks that are numbers": [*list(SERIES)[:6], [1], SERIES.posts],
    "marks that are a text": [*list(SERIES)[:6], "web", SERIES.posts],
    "no posts": [*list(SERIES)[:7], []],
    "posts that are a text": [*list(SERIES)[:7], "two"],
    "a post without a body": [*list(SERIES)[:7], [[1, "News@1"]]],
    "a post with a text for a body": [*list(SERIES)[:7], [*SERIES.posts, [1, "News@1", "one"]]],
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_series_is_malformed(what: str):
    with pytest.raises(Malformed):
        Series.from_wire(BROKEN[what])


@given(st.lists(PLAIN, max_size=9))
def test_any_array_is_a_series_or_malformed(fields: list[Any]):
    with suppress(Malformed):
        assert Series.from_wire(fields).posts
