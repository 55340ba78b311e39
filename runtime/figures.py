"""The figures of a swarm at one moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from stigmergy.protocols.budget import Spend


@dataclass(frozen=True, slots=True)
class SwarmReport:
    """What has happened so far, in numbers."""

    messages: int = 0
    model_calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    dead_letters: dict[str, int] | None = None
    """By reason; None when neither the board nor the journal could tell any figures, see `is_known`."""
    forfeited: int = 0
    """Calls of which nobody knows whether they were billed: they count at their worst case."""
    forfeited_tools: int = 0
    """Those of them that were calls of tools."""
    open_cases: int = 0
    """Turns that wait for a person."""
    stop_reason: str = ""
    """Empty unless the swarm stopped by itself: ``budget``, ``loop``, ``user`` or ``failure``."""
    stop_text: str = ""
    journal: str = ""
    """Path of the run folder; empty when nothing is kept."""
    digest: str = ""
    """Hash over everything that happened, without times."""

    @property
    def is_known(self) -> bool:
        """Whether somebody knew them. Else the numbers are no figures."""
        return self.dead_letters is not None

    def to_plain(self) -> dict[str, Any]:
        """As JSON has it: numbers that nobody knows are null."""
        plain = asdict(self)
        return (
            plain if self.is_known else {name: told if isinstance(told, str) else None for name, told in plain.items()}
        )

    @classmethod
    def of(cls, position: dict[str, Any], counts: dict[str, Any], journal: str) -> Self:
        """From the ledger's root account and the board's counts."""
        spent = Spend.from_plain(position["settled"])
        reason, text = counts["stopped"] or ("", "")
        return cls(
            messages=spent.messages,
            model_calls=spent.model_calls,
            tokens=spent.tokens,
            usd=spent.nano_usd / 1e9,
            dead_letters=counts["dead_letters"],
            forfeited=counts["forfeited"],
            forfeited_tools=counts["forfeited_tools"],
            open_cases=counts["held"],
            stop_reason=reason,
            stop_text=text,
            journal=journal,
            digest=counts["digest"],
        )
