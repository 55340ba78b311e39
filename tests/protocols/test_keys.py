"""Keys of maps that are no text: what would come back with others is refused, and everything else goes as it is."""

from __future__ import annotations

from collections import Counter
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from stigmergy.protocols.errors import Malformed
from stigmergy.protocols.message import Message, decode, encode
from stigmergy.runtime.states import State, pack_state, read_state


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    by: dict[int, str] = {}
    loose: dict = {}  # type: ignore[type-arg]


class Fields(BaseModel):
    by_number: dict[int, str] = {}
    by_share: dict[float, int] = {}
    by_day: dict[date, int] = {}
    by_id: dict[UUID, int] = {}
    counted: Counter[int] = Counter()
    untyped: dict = {}  # type: ignore[type-arg]
    anything: Any = None
    either: dict[int | str, int] = {}
    pairs: dict[tuple[int, int], int] = {}
    inner: Inner = Inner()


class Sent(Message, Fields):
    pass


class Kept(State, Fields):
    pass


COME_BACK = [
    {"by_number": {1: "a", 2: "b"}},
    {"by_share": {0.5: 1}},
    {"by_day": {date(2026, 1, 2): 1}, "anything": (1, 2)},
    {"by_id": {UUID(int=7): 1}},
    {"counted": Counter({3: 1})},
    {"untyped": {"1": {"2": [3]}}},
    {"untyped": {Colour.RED: 1}},
    {"inner": Inner(by={1: "a"})},
]

DO_NOT = [
    ({"untyped": {1: "a"}}, "untyped: key 1 "),
    ({"untyped": {1: "a", "1": "b"}}, "untyped: key 1 "),
    ({"untyped": {None: "a"}}, "untyped: key None "),
    ({"untyped": {(1, 2): "a"}}, r"untyped: key \(1, 2\) "),
    ({"anything": [{"deep": {2.5: 1}}]}, "anything: key 2.5 "),
    ({"either": {1: 1}}, "either: key 1 "),
    ({"pairs": {(1, 2): 1}}, "pairs"),
    ({"inner": Inner(loose={1: 1})}, "inner: key 1 "),
]


@pytest.mark.parametrize("fields", COME_BACK, ids=str)
def test_keys_that_their_field_reads_back_go_in_messages_and_states(fields):
    sent, kept = Sent(**fields), Kept(**fields)
    assert {**decode(Sent, encode(sent)).model_dump(), "anything": 0} == {**sent.model_dump(), "anything": 0}
    assert {**read_state(Kept, pack_state(kept), "it").model_dump(), "anything": 0} == {
        **kept.model_dump(),
        "anything": 0,
    }


@pytest.mark.parametrize(("fields", "said"), DO_NOT, ids=str)
def test_keys_that_would_come_back_as_others_are_refused_before_they_go(fields, said):
    with pytest.raises(Malformed, match=f"^Sent@1: {said}"):
        encode(Sent(**fields))
    with pytest.raises(Malformed, match=f"^the state .*Kept.*: {said}"):
        pack_state(Kept(**fields))


def test_a_refused_key_is_told_with_what_to_do():
    with pytest.raises(Malformed) as refused:
        encode(Sent(untyped={1: "a"}))
    do = "use text, or a field that says what its keys are, for example dict[int, str]"
    assert str(refused.value) == f"Sent@1: untyped: key 1 would come back as other than it is: {do}"
