"""The journals, read raw: what happened to each message, by the entries alone.

The rule of this file: it imports nothing of the board. It knows the names and fields of the entries,
as documented, and folds them in its own way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack

from stigmergy.protocols.ids import sent_id

ID, MODE, TYPE, SENDER, TO, BODY, CONVERSATION, CAUSE, REPLY_TO = range(9)
"""Fields of an envelope."""


@dataclass
class Fate:
    """What became of one message."""

    id: str
    sender: str
    to: str
    op: int
    cause: str
    amount: int
    accepted: int
    """Number of the entry."""
    agent: str = ""
    host: str = ""
    attempts: int = 0
    ends: list[str] = field(default_factory=list)
    """``done`` or ``dead``, with the number of the entry."""
    end_at: int = 0
    detail: str = ""
    """Why it is dead."""
    text: str = ""

    @property
    def is_done(self) -> bool:
        """Whether its turn committed."""
        return "done" in self.ends


class Line(NamedTuple):
    """One line of an agent's book."""

    op: int
    sender: str
    message: str
    attempt: int
    host: str

    @classmethod
    def of(cls, text: str) -> Line:
        """Read ``op|sender|message|attempt|host``."""
        op, sender, message, attempt, host = text.split("|")
        return cls(int(op), sender, message, int(attempt), host)


class Told(NamedTuple):
    """An entry of one of the journals."""

    seq: int
    """Its number among the entries of all shards, in an order in which nothing comes before what it rests on."""
    kind: str
    data: dict[str, Any]
    shard: int
    own: int
    """Its number in the journal of its shard."""


def in_order(journals: Sequence[Sequence[tuple[Any, ...]]]) -> Iterator[Told]:
    """The entries of all shards: by time, but none of what a shard was sent before its sender wrote that down."""
    told: list[list[Told]] = []
    for shard, rows in enumerate(journals):
        told.append([Told(0, r[3], msgpack.unpackb(r[4], strict_map_key=False), shard, r[0]) for r in rows])
    at, number = [0] * len(told), 0
    sent: Counter[tuple[int, int]] = Counter()

    def is_due(shard: int) -> bool:
        if at[shard] == len(told[shard]):
            return False
        entry = told[shard][at[shard]]
        return entry.kind != "shard.in" or all(sent[source, shard] >= n for source, n in entry.data["of"])

    while due := [shard for shard in range(len(told)) if is_due(shard)]:
        shard = min(due, key=lambda shard: journals[shard][at[shard]][1])
        entry = told[shard][at[shard]]
        at[shard] += 1
        number += 1
        if entry.kind == "shard.out":
            sent.update((shard, parcel[0]) for parcel in entry.data["of"])
        yield entry._replace(seq=number)
    for shard, rest in enumerate(told):
        if at[shard] < len(rest):
            yield rest[at[shard]]._replace(seq=-1)


