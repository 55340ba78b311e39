"""The journal, read raw: what happened to each message, by the entries alone.

The rule of this file: it imports nothing of the board. It knows the names and fields of the entries,
as documented, and folds them in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack

ID, MODE, TYPE, SENDER, TO, BODY, CONVERSATION, CAUSE = range(8)
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


class Reading:
    """A journal's rows, folded."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
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
        self.entries: list[tuple[int, str, dict[str, Any]]] = []
        for seq, _at, _epoch, kind, body, *_ in rows:
            data = msgpack.unpackb(body, strict_map_key=False)
            self.entries.append((seq, kind, data))
            read = getattr(self, "_" + kind.replace(".", "_"), None)
            try:
                if read is not None:
                    read(seq, data)
            except KeyError as unknown:
                self.wrong.append(f"C1 entry {seq} ({kind}) is about {unknown}, of which no entry told before")

    def _mail_accept(self, seq: int, data: dict[str, Any]) -> None:
        self._accept(seq, data["e"], data["e"][ID], data["e"][TO])

    def _mail_fan(self, seq: int, data: dict[str, Any]) -> None:
        for number, to in enumerate(data["to"]):
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

    def _ends(self, fate: Fate, end: str, seq: int) -> None:
        if fate.ends:
            self.wrong.append(f"C2 message {fate.id} ended twice: {fate.ends[0]} at {fate.end_at}, {end} at {seq}")
        fate.ends.append(end)
        fate.end_at = seq

    def _topics_post(self, _seq: int, data: dict[str, Any]) -> None:
        if data["topic"] == "news":
            if data["id"] in self.posts:
                self.wrong.append(f"C4 post {data['id']} stands twice in its topic")
            self.posts.append(data["id"])
            self.posted.add(msgpack.unpackb(msgpack.unpackb(data["body"])[BODY])["op"])

    def _topics_posts(self, seq: int, data: dict[str, Any]) -> None:
        for post_id, body in data["posts"]:
            self._topics_post(seq, {"topic": data["topic"], "id": post_id, "body": body})

    def _topics_subscribe(self, _seq: int, data: dict[str, Any]) -> None:
        if data["pattern"] == "news":
            self.follows.setdefault(data["subscriber"], len(self.posts))
