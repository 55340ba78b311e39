"""Shards: what one had for another is there, once and in its order; and none sent more than it was given."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from .entries import Row
from .history import Line
from .violations import Violation


def check_parcels(shards: list[list[Row]], history: list[Line]) -> Iterator[Violation]:
    """A receiver has never heard more than was sent, in the end all of it, and each letter in it was accepted once."""
    over = any(line["kind"] in {"closed", "stuck"} for line in history)
    sent: defaultdict[tuple[int, int], list[tuple[str, Any]]] = defaultdict(list)
    heard: Counter[tuple[int, int]] = Counter()
    for shard, rows in enumerate(shards):
        for row in rows:
            if row.kind == "shard.out":
                for to, what, data, _by in row.data["of"]:
                    sent[shard, to].append((what, data))
            elif row.kind == "shard.in":
                for source, number in row.data["of"]:
                    if number <= heard[source, shard]:
                        yield Violation("duplicated", f"{row.seq}: shard {shard} took {number} of {source} again")
                    heard[source, shard] = number
    for (source, to), parcels in sent.items():
        took, way = heard[source, to], f"shard {to} took {heard[source, to]} parcels of {source}"
        if took > len(parcels):
            yield Violation("duplicated", f"{way}, which sent {len(parcels)}")
        if over and took < len(parcels):
            yield Violation("lost", f"{way}, which sent {len(parcels)}")
        yield from _check_letters([data[0] for what, data in parcels[:took] if what == "letter"], shards[to], way)


def _check_letters(letters: list[str], rows: list[Row], way: str) -> Iterator[Violation]:
    """Letters from one shard were accepted as they were sent, but for those that were turned away as dead letters."""
    known, refused = set(letters), _refused(rows)
    accepted = [row.data["e"][0] for row in rows if row.kind == "mail.accept" and row.data["e"][0] in known]
    expected = [letter for letter in letters if letter not in refused]
    if accepted != expected:
        lost, twice = set(expected) - set(accepted), len(accepted) - len(set(accepted))
        kind = "lost" if lost else "duplicated" if twice else "order"
        yield Violation(
            kind, f"{way}: of {len(expected)} letters {len(lost)} are lost, {twice} came again, or disordered"
        )


def check_grants(shards: list[list[Row]]) -> Iterator[Violation]:
    """A shard spends what it was given and has not given back; and that is what the ledger counts for it."""
    settled = {row.data["op"]: row.data["actual"] for row in shards[0] if row.kind == "ledger.settle"}
    for shard, rows in enumerate(shards):
        asked: dict[str, str] = {}
        left: dict[str, int] = {}
        given: dict[str, int] = {}
        for row in rows:
            data = row.data
            if row.kind == "purse.ask":
                asked[data["op"]] = data["account"]
            elif row.kind == "purse.got":
                left[data["op"]] = given[data["op"]] = data["n"]
            elif row.kind == "purse.spent":
                for account, number in data["of"]:
                    if _spend(left, [op for op in left if asked[op] == account], number):
                        yield Violation("overspent", f"{row.seq}: shard {shard} sent more for {account} than it might")
            elif row.kind == "purse.paid":
                used = given[data["op"]] - left.pop(data["op"])
                counted = settled.get(data["op"], {}).get("messages", 0)
                if data["op"] in settled and counted != used:
                    yield Violation("overspent", f"{data['op']}: {used} messages were sent, {counted} are counted")


def _spend(left: dict[str, int], grants: list[str], number: int) -> int:
    """Take messages from the oldest grants; returns how many are in none."""
    for op in grants:
        part = min(left[op], number)
        left[op] -= part
        number -= part
    return number


def _refused(rows: list[Row]) -> set[str]:
    """Letters that arrived and were turned away, as of a quarantined conversation: each is a dead letter."""
    posts = (row.data["id"] for row in rows if row.kind == "topics.post" and row.data["topic"] == "dead-letters")
    accepted = {row.data["e"][0] for row in rows if row.kind == "mail.accept"}
    return {post.removeprefix("dead:") for post in posts} - accepted
