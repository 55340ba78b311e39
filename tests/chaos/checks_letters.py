"""Letters: each is handled once in effect, in order, by a host that owns it, and what was acknowledged is there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from stigmergy.protocols.ids import sent_id

from .entries import Event, Letter, Row
from .history import Line, of_kind
from .violations import Violation


def check_lives(rows: list[Row]) -> Iterator[Violation]:
    """No host name has two owners at once, and no epoch of one is given twice."""
    newest: dict[str, int] = {}
    alive: dict[str, int] = {}
    for row in rows:
        if row.kind == "registry.join":
            host, epoch = row.data["host"], row.data["epoch"]
            if host in alive:
                yield Violation(
                    "fencing", f"{row.seq}: {host}.{epoch} joined while {host}.{alive[host]} owned the name"
                )
            if epoch <= newest.get(host, 0):
                yield Violation("fencing", f"{row.seq}: {host} was given epoch {epoch} again")
            newest[host] = alive[host] = epoch
        elif row.kind == "registry.gone" and alive.get(row.data["host"]) == row.data["epoch"]:
            del alive[row.data["host"]]
    epochs = [row.epoch for row in rows]
    if epochs != sorted(epochs):
        yield Violation("fencing", "an older epoch of the journal wrote after a newer one")


def check_letters(rows: list[Row], events: list[Event], history: list[Line]) -> Iterator[Violation]:
    """Accepted once, handed to one live host at a time, ended once; nothing is left."""
    dead_hosts = _ends_of_hosts(rows)
    seen: set[str] = set()
    held: dict[str, str] = {}
    open_: dict[str, Letter] = {}
    for event in events:
        name, where = event.letter, f"{event.seq}: letter {event.letter}"
        if event.accepted is not None:
            if name in seen:
                yield Violation("duplicated", f"{where} was accepted again")
            seen.add(name)
            open_[name] = event.accepted
            continue
        if name not in open_:
            yield Violation("duplicated", f"{where}: {event.what} after its end, or without a beginning")
            continue
        match event.what:
            case "attempt":
                if name in held:
                    yield Violation("duplicated", f"{where} went to {event.host} while {held[name]} had it")
                if dead_hosts.get(event.host, event.seq) < event.seq:
                    yield Violation("fencing", f"{where} went to {event.host}, whose life was over")
                held[name] = event.host
            case "lost":
                held.pop(name, None)
            case "done":
                host = held.get(name)
                if host is None or dead_hosts.get(host, event.seq) < event.seq:
                    yield Violation("fencing", f"{where} was committed by {host or 'nobody'}, whose life was over")
                held.pop(name, None)
                del open_[name]
            case "dead":
                held.pop(name, None)
                del open_[name]
    if any(line["kind"] in {"closed", "stuck"} for line in history):
        for name, letter in open_.items():
            yield Violation("lost", f"letter {name} ({letter.type} to {letter.to}) was accepted and never handled")


def check_pids(rows: list[Row], events: list[Event], history: list[Line]) -> Iterator[Violation]:
    """No process commits for a life of a host that is over: agents leave their pid in their state."""
    ends = _ends_of_hosts(rows)
    over = {line["pid"]: ends[line["name"]] for line in of_kind(history, "pid") if line["name"] in ends}
    for event in events:
        pid = event.state.get("pid") if event.what == "done" and isinstance(event.state, dict) else None
        if pid and over.get(pid, event.seq) < event.seq:
            yield Violation("fencing", f"{event.seq}: process {pid} committed {event.letter} after its life was over")


def check_order(events: list[Event]) -> Iterator[Violation]:
    """Between a sender and a recipient asks, and tells, are handled as accepted; posts of a topic as posted."""
    ended = {event.letter: event.what for event in events if event.what in {"done", "dead"}}
    accepted: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    pair_of: dict[str, tuple[str, str, str]] = {}
    for event in events:
        letter = event.accepted
        if letter is not None and "/" in letter.to and ended.get(letter.id) == "done" and letter.id not in pair_of:
            pair = (letter.topic or letter.sender, letter.to, letter.mode)
            accepted[pair].append(letter.id)
            pair_of[letter.id] = pair
    handled: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for event in events:
        if event.what == "done" and event.letter in pair_of:
            handled[pair_of[event.letter]].append(event.letter)
    for pair, expected in accepted.items():
        if handled[pair] != expected:
            at = next(
                (n for n, both in enumerate(zip(expected, handled[pair], strict=False)) if len(set(both)) > 1), -1
            )
            yield Violation(
                "order", f"{pair[0]} to {pair[1]} ({pair[2]}): differs from letter {at + 1} of {len(expected)}"
            )


def check_topics(rows: list[Row]) -> Iterator[Violation]:
    """A post is on its topic once, so that every reader counts the same offsets without a gap."""
    known: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        for post in _posts(row):
            if post in known[row.data["topic"]]:
                yield Violation("duplicated", f"{row.seq}: post {post} is on topic {row.data['topic']} twice")
            known[row.data["topic"]].add(post)


def _posts(row: Row) -> list[str]:
    """Ids of what an entry puts on a topic."""
    if row.kind == "topics.post":
        return [row.data["id"]]
    if row.kind == "topics.series":
        _, _, _, turn, _, _, _, posts = row.data["series"]
        return [sent_id(turn, number) for number, _, _ in posts]
    return []


def check_acks(events: list[Event], history: list[Line]) -> Iterator[Violation]:
    """What a client was told to be accepted is there, once; what was answered was handled."""
    letters = [event.accepted for event in events if event.accepted is not None]
    found = Counter(letter.body["op"] for letter in letters if letter.body.get("op"))
    done = {event.letter for event in events if event.what == "done"}
    by_op = {letter.body["op"]: letter for letter in letters if letter.body.get("op")}
    dead = {event.letter: event.state for event in events if event.what == "dead"}
    for line in history:
        op = line.get("op", "")
        if line["kind"] != "ok" or ":" not in op:
            continue
        letter = by_op.get(op)
        if letter is None:
            yield Violation("lost", f"operation {op} was acknowledged and is not in the journal")
        elif letter.mode == "ask" and letter.id not in done:
            yield Violation("lost", f"operation {op} was answered, but not by a turn that committed")
        elif letter.id in dead:
            yield Violation("lost", f"operation {op} was accepted, and is a dead letter: {dead[letter.id]}")
    for op, times in found.items():
        if times > 1:
            yield Violation("duplicated", f"operation {op} was accepted {times} times")


def check_dead_letters(rows: list[Row], events: list[Event]) -> Iterator[Violation]:
    """Each letter that died is on the dead-letter topic."""
    posted: set[str] = set()
    for row in rows:
        posted.update(_posts(row))
    for event in events:
        if event.what == "dead" and f"dead:{event.letter}" not in posted:
            yield Violation("lost", f"{event.seq}: letter {event.letter} died ({event.state}) and nobody was told")


def _ends_of_hosts(rows: list[Row]) -> dict[str, int]:
    """By ``name.epoch``: the entry that ended that life."""
    return {f"{r.data['host']}.{r.data['epoch']}": r.seq for r in rows if r.kind == "registry.gone"}
