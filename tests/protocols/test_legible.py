"""Whatever others put into an error, it can be sent, and it is not too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from stigmergy.protocols import codec, errors
from stigmergy.protocols.legible import MOST, legible, saying, scalar


class Mute:
    def __str__(self):
        raise RuntimeError("not now")


@given(st.text(st.characters(codec=None), max_size=50))
def test_any_text_can_be_encoded_and_sound_text_stays_as_it_is(text):
    said = legible(text)
    codec.pack(said)
    if "\\ud" not in said:
        assert said == text


def test_a_long_text_is_cut_and_says_how_long_it_was():
    assert legible("x" * (MOST + 5)) == "x" * MOST + "... (10,005 characters)"
    assert legible("x" * MOST) == "x" * MOST


@pytest.mark.parametrize("value", [True, 1.5, -(2**63), 2**63 - 1, "text"])
def test_what_can_be_packed_stays_what_it_is(value):
    assert scalar(value) is value or scalar(value) == value


def test_any_error_crosses_whatever_it_holds():
    for argument in (2**70, "half \udcff", Mute(), b"bytes", None):
        name, arguments = codec.unpack(codec.pack(list(errors.pack(errors.HandlerFailed(argument)))))
        assert isinstance(errors.unpack(name, arguments), errors.HandlerFailed)
    assert errors.pack(ValueError(Mute()))[1] == ["ValueError: a ValueError without a text (RuntimeError)"]


class Order(BaseModel):
    customer: str
    eur: float
    lines: list[int]
    note: str


def test_what_does_not_fit_a_class_is_told_in_one_line():
    with pytest.raises(ValidationError) as refused:
        Order.model_validate({"customer": "ada", "eur": "much", "lines": ["x"], "note": "\ud800"})
    assert saying(refused.value).startswith("Order: eur: Input should be a valid number, unable to parse string as a ")
    assert "; lines.0: Input should be a valid integer, " in saying(refused.value)
    with pytest.raises(ValidationError) as refused:
        Order.model_validate({})
    assert saying(refused.value).endswith("; and 1 more")
    assert saying(ValueError("one\ntwo")) == "one\ntwo"
