"""What a campaign says: one table for people, one object for programs."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from .checker import Verdict
from .recovery import KINDS, OVERLAPPED, percentile

MEASURED = (*dict.fromkeys(KINDS.values()), OVERLAPPED, "process_start")
HEADS = ("times", "lost", "dup.", "over", "order", "fence")
SHARES = {"p50": 0.5, "p95": 0.95, "max": 1.0}
"""The greatest, too: it shows whoever waited until a deadline."""

ALIKE = ("lost", "duplicated", "overspent", "order", "fencing", "failed")


class Report:
    """Gathers the verdicts of a campaign."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self.kinds: Counter[str] = Counter()
        self.rounds = 0
        self.acks = 0
        self.turns = 0
        self._by_fault: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, verdict: Verdict) -> None:
        """Take a verdict in."""
        self.rounds += 1
        self.acks += verdict.acks
        self.turns += verdict.turns
        self.faults.update(verdict.faults)
        bad = Counter(violation.kind for violation in verdict.violations)
        self.kinds.update(bad)
        for fault in verdict.faults:
            self._by_fault[fault].update(bad)
        for kind, seconds in verdict.recovery.items():
            self._seconds[kind] += seconds
        for violation in verdict.violations:
            self.violations.append(f"round {verdict.name} ({verdict.workload}): {violation.kind}: {violation.text}")

    def model_faults(self, calls: list[dict[str, Any]]) -> None:
        """Count what went wrong at the model server."""
        self.faults.update(f"model.{call['fault']}" for call in calls if call["fault"])

    def to_plain(self) -> dict[str, Any]:
        """As one JSON object."""
        kinds = self.kinds
        return {
            "seed": self._seed,
            "rounds": self.rounds,
            "acknowledged": self.acks,
            "turns": self.turns,
            "faults": dict(sorted(self.faults.items())),
            "lost": kinds["lost"],
            "duplicated": kinds["duplicated"],
            "overspent": kinds["overspent"],
            "order_violations": kinds["order"],
            "fencing_violations": kinds["fencing"],
            "failed_rounds": kinds["failed"],
            "recovery_s": {
                kind: _spread(self._seconds[kind])
                for kind in (*dict.fromkeys(KINDS.values()), OVERLAPPED, "process_start")
            },
            "violations": self.violations[:100],
        }

    def table(self) -> str:
        """For people. Violations stand in the line of each fault of their round."""
        lines = [f"{'fault':<22}" + "".join(f"{head:>6}" for head in HEADS) + f"{'p50 s':>8}{'p95 s':>8}{'most s':>8}"]
        for fault, times in sorted(self.faults.items()):
            bad, seconds = self._by_fault[fault], self._seconds.get(KINDS.get(fault, ""), [])
            counts = "".join(f"{bad[kind]:>6}" for kind in ALIKE[:5])
            lines.append(f"{fault:<22}{times:>6}{counts}{_shares(seconds)}")
        for title, kind in (("(hit again meanwhile)", OVERLAPPED), ("(a process starts)", "process_start")):
            lines.append(self._line(title, self._seconds[kind]))
        return "\n".join(lines)

    @staticmethod
    def _line(title: str, seconds: list[float]) -> str:
        return f"{title:<22}{len(seconds):>6}{'':>30}{_shares(seconds)}"


def _spread(seconds: list[float]) -> dict[str, float | int | None]:
    shares = {name: _rounded(percentile(seconds, share)) for name, share in SHARES.items()}
    return {**shares, "n": len(seconds)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _shares(seconds: list[float]) -> str:
    values = (percentile(seconds, share) for share in SHARES.values())
    return "".join(f"{'' if value is None else f'{value:.2f}':>8}" for value in values)
