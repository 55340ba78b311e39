"""What a model call costs, in whole nano-dollars, and what it can cost at most.

Prices come from the user, else from the ``genai-prices`` package (offline data, kept by many), else
from the user's fallback. The rules of this file: unknown is never zero; rounding is up; and
`Price.worst_nano` bounds `Price.nano` for every way in which the same tokens can be billed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Self

from stigmergy.protocols.errors import UnknownPrice, UsageError
from stigmergy.protocols.money import spent_nano

from .port import ModelRequest, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

_MILLION: Final = 1_000_000

_CATALOGUE_NAMES: Final = {
    "input": ("input_mtok",),
    "output": ("output_mtok",),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "cache_read": ("cache_read_mtok", "input_mtok"),
}
"""Our rates by the names in the catalogue; the first that a model has counts, as in its own arithmetic."""


@dataclass(frozen=True, slots=True)
class Rate:
    """USD per million tokens of each kind."""

    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal

    @classmethod
    def of(cls, input: Decimal | str, output: Decimal | str) -> Self:
        """A rate with Anthropic's usual cache factors: 1.25 to write for 5 minutes, 2 for an hour, 0.1 to read.

        Source: platform.claude.com/docs/en/about-claude/pricing.
        """
        base = Decimal(input)
        return cls(base, Decimal(output), base * Decimal("1.25"), base * 2, base * Decimal("0.1"))

    def __post_init__(self) -> None:
        """Check the amounts. Raises: UsageError."""
        for name in _CATALOGUE_NAMES:
            usd = getattr(self, name)
            if not (isinstance(usd, Decimal) and usd.is_finite() and usd >= 0):
                raise UsageError(f"price of {name} is {usd!r}: write a Decimal of USD per million tokens, from 0")

    def usd(self, usage: Usage) -> Decimal:
        """The exact price of a call."""
        return sum((getattr(self, name) * getattr(usage, name) for name in _CATALOGUE_NAMES), Decimal(0)) / _MILLION

    @property
    def dearest_input(self) -> Decimal:
        """The most that a token of input can cost, whatever the prompt cache does with it."""
        return max(self.input, self.cache_write_5m, self.cache_write_1h, self.cache_read)


@dataclass(frozen=True, slots=True)
class Price:
    """Rates by the length of the prompt: a tier holds for all tokens of a call, not for those beyond it."""

    base: Rate
    tiers: tuple[tuple[int, Rate], ...] = ()
    """``(tokens, rate)``, ascending: the rate of a call with more input than that."""

    def nano(self, usage: Usage) -> int:
        """Nano-dollars of a call, rounded up."""
        return spent_nano(list(self._reachable(usage.total_input))[-1].usd(usage))

    def worst_nano(self, input_tokens: int, max_tokens: int) -> int:
        """The most that a call with at most so much input and output can cost, whatever is cached."""
        return max(
            spent_nano((rate.dearest_input * input_tokens + rate.output * max_tokens) / _MILLION)
            for rate in self._reachable(input_tokens)
        )

    def _reachable(self, input_tokens: int) -> Iterator[Rate]:
        yield self.base
        for above, rate in self.tiers:
            if input_tokens > above:
                yield rate


class Prices:
    """The price list of one run, as it stood at ``now`` (Unix seconds): a run never changes its mind."""

    def __init__(self, now: float, *, own: Mapping[str, Price] | None = None, fallback: Price | None = None) -> None:
        self._at = datetime.fromtimestamp(now, UTC)
        self._fallback = fallback
        self._known = dict(own or {})

    def of(self, model: str) -> Price:
        """The price of a model. Raises: UnknownPrice when nobody has told one."""
        price = self._known.get(model) or self._from_catalogue(model) or self._fallback
        if price is None:
            raise UnknownPrice(
                f"no price is known for model {model!r:.80}, so no budget can hold it; "
                "give one with Prices(own={...}) or Prices(fallback=...); "
                "the public list comes with stigmergy[anthropic]"
            )
        self._known[model] = price
        return price

    def cost(self, model: str, usage: Usage) -> int:
        """Nano-dollars of a call. Raises: UnknownPrice."""
        return self.of(model).nano(usage)

    def worst_case(self, request: ModelRequest, input_tokens: int) -> int:
        """The most nano-dollars that a request with at most so much input can cost. Raises: UnknownPrice."""
        return self.of(request.model).worst_nano(input_tokens, request.max_tokens)

    def _from_catalogue(self, model: str) -> Price | None:
        try:
            from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - an extra, and 30,000 lines long
        except ModuleNotFoundError:
            return None
        try:
            _, info = get_snapshot().find_provider_model(model, None, None, None)
        except LookupError:
            return None
        return _price(info.get_prices(self._at))


def _price(listed: ModelPrice) -> Price | None:
    columns = {ours: _column(listed, names) for ours, names in _CATALOGUE_NAMES.items()}
    if columns["input"] is None or columns["output"] is None:
        return None
    starts = sorted({tier.start for column in columns.values() for tier in getattr(column, "tiers", ())})

    def rate(input_tokens: int) -> Rate:
        return Rate(**{ours: _usd(column, input_tokens) for ours, column in columns.items()})

    return Price(rate(0), tuple((start, rate(start + 1)) for start in starts))


def _column(listed: ModelPrice, names: tuple[str, ...]) -> Decimal | TieredPrices | None:
    return next((value for name in names if (value := getattr(listed, name)) is not None), None)


def _usd(column: Any, input_tokens: int) -> Decimal:
    usd: Decimal = getattr(column, "base", column)
    for tier in getattr(column, "tiers", ()):
        if input_tokens > tier.start:
            usd = tier.price
    return usd
