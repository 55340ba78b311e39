"""Money: an exact integer of nano-dollars, and the only place where it meets decimals.

A cached token costs 1e-8 USD, which binary floats cannot add up; one nano-dollar is a tenth of that.
The rule of this file: rounding never favours the spender. What is spent rounds up, what is allowed
rounds down.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Final

from .errors import UsageError

Usd = int | float | Decimal | str
"""What a person may write for an amount of dollars: ``1``, ``0.80``, ``Decimal("0.8")``, ``"0.80"``."""

NANO: Final = 10**9
"""Nano-dollars in a dollar."""

MAX_USD: Final = 10**9
"""One billion dollars: in nano-dollars still well inside the 64 bits of a msgpack integer."""

# An own context, because the ambient one belongs to the caller. 10^9 dollars with nine decimals are 19 digits.
_EXACT: Final = Context(prec=40)
_STEP: Final = Decimal("1e-9")


def shown(value: object) -> str:
    """At most 80 characters of any value, for an error message."""
    try:
        return f"{value!r:.80}"
    except ValueError:  # Python refuses to print an int of more than 4,300 digits
        return f"a {type(value).__name__} too long to print"


def _decimal(usd: Usd) -> Decimal:
    if isinstance(usd, bool) or not isinstance(usd, (int, float, Decimal, str)):
        raise UsageError(f"usd is {shown(usd)}: write a number, a Decimal or text such as '0.80'")
    try:
        # repr gives the shortest text of a float, so 0.1 means a tenth and not 0.1000000000000000055.
        amount = Decimal(repr(float(usd)) if isinstance(usd, float) else usd)
    except (InvalidOperation, ValueError) as wrong:
        raise UsageError(f"usd is {shown(usd)}, which is not a number: write for example '0.80'") from wrong
    if not amount.is_finite() or amount < 0 or amount > MAX_USD:
        raise UsageError(f"usd is {shown(usd)}: an amount of money is from 0 to {MAX_USD:,} USD")
    return amount


def spent_nano(usd: Usd) -> int:
    """Nano-dollars of a cost, rounded up. Raises: UsageError."""
    return _nano(usd, ROUND_CEILING)


def allowed_nano(usd: Usd) -> int:
    """Nano-dollars of a ceiling, rounded down. Raises: UsageError."""
    return _nano(usd, ROUND_FLOOR)


def _nano(usd: Usd, rounding: str) -> int:
    if type(usd) is int and 0 <= usd <= MAX_USD:
        return usd * NANO
    rounded = _decimal(usd).quantize(_STEP, rounding=rounding, context=_EXACT)
    return int(_EXACT.scaleb(rounded, 9))


def usd_text(nano: int) -> str:
    """Dollars for people, exact and without trailing zeros: ``1,234.5``, ``0.00000001``."""
    whole, part = divmod(nano, NANO)
    return f"{whole:,}" + (f".{part:09d}".rstrip("0") if part else "")
