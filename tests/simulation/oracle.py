"""What must hold in every run, whatever went wrong in it.

It judges from the clients' history, the journal's entries as `Reading` folds them, the books that agents kept,
and the provider's log; never from what the board says of itself.

C1 nothing acknowledged is lost. C2 nothing happens twice. C3 order of each sender at each recipient. C4 one order of
a topic for all. C5 no budget is passed. C6 one owner. C7 everything comes to its end. C8 a recorded call is not
made again. C9 what a turn was answered it sees. C0 no task dies unheard.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from .agents import OPENING
from .answers import unseen
from .outside import Called, Durable, Known
from .reading import Fate, Reading
from .workloads import TOKENS, Op
from .world import Simulation

_ACTS: Final = frozenset({"facts.write", "trails.deposit", "trails.blend"})
"""Entries that name the operation which wrote them."""

LEAD: Final = 0
"""The shard that has the ledger."""


def violations(run: Simulation) -> list[str]:
    """Everything that is wrong with a run; empty for a good one."""
    if run.broken:
        return [f"C1 {run.broken}"]
    reading = Reading(run.written)
    found = list(reading.wrong)
    for check in (
        _ended,
        _kept,
        _once,
        _money,
        _relayed,
        _rationed,
        _written,
        _ordered,
        _topic,
        _budget,
        _claims,
        _owners,
        _calls,
        _chains,
        unseen,
    ):
        found += check(run, reading)
    return found + [f"C0 {said}" for said in run.complaints]


def _ended(run: Simulation, reading: Reading) -> Iterator[str]:
    if not run.drained:
        open_ops = [op.number for op in run.work.ops if op.status in {"todo", "invoked"}]
        yield f"C7 not at its end after {run.timeline.now:.0f} s: operations {open_ops}, life {run.lives}"
    for fate in reading.fates.values():
        if not fate.ends:
            where = f"attempt {fate.attempts}, host {fate.host!r}"
            yield f"C7 message {fate.id} of op {fate.op} to {fate.to} has no end ({where})"


def _kept(run: Simulation, reading: Reading) -> Iterator[str]:
    """C1: what a client was told is accepted is there; what it was told is done was done, once."""
    first: defaultdict[int, list[Fate]] = defaultdict(list)
    for fate in reading.fates.values():
        if fate.sender.startswith("client/"):
            first[fate.op].append(fate)
    offered = {entry.data["item"] for entry in reading.entries if entry.kind == "claims.offer"}
    for op in run.work.ops:
        if op.status == "ok" and not _is_kept(op, first[op.number], reading, offered):
            yield f"C1 op {op.number} ({op.mode} {op.to}) was acknowledged and is lost"
        if len(first[op.number]) > 1 and op.mode in {"tell", "ask"}:
            yield f"C2 op {op.number} was accepted {len(first[op.number])} times"
        for told in op.contradictions:
            yield f"C1 the client of op {op.number} ({op.mode} {op.to}) was told {told}"
        if op.status == "failed" and any(fate.is_done for fate in first[op.number]):
            yield f"C1 op {op.number} was done, and its client was told that it failed: {op.error}"


def _is_kept(op: Op, fates: list[Fate], reading: Reading, offered: set[str]) -> bool:
    if op.mode == "offer":
        return op.to in offered
    if op.mode == "post":
        return op.number in reading.posted
    return len(fates) == 1 and (op.mode == "tell" or fates[0].is_done)


def _once(_run: Simulation, reading: Reading) -> Iterator[str]:
    """C1 and C2: whoever keeps a book has each finished message in it exactly once."""
    for agent, book in reading.books.items():
        for message, times in Counter(line.message for line in book).items():
            if times > 1:
                yield f"C2 {agent} did {message} {times} times"
    for fate in reading.fates.values():
        keeps_book = fate.agent.split("/")[0] not in {"relay", "writer", "reader"}
        if keeps_book and fate.is_done and all(line.message != fate.id for line in reading.books.get(fate.agent, ())):
            yield f"C1 {fate.agent} finished {fate.id} of op {fate.op} and has forgotten it"


def _money(run: Simulation, reading: Reading) -> Iterator[str]:
    """The sum over all accounts, with what lies dead on its way, never changes."""
    if "account" not in run.work.kinds:
        return
    brought = [fate for fate in reading.fates.values() if fate.to.startswith("account/") and fate.cause]
    on_the_way = sum(fate.amount for fate in brought if not fate.is_done)
    total = sum(balance - OPENING for agent, balance in reading.balances.items() if agent.startswith("account/"))
    if total + on_the_way != 0:
        yield f"C2 the sum of all accounts is off by {total + on_the_way}"


def _relayed(_run: Simulation, reading: Reading) -> Iterator[str]:
    """C1 and C2: a finished turn that sends has sent, once."""
    caused = Counter(fate.cause for fate in reading.fates.values() if fate.cause)
    for fate in reading.fates.values():
        pays = fate.agent.startswith("account/") and not fate.cause
        sends = fate.agent.startswith(("relay/", "bringer/")) or fate.to == "asker"
        if (pays or sends) and caused[fate.id] != fate.is_done:
            yield f"C1 {fate.agent} finished op {fate.op}: {fate.is_done}, and sent {caused[fate.id]} messages"


def _ordered(run: Simulation, reading: Reading) -> Iterator[str]:
    """C3, twice: by the entries, and by what the recipients wrote down."""
    seen: dict[tuple[str, str], int] = {}
    for fate in sorted(reading.fates.values(), key=lambda fate: fate.end_at):
        if fate.is_done and "/" in fate.to:
            pair = (fate.sender, fate.to)
            if seen.get(pair, 0) > fate.accepted:
                yield f"C3 {fate.to} finished {fate.id} of {fate.sender} after one that was accepted later"
            seen[pair] = fate.accepted
    lane_of = {op.number: number for number, lane in enumerate(run.work.lanes) for op in lane}
    for agent, book in reading.books.items():
        newest: dict[tuple[str, int], int] = {}
        for line in book if not agent.startswith(("chain/", "reader/", "scribe/")) else ():
            key = (line.sender, lane_of[line.op])
            if newest.get(key, 0) >= line.op:
                yield f"C3 {agent} did op {line.op} of {line.sender} after op {newest[key]}"
            newest[key] = line.op


def _rationed(run: Simulation, reading: Reading) -> Iterator[str]:
    """C5: relays send what they may, on whichever shards they are: not one message more, and not one less."""
    most = run.work.relayed
    sent = sum(fate.sender.startswith("relay/") for fate in reading.fates.values())
    refused = sum(fate.to.startswith("relay/") and "exhausted" in fate.detail for fate in reading.fates.values())
    if most and (sent > most or (refused and run.drained and sent < most)):
        yield f"C5 relays sent {sent} messages of {most}, and {refused} were refused"


def _written(_run: Simulation, reading: Reading) -> Iterator[str]:
    """C1 and C2: what a finished turn wrote on the blackboard is there, once, on whichever shard."""
    notes = Counter(key for _, kind, data, *_ in reading.entries if kind == "facts.write" for key, _ in data["changes"])
    ink = Counter(key for _, kind, data, *_ in reading.entries if kind == "trails.deposit" for key in data["amounts"])
    done = Counter(fate.op for fate in reading.fates.values() if fate.to.startswith("scribe/") and fate.is_done)
    tried = {fate.op for fate in reading.fates.values() if fate.to.startswith("scribe/")}
    for op in tried:
        if (notes[f"note/{op}"], ink[str(op)]) != (done[op], done[op]):
            wrote = f"{notes[f'note/{op}']} notes and {ink[str(op)]} times ink"
            yield f"C2 op {op} was finished {done[op]} times and wrote {wrote}"
    acts = Counter(data["op"] for _, kind, data, *_ in reading.entries if kind in _ACTS and data["op"])
    yield from (f"C2 {op} was done {times} times on the blackboard" for op, times in acts.items() if times > 1)


def _topic(run: Simulation, reading: Reading) -> Iterator[str]:
    """C4: every reader's book is the topic, from where it began, without what lies dead."""
    if run.news != reading.posts[: len(run.news)] or (run.drained and len(run.news) != len(reading.posts)):
        yield f"C4 the driver read {len(run.news)} posts in another order than the journal's {len(reading.posts)}"
    for reader, began in reading.follows.items():
        read = [line.message.partition(".")[0] for line in reading.books.get(reader, ())]
        dead = {
            fate.id.partition(".")[0]
            for fate in reading.fates.values()
            if fate.to == reader and fate.ends and not fate.is_done
        }
        if run.drained and read != [post for post in reading.posts[began:] if post not in dead]:
            yield f"C4 {reader} read {len(read)} posts, not the {len(reading.posts) - began} of the topic in its order"