class Reading:
    """The rows of all journals, folded."""

    def __init__(self, journals: Sequence[Sequence[tuple[Any, ...]]]) -> None:
        self.fates: dict[str, Fate] = {}
        self.books: dict[str, list[Line]] = {}
        self.balances: dict[str, int] = {}
        self.posts: list[str] = []
        """Ids of the posts to the topic, in its order."""
        self.posted: set[int] = set()
        """Operations that a post belongs to."""
        self.follows: dict[str, int] = {}
        """How many posts there were when an agent began to follow."""
        self.wrong: list[str] = []
        self.entries: list[Told] = []
        for entry in in_order(journals):
            if entry.seq < 0:
                self.wrong.append(f"C1 shard {entry.shard} was sent what no journal tells of, at {entry.own}")
                continue
            self.entries.append(entry)
            read = getattr(self, "_" + entry.kind.replace(".", "_"), None)
            try:
                if read is not None:
                    read(entry.seq, entry.data)
            except KeyError as unknown:
                self.wrong.append(f"C1 entry {entry.seq} ({entry.kind}) is about {unknown}, of which none told before")

    def _mail_accept(self, seq: int, data: dict[str, Any]) -> None:
        self._accept(seq, data["e"], data["e"][ID], data["e"][TO])

    def _mail_fan(self, seq: int, data: dict[str, Any]) -> None:
        for number, to in enumerate(data["to"], data.get("first", 0)):
            self._accept(seq, data["e"], f"{data['e'][ID]}.{number}", to)

    def _accept(self, seq: int, envelope: list[Any], message: str, to: str) -> None:
        if message in self.fates:
            self.wrong.append(f"C2 message {message} was accepted twice, at {self.fates[message].accepted} and {seq}")
            return
        do = msgpack.unpackb(envelope[BODY])
        self.fates[message] = Fate(
            message, envelope[SENDER], to, do["op"], envelope[CAUSE], do.get("amount", 0), seq, text=f"{do}"
        )

    def _mail_attempt(self, _seq: int, data: dict[str, Any]) -> None:
        fate = self.fates[data["id"]]
        fate.agent, fate.host = data["agent"], data["host"]
        fate.attempts += 1

    def _mail_attempts(self, seq: int, data: dict[str, Any]) -> None:
        for message, agent, host in data["of"]:
            self._mail_attempt(seq, {"id": message, "agent": agent, "host": host})

    def _mail_again(self, _seq: int, data: dict[str, Any]) -> None:
        self.fates[data["id"]].attempts += 1

    def _mail_lost(self, _seq: int, data: dict[str, Any]) -> None:
        for message in data["ids"]:
            if message not in data["ran"]:
                self.fates[message].attempts -= 1
            self.fates[message].host = ""

    def _mail_done(self, seq: int, data: dict[str, Any]) -> None:
        fate = self.fates[data["id"]]
        self._ends(fate, "done", seq)
        if data["state"] is None:
            return
        state = msgpack.unpackb(data["state"])
        book, before = [Line.of(text) for text in state["did"]], self.books.get(fate.agent, [])
        self.books[fate.agent], self.balances[fate.agent] = book, state["balance"]
        if book[:-1] != before:
            self.wrong.append(f"C1 the book of {fate.agent} at {seq} does not go on from what was committed before")
        elif book[-1].message != fate.id:
            self.wrong.append(f"C2 {fate.agent} wrote {book[-1].message} in the turn of {fate.id}")
        elif (book[-1].host, book[-1].attempt) != (fate.host, fate.attempts):
            ran = f"attempt {book[-1].attempt} on {book[-1].host}"
            self.wrong.append(
                f"C6 {ran} committed {fate.id}, owned by attempt {fate.attempts} on {fate.host or 'nobody'}"
            )

    def _mail_dead(self, seq: int, data: dict[str, Any]) -> None:
        self._ends(self.fates[data["id"]], "dead", seq)
        self.fates[data["id"]].detail = data["detail"]

    def _ends(self, fate: Fate, end: str, seq: int) -> None:
        if fate.ends:
            self.wrong.append(f"C2 message {fate.id} ended twice: {fate.ends[0]} at {fate.end_at}, {end} at {seq}")
        fate.ends.append(end)
        fate.end_at = seq

    def _topics_post(self, _seq: int, data: dict[str, Any]) -> None:
        if data["topic"] == "news":
            self._stands(data["id"], msgpack.unpackb(data["body"])[BODY])

    def _topics_series(self, _seq: int, data: dict[str, Any]) -> None:
        if data["topic"] == "news":
            _, _, _, turn, _, _, _, posts = data["series"]
            for number, _, body in posts:
                self._stands(sent_id(turn, number), body)

    def _stands(self, post: str, body: bytes) -> None:
        if post in self.posts:
            self.wrong.append(f"C4 post {post} stands twice in its topic")
        self.posts.append(post)
        self.posted.add(msgpack.unpackb(body)["op"])

    def _topics_subscribe(self, _seq: int, data: dict[str, Any]) -> None:
        if data["pattern"] == "news":
            self.follows.setdefault(data["subscriber"], len(self.posts))
