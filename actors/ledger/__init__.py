"""The budget watchdog: one ledger for the whole swarm, over a tree of accounts.

`Ledger` is the machine; paths.py says how accounts are named; the records are what it answers with.
"""

from .ledger import Ledger
from .paths import ROOT, agent_account, ancestors, parse
from .records import Alert, Forfeits, Outcome, Position, Reservation, Settlement

__all__ = [
    "ROOT",
    "Alert",
    "Forfeits",
    "Ledger",
    "Outcome",
    "Position",
    "Reservation",
    "Settlement",
    "agent_account",
    "ancestors",
    "parse",
]