def _budget(run: Simulation, reading: Reading) -> Iterator[str]:
    """C5: at every entry, and for the real bill at every call; and a call is made under a durable reservation only."""
    held: dict[str, int] = {}
    settled: dict[str, int] = {}
    reserved_at: dict[str, int] = {}
    for seq, kind, data, _, own in reading.entries:
        if not kind.startswith("ledger.") or not _is_of_tokens(kind, data):
            continue
        if kind == "ledger.reserve":
            held[data["op"]] = data["worst"]["tokens"]
            reserved_at[data["op"]] = own
        elif kind in {"ledger.settle", "ledger.release"} and data["op"] not in reserved_at:
            yield f"C5 entry {seq} ends reservation {data['op']}, which no entry made"
        elif kind == "ledger.settle":
            held.pop(data["op"], None)
            settled[data["op"]] = data["actual"].get("tokens", 0)
        elif kind == "ledger.release":
            held.pop(data["op"], None)
            settled.pop(data["op"], None)
        elif kind == "ledger.expire":
            settled.update((op, held.pop(op, 0)) for op in data["ops"])
        if sum(held.values()) + sum(settled.values()) > TOKENS:
            yield f"C5 settled {sum(settled.values())} and reserved {sum(held.values())} pass {TOKENS} at entry {seq}"
    billed, durable = 0, 0
    for event in run.outside.log:
        if isinstance(event, Durable) and event.shard == LEAD:
            durable = event.seq
        elif isinstance(event, Called) and event.op:
            billed += event.value
            if reserved_at.get(event.op, durable + 1) > durable:
                yield f"C5 {event.what} was asked without a durable reservation"
    if billed > TOKENS:
        yield f"C5 the provider billed {billed} tokens of {TOKENS}"


