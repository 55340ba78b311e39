"""The envelope: who sends what to whom, in which conversation, because of what.

A named tuple, because one is made for every message: it packs as a msgpack array without a
conversion, and is frozen for nothing.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final, Literal, NamedTuple

from .errors import Malformed

Mode = Literal["tell", "ask", "reply", "error", "post"]
"""What the sender expects: nothing, an answer, nothing (it is one), nothing (it failed), nothing (a topic)."""

_MODES: Final = frozenset({"tell", "ask", "reply", "error", "post"})


class Envelope(NamedTuple):
    """One message on its way. All fields are plain; ``body`` is the encoded message."""

    id: str
    """32 hex digits, derived from what caused it; the same on every attempt."""
    mode: Mode
    type: str
    """``name@version`` of the message; of a reply too. For mode ``error``: the error's class name."""
    sender: str
    """``kind/key`` of the sender."""
    to: str
    """``kind/key``, ``kind``, ``skill:name``; for mode ``post`` the topic."""
    body: bytes
    conversation: str
    """Everything caused by one outside request shares it."""
    cause: str = ""
    """Id of the message whose turn sent this one; empty for an outside request."""
    reply_to: str = ""
    """Id of the ask that this answers; empty unless mode is ``reply`` or ``error``."""
    trace: str = ""
    """W3C trace id, 32 hex digits; empty means that the conversation is the trace."""
    hops: int = 0
    """Agent hops since the outside request."""
    deadline: float = 0.0
    """Unix seconds, by the clock of the board that has it, after which nobody wants the answer; 0 means never.

    Clocks differ, and jump: what goes to a board says how many seconds are left.
    """
    account: str = ""
    """The ledger account that pays."""
    taint: tuple[str, ...] = ()
    """Where untrusted content came from: ``user``, ``tool``, ``web``, ``peer``; joins over hops."""

    @property
    def trace_id(self) -> str:
        """The W3C trace id."""
        return self.trace or self.conversation

    @property
    def span_id(self) -> str:
        """The W3C span id: 16 hex digits of the envelope's own id."""
        return self.id[:16]

    def to_wire(self) -> list[Any]:
        """As plain data that a journal keeps: lists instead of tuples."""
        return [*self[:-1], list(self.taint)]

    @classmethod
    def from_wire(cls, fields: Any) -> Envelope:
        """Rebuild from an unpacked array, checking every field. Raises: Malformed."""
        if type(fields) in (list, tuple) and tuple(map(type, fields)) in _SHAPES and fields[1] in _MODES:
            return tuple.__new__(cls, (*fields[:-1], tuple(fields[-1])))  # of that many fields, as it was looked at
        raise cls._fault(fields)

    @classmethod
    def _fault(cls, fields: Any) -> Malformed:
        """What is wrong with an array that is no envelope."""
        if type(fields) not in (list, tuple) or len(fields) != len(cls._fields):
            return Malformed(f"an envelope has {len(cls._fields)} fields")
        for name, value, kinds in zip(cls._fields, fields, _FIELD_TYPES, strict=True):
            if type(value) not in kinds:
                return Malformed(f"envelope field {name} is a {type(value).__name__}")
        return Malformed(f"envelope mode {fields[1]!r:.20} is not one of {', '.join(sorted(_MODES))}")


_STR: Final = (str,)
_FIELD_TYPES: Final = (
    *(_STR,) * 5,
    (bytes,),
    *(_STR,) * 4,
    (int,),
    (float, int),
    _STR,
    (list, tuple),
)
_SHAPES: Final = frozenset(product(*_FIELD_TYPES))
"""The types of all fields, in every allowed combination: one look-up instead of fourteen checks."""
