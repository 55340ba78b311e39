"""What the workloads themselves promise: money is neither made nor lost, everybody is counted, ants find their way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .cast import OPENING
from .entries import Event
from .history import Line, of_kind
from .violations import Violation


def check_bank(events: list[Event], audit: Line) -> Iterator[Violation]:
    """The sum is what it was, dead deposits included; each account handled what it was sent, no more and no less."""
    balances: dict[str, list[int]] = audit["balances"]
    letters = {event.letter: event.accepted for event in events if event.accepted is not None}
    done = Counter(
        letters[e.letter].to
        for e in events
        if e.what == "done" and letters[e.letter].type in {"Transfer@1", "Deposit@1"}
    )
    buried = [letters[e.letter] for e in events if e.what == "dead" and letters[e.letter].type == "Deposit@1"]
    total = sum(amount for amount, _ in balances.values()) + sum(letter.body["amount"] for letter in buried)
    if total != OPENING * len(balances):
        kind = "lost" if total < OPENING * len(balances) else "duplicated"
        yield Violation(kind, f"the accounts hold {total:,} in all, and began with {OPENING * len(balances):,}")
    for account, (_, handled) in balances.items():
        if handled != done[account]:
            kind = "lost" if handled < done[account] else "duplicated"
            yield Violation(kind, f"{account} says it handled {handled}, the journal says {done[account]}")


def check_counter(history: list[Line], audit: Line) -> Iterator[Violation]:
    """Every number of every lane came once, in order; all that was acknowledged came."""
    acked = Counter(line["op"].partition(":")[0] for line in of_kind(history, "ok"))
    unknown = {line["op"].partition(":")[0] for line in (*of_kind(history, "info"), *of_kind(history, "fail"))}
    for lane, (count, last, wrong) in audit["lanes"].items():
        spout = lane.partition("/")[2]
        if wrong:
            yield Violation("order", f"{lane}: {wrong} numbers came out of order")
        if count != last:
            kind = "lost" if count < last else "duplicated"
            yield Violation(kind, f"{lane}: {count} numbers came, the last was {last}")
        if spout not in unknown and count != 5 * acked[spout]:
            kind = "lost" if count < 5 * acked[spout] else "duplicated"
            yield Violation(kind, f"{lane}: {count} numbers came, {5 * acked[spout]} were acknowledged")


def check_colony(audit: Line, expected: Line) -> Iterator[Violation]:
    """The same tours as without faults, to the last city."""
    if audit["cycle"] != expected["cycle"]:
        yield Violation("lost", f"the colony came to cycle {audit['cycle']} of {expected['cycle']}")
    elif audit["found"] != expected["found"]:
        yield Violation("order", "the colony found other tours than one that nothing happened to")


def check_colony_run(audit: Line, expected: Line) -> Iterator[Violation]:
    """A colony whose driver died reports what one does that nobody touched, by as many messages."""
    report, undisturbed = audit["report"]["runs"][0], expected["run"]["runs"][0]
    for key in ("cycles", "length", "tour", "found", "messages"):
        if report[key] != undisturbed[key]:
            yield Violation("lost", f"{key} is {report[key]!r:.80} after resuming, not {undisturbed[key]!r:.80}")


def check_desk(audit: Line) -> Iterator[Violation]:
    """Every ticket came to its end."""
    report = audit["report"]
    ended = report["answered"] + sum(report["escalated"].values())
    if ended != report["tickets"]:
        yield Violation("lost", f"{report['tickets'] - ended} of {report['tickets']} tickets came to no end")
