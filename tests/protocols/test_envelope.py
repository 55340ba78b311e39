"""An envelope off a wire is exactly one, or a typed error."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Malformed

WHOLE = Envelope("m1", "ask", "T@1", "a/1", "b/1", b"body", "talk", "m0", "", "", 3, 9.5, "swarm", ("web", "peer"))


@pytest.mark.parametrize("fields", [list(WHOLE), tuple(WHOLE), WHOLE.to_wire(), unpack(pack(WHOLE))])
def test_it_comes_back_as_it_was(fields: Any) -> None:
    back = Envelope.from_wire(fields)
    assert (type(back), back, type(back.taint)) == (Envelope, WHOLE, tuple)


@pytest.mark.parametrize("place", range(len(WHOLE)))
@pytest.mark.parametrize("value", [None, True, {}])
def test_a_field_of_another_type_is_malformed_and_named(place: int, value: Any) -> None:
    fields = WHOLE.to_wire()
    fields[place] = value
    with pytest.raises(Malformed, match=f"envelope field {Envelope._fields[place]} is a {type(value).__name__}"):
        Envelope.from_wire(fields)


@pytest.mark.parametrize(
    "fields", [None, {}, "text", [], WHOLE.to_wire()[:-1], [*WHOLE.to_wire(), ""], dict.fromkeys(WHOLE[:-1])]
)
def test_what_has_not_exactly_its_fields_is_malformed(fields: Any) -> None:
    with pytest.raises(Malformed, match="an envelope has 14 fields"):
        Envelope.from_wire(fields)


def test_a_mode_that_there_is_not_is_malformed() -> None:
    with pytest.raises(Malformed, match="envelope mode 'shout' is not one of"):
        Envelope.from_wire(WHOLE._replace(mode="shout").to_wire())  # type: ignore[arg-type]