def _is_of_tokens(kind: str, data: dict[str, Any]) -> bool:
    """Whether an entry of the ledger is about a call of a model, and not about the messages of a shard."""
    return not (kind == "ledger.reserve" and "tokens" not in data["worst"]) and not data.get("op", "").startswith(
        "shard "
    )


def _claims(_run: Simulation, reading: Reading) -> Iterator[str]:
    """C6: an item has one holder, and is finished once; a take that is repeated gets the item that it got."""
    holder: dict[str, str] = {}
    taken: dict[str, str] = {}
    finished: set[str] = set()
    for seq, kind, data, _, _ in reading.entries:
        if kind == "claims.take":
            item = data["item"]
            if holder.get(item, data["op"]) != data["op"] or item in finished:
                yield f"C6 item {item} was taken at {seq} while another held it, or after it was finished"
            if taken.setdefault(data["op"], item) != item:
                yield f"C6 {data['op']} took item {item} at {seq}, and {taken[data['op']]} before"
            holder[item] = data["op"]
        elif kind in {"claims.complete", "claims.fail"}:
            if kind == "claims.complete":
                finished.add(data["item"])
            holder.pop(data["item"], None)
        elif kind == "claims.expire":
            for _, item in data["over"]:
                holder.pop(item, None)


def _owners(_run: Simulation, reading: Reading) -> Iterator[str]:
    """C6: a host's epochs only grow, at each shard, and it has one life at a time."""
    newest: dict[tuple[int, str], int] = {}
    for seq, kind, data, shard, _ in reading.entries:
        if kind == "registry.join":
            if data["epoch"] <= newest.get((shard, data["host"]), 0):
                yield f"C6 host {data['host']} was given epoch {data['epoch']} again at {seq}"
            newest[shard, data["host"]] = data["epoch"]


def _calls(run: Simulation, reading: Reading) -> Iterator[str]:
    """C8: once a turn was given a result, nobody makes that call again, and everybody is given the same.

    But for a host that was given up and lives: until it notices, nobody can keep it from calling.
    """
    known: dict[str, int] = {}
    gone_at: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for _, kind, data, shard, own in reading.entries:
        if kind == "registry.gone":
            gone_at[f"{data['host']}.{data['epoch']}"][shard] = own
    durable: Counter[int] = Counter()
    for event in run.outside.log:
        if isinstance(event, Durable):
            durable[event.shard] = event.seq
        elif isinstance(event, Called) and event.what in known and not _is_over(gone_at[event.host], durable):
            yield f"C8 {event.what} was called again by {event.host}, after its result was recorded"
        elif isinstance(event, Known) and known.setdefault(event.what, event.value) != event.value:
            yield f"C8 {event.what} gave {event.value} after {known[event.what]}"


def _is_over(gone_at: dict[int, int], durable: Counter[int]) -> bool:
    """Whether any shard has written down that a life of a host is over."""
    return any(durable[shard] >= own for shard, own in gone_at.items())


def _chains(run: Simulation, reading: Reading) -> Iterator[str]:
    """C1: an answer that came through a chain is the sum of what its links have drawn."""
    drawn = {event.what.rpartition(":")[2]: event.value for event in run.outside.log if isinstance(event, Known)}
    links: defaultdict[int, list[Fate]] = defaultdict(list)
    for fate in reading.fates.values():
        if fate.is_done and fate.to.startswith("chain/"):
            links[fate.op].append(fate)
    for op in run.work.ops:
        found = links[op.number]
        is_clear = op.status == "ok" and op.to.startswith("chain/") and len({fate.to for fate in found}) == len(found)
        if is_clear and op.result != sum(drawn[fate.id] for fate in found):
            yield f"C1 op {op.number} was answered {op.result}, and its links drew {[drawn[f.id] for f in found]}"
