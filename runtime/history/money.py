"""Money: where every account stood at the end, and which alerts there were on the way.

The books are the ledger's own: its entries are replayed into the same machine that wrote them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from stigmergy.actors.journal import Entry
from stigmergy.actors.ledger import ROOT, Alert, Forfeits, Ledger, Position
from stigmergy.protocols.budget import Spend

_CONVERSATION: Final = "/conversation:"


class TimedAlert(NamedTuple):
    """A budget alert and when it came."""

    at: float
    """Unix seconds."""
    alert: Alert

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {"at": self.at, **self.alert._asdict()}


class Money:
    """The ledger of a run, replayed."""

    def __init__(self) -> None:
        self._ledger = Ledger(_refuse)
        self.alerts: list[TimedAlert] = []
        self._closed: list[Position] = []
        """Of conversations that were finished."""

    def apply(self, entry: Entry) -> None:
        """Follow one entry."""
        if entry.kind == "ledger.close" and _CONVERSATION in entry.data["account"]:
            self._closed.append(self._ledger.position(entry.data["account"]))
        if entry.kind.startswith("ledger."):
            self._ledger.apply(entry.kind, entry.data)
            self.alerts += [TimedAlert(entry.at, alert) for alert in self._ledger.drain_alerts()]

    @property
    def forfeited(self) -> Forfeits:
        """Calls of which nobody knows whether they were billed: they count at their worst case."""
        return self._ledger.forfeited

    def total(self) -> Position:
        """Where the whole swarm stands."""
        return self._ledger.position(ROOT)

    def accounts(self) -> list[Position]:
        """Where accounts stand, parents first; of single conversations only those with a ceiling."""
        every = (self._ledger.position(path) for path in self._ledger.accounts())
        return [at for at in every if _CONVERSATION not in at.account or at.ceiling.to_plain()]

    def spent(self, path: str) -> Spend:
        """What was settled in an account."""
        return self._ledger.position(path).settled

    def by_conversation(self) -> dict[str, Spend]:
        """What model and tool calls cost, for each conversation that made some."""
        sums: dict[str, list[Spend]] = defaultdict(list)
        for at in (*self._closed, *map(self._ledger.position, self._ledger.accounts())):
            _, found, conversation = at.account.rpartition(_CONVERSATION)
            if found and "/" not in conversation:
                sums[conversation].append(at.settled)
        return {conversation: total(spends) for conversation, spends in sums.items()}


def total(spends: Iterable[Spend]) -> Spend:
    """All of them together."""
    return sum(spends, Spend())


def position_to_plain(at: Position) -> dict[str, Any]:
    """A position as plain data; money is in nano-dollars, and what is not named is zero or unlimited."""
    return {
        "account": at.account,
        "settled": at.settled.to_plain(),
        "reserved": at.reserved.to_plain(),
        "ceiling": at.ceiling.to_plain(),
    }


def _refuse(kind: str, _data: dict[str, Any]) -> None:
    raise AssertionError(f"a replayed ledger wrote {kind}")
