"""Money and models: settled + reserved never passes a ceiling, and no call whose answer was kept is made again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from stigmergy.protocols.ids import derive_id

from .entries import Row
from .history import Line
from .violations import Violation

Amounts = dict[str, int]
USED = ("nano_usd", "tokens", "model_calls", "tool_calls", "messages")
TRIES = 100
"""Attempts of one turn whose calls are looked for."""


class Books:
    """The checker's own ledger: sums by account, ancestors included."""

    def __init__(self) -> None:
        self.settled: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.reserved: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.ceilings: dict[str, Amounts] = {}
        self.open: dict[str, tuple[str, Amounts]] = {}
        self.over: dict[str, tuple[str, Amounts]] = {}
        """By operation: its account, and what is counted for it."""
        self.strange: list[str] = []

    def apply(self, row: Row) -> None:
        """Take one entry in."""
        data = row.data
        match row.kind:
            case "ledger.open":
                self.ceilings[data["account"]] = {f: a for f, a in data["budget"].items() if f in USED}
            case "ledger.charge":
                for account, amounts in data["paid"]:
                    self._add(self.settled, account, amounts, 1)
            case "ledger.reserve":
                if data["op"] in self.open or data["op"] in self.over:
                    self.strange.append(f"{row.seq}: operation {data['op']} was reserved again")
                self.open[data["op"]] = data["account"], data["worst"]
                self._add(self.reserved, data["account"], data["worst"], 1)
            case "ledger.settle":
                self._end(row.seq, data["op"], data["actual"])
            case "ledger.release":
                self._end(row.seq, data["op"], {})
            case "ledger.expire":
                for op in data["ops"]:
                    self._end(row.seq, op, self.open[op][1] if op in self.open else {})

    def exceeded(self) -> Iterator[str]:
        """The ceilings that are passed now."""
        for account, ceilings in self.ceilings.items():
            for field, ceiling in ceilings.items():
                used = self.settled[account][field] + self.reserved[account][field]
                if used > ceiling:
                    yield f"{account}: {used:,} of {ceiling:,} {field}"

    def _end(self, seq: int, op: str, counted: Amounts) -> None:
        if op in self.open:
            account, worst = self.open.pop(op)
            self._add(self.reserved, account, worst, -1)
        elif op in self.over:
            account, before = self.over[op]
            self._add(self.settled, account, before, -1)
        else:
            self.strange.append(f"{seq}: operation {op} ended and was never reserved")
            return
        self._add(self.settled, account, counted, 1)
        self.over[op] = account, counted

    @staticmethod
    def _add(sums: defaultdict[str, Counter[str]], account: str, amounts: Amounts, sign: int) -> None:
        parts = account.split("/")
        for depth in range(len(parts)):
            for field in USED:
                if amounts.get(field):
                    sums["/".join(parts[: depth + 1])][field] += sign * amounts[field]


def check_ledger(rows: list[Row]) -> Iterator[Violation]:
    """Settled + reserved <= ceiling after every entry, and every end had a beginning."""
    books, told = Books(), set()
    for row in rows:
        if row.kind.startswith("ledger."):
            books.apply(row)
            for text in books.exceeded():
                if text.partition(":")[0] not in told:
                    told.add(text.partition(":")[0])
                    yield Violation("overspent", f"{row.seq}: {text}")
    for text in books.strange:
        yield Violation("overspent", text)


def check_calls(rows: list[Row], calls: list[Line]) -> Iterator[Violation]:
    """A recorded answer is not bought again; the server bills no call that was not reserved, and none twice."""
    reserved = {row.data["op"]: row.seq for row in rows if row.kind == "ledger.reserve"}
    answered: dict[str, int] = {}
    for row in rows:
        if row.kind == "mail.step" and _is_answer(row.data["step"]):
            turn, number = row.data["turn"], row.data["step"][0]
            for position in (number, number + 1):
                answered.update({derive_id(turn, position, attempt): row.seq for attempt in range(1, TRIES)})
    for op, seq in reserved.items():
        if answered.get(op, seq) < seq:
            yield Violation("duplicated", f"{seq}: model call {op} was made again; entry {answered[op]} answers it")
    ours = reserved.keys() | answered.keys()
    billed = Counter(call["call"] for call in calls if call["nano_usd"] and call["call"] in ours)
    for op, times in billed.items():
        if op not in reserved:
            yield Violation("overspent", f"the server billed {op}, which was never reserved")
        if times > 1:
            yield Violation("overspent", f"the server billed {op} {times} times")


def _is_answer(step: list[Any]) -> bool:
    return step[1].startswith("model:") and (len(step) < 4 or step[3] == "done")
