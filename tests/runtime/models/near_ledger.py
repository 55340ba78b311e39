"""The real ledger, without a process between, behind the port that a metered model uses."""

from stigmergy.actors.ledger import ROOT, Ledger, Position
from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.errors import LedgerUnreachable

LEASE_S = 60.0


class NearLedger:
    """Takes what a call does to it in order, and remembers for the test what became of each op."""

    def __init__(self, ceiling_usd: str = "1000"):
        self._ledger = Ledger(lambda kind, data: None)
        self._ledger.open(ROOT, Budget(usd=ceiling_usd), now=0.0)
        self.held: dict[str, Spend] = {}
        self.settled: dict[str, Spend] = {}
        self.released: list[str] = []
        self.reachable = True

    async def reserve(self, op: str, account: str, worst: Spend) -> None:
        self._check()
        assert op not in self.held | self.settled, "one op, one call"
        self._ledger.reserve(op, account, worst, now=0.0, lease_s=LEASE_S)
        self.held[op] = worst

    async def settle(self, op: str, actual: Spend) -> None:
        self._check()
        settlement = self._ledger.settle(op, actual, now=0.0)
        assert not settlement.overrun, "a worst case was none"
        del self.held[op]
        self.settled[op] = actual

    async def release(self, op: str) -> None:
        self._check()
        self._ledger.release(op)
        del self.held[op]
        self.released.append(op)

    def _check(self) -> None:
        if not self.reachable:
            raise LedgerUnreachable("the ledger does not answer")

    def after_the_leases(self) -> Position:
        """Where the run stands when everything that is still held has been forfeited."""
        self._ledger.expire(now=LEASE_S)
        return self._ledger.position(ROOT)

    @property
    def fate(self) -> str:
        """What became of the one call that there was."""
        return "held" if self.held else "settled" if self.settled else "released" if self.released else "untouched"
