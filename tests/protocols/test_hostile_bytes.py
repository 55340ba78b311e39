"""Whatever the bytes are, reading them ends in a value or in one typed error, in bounded memory; nothing is run."""

from __future__ import annotations

import pickle
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.codec import MAX_BATCH_BYTES, MAX_BODY_BYTES, MAX_DEPTH, MAX_ITEMS, unpack, unpack_body
from stigmergy.protocols.errors import Malformed, Oversized, WireError


class Canary:
    """Sings when it is unpickled."""

    def __init__(self, song: str) -> None:
        self.song = song

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path(self.song),)  # type: ignore[return-value] # what pickle would call


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


@given(st.binary(max_size=400))
def test_random_bytes_are_a_value_or_a_typed_error(data: bytes):
    for read in (unpack, unpack_body):
        try:
            value = read(data)
        except WireError:
            continue
        assert msgpack.packb(value) == msgpack.packb(msgpack.unpackb(data))


@given(st.recursive(st.none() | st.integers(0, 9) | st.text(max_size=5), st.lists, max_leaves=8), st.data())
def test_a_body_that_was_cut_is_malformed_and_so_is_one_with_more_behind_it(value, data):
    body = msgpack.packb(value)
    with pytest.raises(Malformed):
        unpack_body(body[: data.draw(st.integers(0, len(body) - 1))])
    with pytest.raises(Malformed):
        unpack_body(body + b"\xc0")


HOSTILE = {
    "invalid utf-8": b"\xa2\xff\xfe",
    "a map with numbers as keys": msgpack.packb({1: 2}),
    "a map with bytes as keys": msgpack.packb({b"a": 2}),
    "an extension type": msgpack.packb(msgpack.ExtType(5, b"x")),
    "a timestamp": msgpack.packb(msgpack.Timestamp(1)),
    "a text of a gigabyte, so it says": b"\xdb\x40\x00\x00\x00abc",
    "a list of four billion, so it says": b"\xdd\xff\xff\xff\xff\xc0",
    "a map of four billion, so it says": b"\xdf\xff\xff\xff\xff\xc0",
    "one level too deep": nested(MAX_DEPTH + 2),
    "2,000 levels": nested(2_000),
    "200,000 levels": nested(200_000),
    "too many items": msgpack.packb([0] * (MAX_ITEMS + 1)),
    "a byte that is no type": b"\xc1",
    "nothing": b"",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_a_plain_bounded_value_is_refused(body: bytes):
    with pytest.raises(WireError):
        unpack_body(body)


def test_one_byte_over_the_limit_is_refused_unread_and_one_less_is_not():
    bulk = msgpack.packb(b"x" * (MAX_BODY_BYTES - 5))
    assert len(bulk) == MAX_BODY_BYTES
    assert len(unpack_body(bulk)) == MAX_BODY_BYTES - 5
    with pytest.raises(Oversized):
        unpack_body(bulk + b"\xc0")
    with pytest.raises(Oversized):
        unpack(bytes(MAX_BATCH_BYTES + 1))


def test_a_bomb_of_empty_maps_costs_little_memory():
    bomb = b"\xdd" + (MAX_BODY_BYTES - 5).to_bytes(4, "big") + b"\x80" * (MAX_BODY_BYTES - 5)
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            unpack_body(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * 2**20


def test_a_pickle_is_never_opened(tmp_path: Path):
    song = tmp_path / "song"
    for body in (pickle.dumps(Canary(str(song))), msgpack.packb(pickle.dumps(Canary(str(song))))):
        with suppress(WireError):
            unpack_body(body)
        assert not song.exists()
    pickle.loads(pickle.dumps(Canary(str(song))))
    assert song.exists(), "the canary cannot sing, so the test shows nothing"
