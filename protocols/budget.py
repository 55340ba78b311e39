"""Budgets: `Budget` says how much may be spent, `Spend` how much is.

Both have the same eight dimensions. Five are used up: ``usd``, ``tokens``, ``model_calls``,
``tool_calls`` and ``messages``. ``agents`` are alive at once and come back. ``depth`` is how many
spawns lie between an agent and the outside: a maximum, never a sum. ``seconds`` are wall clock.

The rule of this file: an amount that exists is legal. Negative, NaN, infinite and boolean amounts
are refused when they are written down, so nobody has to look again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from operator import attrgetter
from typing import Any, ClassVar, Final, Self

from .errors import Malformed, UsageError
from .money import NANO, Usd, allowed_nano, shown, spent_nano, usd_text

Amount = int | float

DIMENSIONS: Final = ("usd", "tokens", "model_calls", "tool_calls", "messages", "agents", "depth", "seconds")
"""The names that people read and write, in the order of `FIELDS`."""

_NAMES: Final = frozenset(DIMENSIONS)

FIELDS: Final = ("nano_usd", *DIMENSIONS[1:])
"""The attributes and the keys of the plain form: money is counted in nano-dollars there."""

CONSUMED: Final = FIELDS[:5]
"""What is used up: first reserved, then settled. The other three are measured, not paid."""

MAX_AMOUNT: Final = 10**18
"""No single amount is larger, so that each fits the 64 bits of a msgpack integer."""

_NOUNS: Final = dict(zip(FIELDS, ("USD", "token", "model call", "tool call", "message", "agent"), strict=False))


def in_units(field: str, amount: Amount) -> float:
    """An amount as people read it: dollars instead of nano-dollars, everything else as it is."""
    return amount / NANO if field == "nano_usd" else float(amount)


def dimension_of(field: str) -> str:
    """The public name of a field: ``usd`` for ``nano_usd``, else the field itself."""
    return "usd" if field == "nano_usd" else field


_read: Final = attrgetter(*FIELDS)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)  # Real lets numpy's numbers in


def _checked(field: str, amount: Any) -> Amount:
    whole = field != "seconds"
    if type(amount) is int and 0 <= amount <= MAX_AMOUNT:
        return amount if whole else float(amount)
    if not _is_number(amount):
        raise UsageError(f"{dimension_of(field)} is {shown(amount)}: write a number")
    # NaN fails the comparison, like everything out of range.
    if not 0 <= amount <= MAX_AMOUNT or (whole and amount != int(amount)):
        kind = "whole number" if whole else "number"
        raise UsageError(f"{dimension_of(field)} is {shown(amount)}: write a {kind} from 0 to 10^18")
    return int(amount) if whole else float(amount)


def _phrase(field: str, amount: Amount) -> str:
    if field == "nano_usd":
        return f"{usd_text(int(amount))} USD"
    if field == "depth":
        return f"depth {amount}"
    if field == "seconds":
        return f"{amount:,g} s"
    return f"{amount:,} {_NOUNS[field]}{'' if amount == 1 else 's'}"


def _fill(record: _Amounts, amounts: Iterable[Any]) -> None:
    for field, amount in zip(FIELDS, amounts, strict=True):
        unlimited = amount is None and record.unnamed is None
        object.__setattr__(record, field, None if unlimited else _checked(field, amount))


class _Amounts:
    """What `Budget` and `Spend` share: reading and writing eight amounts by name."""

    __slots__ = ()
    unnamed: ClassVar[int | None]
    """What a dimension holds that nobody named."""
    _empty_text: ClassVar[str]

    def __new__(cls, **amounts: Any) -> Self:
        """Look at the names, before ``__init__`` does at the amounts. Raises: UsageError."""
        if not amounts.keys() <= _NAMES:
            wrong = min(amounts.keys() - _NAMES)
            raise UsageError(f"a {cls.__name__} has no {wrong!r:.40}; it has {', '.join(DIMENSIONS)}")
        return super().__new__(cls)

    def to_plain(self) -> dict[str, Amount]:
        """Named amounts only, money in nano-dollars, for the journal and the wire."""
        unnamed = self.unnamed
        return {field: amount for field, amount in zip(FIELDS, _read(self), strict=True) if amount != unnamed}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_plain`. Raises: Malformed."""
        if not isinstance(data, dict) or not data.keys() <= set(FIELDS) or None in data.values():
            raise Malformed(f"{data!r:.120} is not a {cls.__name__}: amounts may be named {', '.join(FIELDS)}")
        made = cls.__new__(cls)
        try:
            _fill(made, (data.get(field, cls.unnamed) for field in FIELDS))
        except UsageError as wrong:
            raise Malformed(f"{data!r:.120} is not a {cls.__name__}: {wrong}") from wrong
        return made

    def __str__(self) -> str:
        return ", ".join(_phrase(field, amount) for field, amount in self.to_plain().items()) or self._empty_text

    def __repr__(self) -> str:
        named = [
            f"usd='{usd_text(int(amount)).replace(',', '')}'" if field == "nano_usd" else f"{field}={amount!r}"
            for field, amount in self.to_plain().items()
        ]
        return f"{type(self).__name__}({', '.join(named)})"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Budget(_Amounts):
    """Ceilings; None means unlimited. ``Budget(usd=0.80, messages=10_000)``.

    ``usd`` takes an int, a float, a Decimal or text and is kept to the nano-dollar, rounded down.
    Counts are whole numbers; ``seconds`` may have a fraction. Raises: UsageError.
    """

    nano_usd: int | None
    tokens: int | None
    model_calls: int | None
    tool_calls: int | None
    messages: int | None
    agents: int | None
    depth: int | None
    seconds: float | None

    unnamed: ClassVar[int | None] = None
    _empty_text: ClassVar[str] = "unlimited"

    def __init__(
        self,
        *,
        usd: Usd | None = None,
        tokens: int | None = None,
        model_calls: int | None = None,
        tool_calls: int | None = None,
        messages: int | None = None,
        agents: int | None = None,
        depth: int | None = None,
        seconds: float | None = None,
    ) -> None:
        nano = None if usd is None else allowed_nano(usd)
        _fill(self, (nano, tokens, model_calls, tool_calls, messages, agents, depth, seconds))


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Spend(_Amounts):
    """Amounts, never negative. ``Spend(usd="0.0123", tokens=1_234, model_calls=1)``.

    ``usd`` is kept to the nano-dollar, rounded up. ``a + b`` adds, but takes the greater depth;
    ``a - b`` is what ``a`` has beyond ``b``, and zero where it has nothing. Raises: UsageError.
    """

    nano_usd: int
    tokens: int
    model_calls: int
    tool_calls: int
    messages: int
    agents: int
    depth: int
    seconds: float

    unnamed: ClassVar[int | None] = 0
    _empty_text: ClassVar[str] = "nothing"

    def __init__(
        self,
        *,
        usd: Usd = 0,
        tokens: int = 0,
        model_calls: int = 0,
        tool_calls: int = 0,
        messages: int = 0,
        agents: int = 0,
        depth: int = 0,
        seconds: float = 0.0,
    ) -> None:
        _fill(self, (spent_nano(usd), tokens, model_calls, tool_calls, messages, agents, depth, seconds))

    def __add__(self, other: Spend) -> Spend:
        total = {field: getattr(self, field) + getattr(other, field) for field in FIELDS}
        return Spend._of(total | {"depth": max(self.depth, other.depth)})

    def __sub__(self, other: Spend) -> Spend:
        beyond = {field: max(0, getattr(self, field) - getattr(other, field)) for field in FIELDS}
        # A maximum cannot be subtracted from: it is beyond the other one, or it is not.
        return Spend._of(beyond | {"depth": self.depth if self.depth > other.depth else 0})

    def __bool__(self) -> bool:
        return any(getattr(self, field) for field in FIELDS)

    @classmethod
    def _of(cls, amounts: dict[str, Amount]) -> Spend:
        made = cls.__new__(cls)
        _fill(made, (amounts[field] for field in FIELDS))
        return made


NOTHING: Final = Spend()
"""The spend of what was never sent."""
