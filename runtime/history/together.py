"""Together: the journals of all shards of a run, read as one.

The rule of this file: nothing comes before what it rests on. Entries are in the order of their times, but what a shard
heard of another comes behind that shard's word; and what several shards wrote down of one thing is told once: hosts,
kinds and the ledger are the lead's, and a message that was paid out of a grant is one that was paid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from stigmergy.actors.board.dead_letters import TOPIC, WRITER
from stigmergy.actors.board.grants import is_grant
from stigmergy.actors.board.owners import LEAD
from stigmergy.actors.journal import Entry, ReadOnlyJournal
from stigmergy.actors.journal.records import Audit, Tail

_LEADS = ("registry.", "swarm.begin", "swarm.stop", "swarm.resume", "ledger.")
"""Kinds of entries of which only the lead's count."""

_BETWEEN = ("shard.", "grant.", "purse.", "watch.heard")
"""Kinds of entries about what goes between shards."""


def together(views: Sequence[ReadOnlyJournal]) -> ReadOnlyJournal:
    """One view of the journals of all shards, the lead's first. Their entries are numbered anew."""
    if len(views) == 1:
        return views[0]
    wrong = [f"shard {shard}: {view.damage}" for shard, view in enumerate(views) if view.damage]
    length = sum(view.last_seq for view in views)

    def read(after: int, until: int, kinds: str | tuple[str, ...]) -> Iterator[Entry]:
        for number, entry in enumerate(_told(views, kinds), 1):
            if after < number <= until:
                yield replace(entry, seq=number)

    def close() -> None:
        for view in views:
            view.close()

    return ReadOnlyJournal(Audit(Tail(length, b""), "; ".join(wrong)), views[LEAD].epoch, read, close)


def _told(views: Sequence[ReadOnlyJournal], kinds: str | tuple[str, ...]) -> Iterator[Entry]:
    """What is to be told, in order."""
    for shard, entry in _in_order(views, kinds):
        told = _as_one(entry) if shard == LEAD or not entry.kind.startswith(_LEADS) else None
        if told is not None and told.kind.startswith(kinds):
            yield told


def _as_one(entry: Entry) -> Entry | None:
    """An entry as one board alone would have written it; None for what that would not have written."""
    if entry.kind == "purse.spent":
        paid = [[account, {"messages": number}] for account, number in entry.data["of"]]
        return replace(entry, kind="ledger.charge", data={"paid": paid})
    if entry.kind.startswith(_BETWEEN) or _is_copy(entry) or is_grant(entry.data.get("op", "")):
        return None
    if entry.kind.startswith("ledger.") and "ops" in entry.data:
        return replace(entry, data={**entry.data, "ops": [op for op in entry.data["ops"] if not is_grant(op)]})
    return entry


def _is_copy(entry: Entry) -> bool:
    """Whether it is the lead's copy of another shard's dead letter."""
    is_letter = entry.kind == "topics.post" and entry.data["topic"] == TOPIC
    return is_letter and entry.data["writer"].startswith(f"{WRITER}-")


def _in_order(views: Sequence[ReadOnlyJournal], kinds: str | tuple[str, ...]) -> Iterator[tuple[int, Entry]]:
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    more = wanted if "" in wanted else (*wanted, "shard.", "purse.spent")
    rest = [view.read(kinds=more) for view in views]
    heads = [next(entries, None) for entries in rest]
    sent: Counter[tuple[int, int]] = Counter()
    last = -1
    while any(head is not None for head in heads):
        last = _next(heads, sent, last)
        entry = heads[last]
        heads[last] = next(rest[last], None)
        if entry is not None:
            if entry.kind == "shard.out":
                sent.update((last, parcel[0]) for parcel in entry.data["of"])
            yield last, entry


def _next(heads: Sequence[Entry | None], sent: Counter[tuple[int, int]], last: int) -> int:
    """The shard whose entry comes next: that of the last one while its batch lasts, which has one time."""
    there = [(head.at, shard != last, shard) for shard, head in enumerate(heads) if head is not None]
    due = [one for one in there if _is_due(heads[one[2]], one[2], sent)]
    return min(due or there)[2]  # of a damaged journal a word may be missing


def _is_due(head: Entry | None, shard: int, sent: Counter[tuple[int, int]]) -> bool:
    if head is None or head.kind != "shard.in":
        return True
    return all(sent[source, shard] >= number for source, number in head.data["of"])
