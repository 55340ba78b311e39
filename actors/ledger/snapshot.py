"""Snapshots: the books as plain data, so that a journal may forget the entries before.

The rule of this file: what `restore` makes answers every command as the books did that were
written down. Alerts that nobody has drained are told anew after a replay, not after a restore.
"""

from __future__ import annotations

from typing import Any

from stigmergy.protocols.budget import Budget, Spend

from .accounts import Account
from .books import Books, Op
from .limits import Limits
from .records import Forfeits, Reservation, Settlement


def snapshot(books: Books) -> dict[str, Any]:
    """Everything that the books know."""
    return {
        "clock": [books.clock.elapsed, books.clock.seen, books.clock.behind],
        "accounts": [_account(account) for account in books.accounts],
        "held": [_op(books, op) for op in books.held.values()],
        "over": [_op(books, op) | _ended(settlement) for op, settlement in books.over.values()],
        "forfeited": list(books.forfeited),
    }


def restore(data: dict[str, Any], remember: int) -> Books:
    """The books that a snapshot was taken of."""
    books = Books(remember)
    books.clock.elapsed, books.clock.seen, books.clock.behind = data["clock"]
    for path, settled, reserved, limits in data["accounts"]:
        account = books.accounts.ensure(path)
        account.settled, account.reserved = list(settled), list(reserved)
        if limits is not None:
            account.limits = _limits_of(limits)
            if account.limits.budget.seconds is not None:
                books.timed[path] = account
    for row in data["held"]:
        books.held[row["op"]] = _op_of(books, row)
    for row in data["over"]:
        op = _op_of(books, row)
        counted, overrun = Spend.from_plain(row["counted"]), Spend.from_plain(row["overrun"])
        worst = op.reservation.worst
        ended = Settlement(row["op"], row["account"], row["outcome"], counted, overrun, worst, row["late"])
        books.over[row["op"]] = op, ended
    books.forfeited = Forfeits(*data["forfeited"])
    return books


def _account(account: Account) -> list[Any]:
    limits = account.limits
    return [account.path, list(account.settled), list(account.reserved), limits and _limits(limits)]


def _limits(limits: Limits) -> dict[str, Any]:
    return {
        "budget": limits.budget.to_plain(),
        "opened_at": limits.opened_at,
        "is_slice": limits.is_slice,
        "slices": sorted(limits.slices),
        "told": list(limits.told),
    }


def _limits_of(data: dict[str, Any]) -> Limits:
    limits = Limits(Budget.from_plain(data["budget"]), data["opened_at"], is_slice=data["is_slice"])
    limits.slices.update(data["slices"])
    limits.resume(data["told"])
    return limits


def _op(books: Books, op: Op) -> dict[str, Any]:
    reservation = op.reservation
    return {
        "op": reservation.op,
        "account": reservation.account,
        "anchor": _anchor(books, op.account),
        "worst": reservation.worst.to_plain(),
        "lease_s": reservation.lease_s,
        "until": op.until,
    }


def _op_of(books: Books, row: dict[str, Any]) -> Op:
    reservation = Reservation(row["op"], row["account"], Spend.from_plain(row["worst"]), row["lease_s"])
    return Op(reservation, books.accounts.ensure(row["anchor"]), row["until"])


def _ended(settlement: Settlement) -> dict[str, Any]:
    return {
        "outcome": settlement.outcome,
        "counted": settlement.counted.to_plain(),
        "overrun": settlement.overrun.to_plain(),
        "late": settlement.late,
    }


def _anchor(books: Books, account: Account) -> str:
    """The lowest account still in the tree that a payment of ``account`` reaches: closed ones are beyond reach."""
    return next(above.path for above in account.upward() if books.accounts.find(above.path) is above)
