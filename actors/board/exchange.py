"""The exchange: what one shard has for the others, and how far it has heard each of them. A sans-I/O machine.

The rule of this file: a parcel is in its sender's journal from the append that caused it until its receiver has it in
its own, together with what it caused there. The parcels of one shard for another are numbered without gaps, and
taken in that order, each once. Journal entries: ``shard.out``, ``shard.met``, ``shard.in``, ``shard.kept``.

A parcel may have to wait: what an agent sends leaves only when what it has written on other shards is there, so
whoever reads the one finds the other (causal order, as in Lloyd et al., "Don't settle for eventual", SOSP 2011).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import JournalCorrupt

from .owners import Owners, Place

Record = Callable[[str, dict[str, Any]], None]

WRITES: Final = frozenset({"write", "post", "series", "dead", "paid"})
"""Parcels that change what can be read at their receiver."""

LETTERS: Final = frozenset({"letter", "reply", "post", "series", "fan"})
"""Parcels that are messages, or lead to some."""

NOTED_EVERY: Final = 256
"""Parcels that a receiver confirms before the journal says so. More are read again when a journal is replayed."""


class Parcel(NamedTuple):
    """Something on its way to another shard."""

    number: int
    what: str
    data: Any
    by: str
    """Whose doing it is; empty for the shard's own."""
    needs: tuple[tuple[int, int], ...]
    """Other shards, and the number that each must have confirmed before this may leave."""


class Lane:
    """The way to one other shard."""

    def __init__(self) -> None:
        self.parcels: deque[Parcel] = deque()
        """What it has not confirmed, oldest first."""
        self.last = 0
        """Number of the newest parcel."""
        self.written = 0
        """Number of the newest parcel that changes what can be read there."""
        self.sent = 0
        """Number of the newest parcel that may have left, as far as the journal and this life know."""
        self.met = False
        """Whether this life has met it: what was put before cannot have left."""
        self.confirmed = 0
        self.noted = 0
        """How far the journal knows that it has confirmed."""
        self.told: int | None = None
        """Number of the newest parcel that was told over this link; None while nobody has said how far it is."""


class Exchange:
    """The parcels of one shard."""

    def __init__(self, record: Record, place: Place) -> None:
        self._record = record
        self.me = place.shard
        self.owners = Owners(place.shards)
        self.lanes = {shard: Lane() for shard in self.owners.others(self.me)}
        self._heard = dict.fromkeys(self.lanes, 0)
        """By shard: number of the newest parcel of it that was taken."""
        self._news: dict[int, None] = {}
        """Shards that were heard since the last commit."""
        self._fresh: list[list[Any]] = []
        """What was put since the last commit."""
        self._writers: dict[str, dict[int, int]] = {}
        """By agent: the shards that have not confirmed all that it wrote there, and the newest number of that."""
        self._open: dict[str, int] = {}
        """How many parcels of each sort have not been confirmed."""

    def __bool__(self) -> bool:
        return bool(self.lanes)

    # -- out

    def put(self, shard: int, what: str, data: Any, by: str = "") -> None:
        """Send something with the next commit; ``by`` is the agent whose doing it is."""
        self._fresh.append([shard, what, data, by])

    def tell_all(self, what: str, data: Any) -> None:
        """Send something to every other shard."""
        for shard in self.lanes:
            self.put(shard, what, data)

    def awaits(self, what: str) -> bool:
        """Whether a parcel of that sort has not been confirmed by everybody who is to have it."""
        return self._open.get(what, 0) > 0 or any(fresh[1] == what for fresh in self._fresh)

    @property
    def letters(self) -> int:
        """Messages that are on their way."""
        return sum(self._open.get(what, 0) for what in LETTERS) + sum(fresh[1] in LETTERS for fresh in self._fresh)

    @property
    def written(self) -> list[tuple[int, int]]:
        """What others must confirm before all that was written until now can be read, each as (shard, number)."""
        return [(shard, lane.written) for shard, lane in self.lanes.items() if lane.written > lane.confirmed]

    def has(self, written: Iterable[tuple[int, int]]) -> bool:
        """Whether others have confirmed so far, each as (shard, number)."""
        return all(self.lanes[shard].confirmed >= number for shard, number in written)

    def due(self) -> Iterator[tuple[int, list[Any]]]:
        """What can be told now, as (shard, [number, what, data]). Call it when all that was put is durable."""
        for shard, lane in self.lanes.items():
            if lane.told is None:
                continue
            for parcel in islice(lane.parcels, lane.told - lane.confirmed, None):
                if not self.has(parcel.needs):
                    break
                lane.told += 1
                lane.sent = max(lane.sent, lane.told)
                yield shard, [parcel.number, parcel.what, parcel.data]

    def met(self, shard: int) -> int:
        """There is a new link to a shard, over which nothing was told. Returns how far we have heard it, to be told."""
        self.lanes[shard].told = None
        return self._heard[shard]

    def parted(self, shard: int) -> None:
        """The link to a shard is gone."""
        self.lanes[shard].told = None

    @property
    def apart(self) -> list[int]:
        """The shards to which nothing can be told now."""
        return [shard for shard, lane in self.lanes.items() if lane.told is None]

    def greeted(self, shard: int, number: int) -> None:
        """A shard says over its new link how far it has heard us: what comes behind is told (again).

        Raises: JournalCorrupt when it has forgotten what it had confirmed, or we what we had sent.
        """
        lane = self.lanes[shard]
        if number < lane.confirmed:
            raise _lost(f"shard {shard} has lost what it had of shard {self.me}: {number} of {lane.confirmed} parcels")
        if number > lane.sent:
            known = f"shard {shard} has heard {number} parcels of it, and by its journal it has sent {lane.sent}"
            raise _lost(f"shard {self.me} has lost the end of its journal: {known}")
        if not lane.met and lane.sent < lane.last:
            self._do("shard.met", {"to": shard})
        lane.met = True
        self.confirmed(shard, number)
        lane.told = lane.confirmed

    def confirmed(self, shard: int, number: int) -> None:
        """A shard has taken everything up to a number, durably."""
        lane = self.lanes[shard]
        self._drop(shard, min(number, lane.last))
        if lane.confirmed >= lane.noted + NOTED_EVERY:
            self._do("shard.kept", {"to": shard, "n": lane.confirmed})

    # -- in

    def take(self, shard: int, number: int) -> bool:
        """Whether a parcel of a shard is the next one; then it counts as taken with the next commit."""
        if number != self._heard[shard] + 1:
            return False
        self._heard[shard] = number
        self._news[shard] = None
        return True

    # -- entries

    def seal(self) -> list[tuple[str, dict[str, Any]]]:
        """Write down what was put since the last commit. Call it last, before the append.

        Returns what is to stand first in that: how far the others were heard, before what came of it.
        """
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            early = sorted({shard for shard, *_ in fresh if not self.lanes[shard].met})
            self._do("shard.out", {"of": fresh, "early": early} if early else {"of": fresh})
        return [("shard.in", {"of": [[shard, self._heard[shard]] for shard in self._news]})] if self._news else []

    def heard(self) -> list[tuple[int, int]]:
        """What is to be confirmed now that it is durable, as (shard, number)."""
        news, self._news = self._news, {}
        return [(shard, self._heard[shard]) for shard in news]

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as an entry of an earlier life says. It may have told what it put after it had met them."""
        self._change(kind, data)
        if kind == "shard.out":
            for shard in {shard for shard, *_ in data["of"]}.difference(data.get("early", ())):
                self.lanes[shard].sent = self.lanes[shard].last

    def _change(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "shard.out":
            for shard, what, content, by in data["of"]:
                self._send(shard, what, content, by)
        elif kind == "shard.met":
            self.lanes[data["to"]].sent = self.lanes[data["to"]].last
        elif kind == "shard.in":
            self._heard.update((shard, number) for shard, number in data["of"])
        elif kind == "shard.kept":
            self._drop(data["to"], data["n"])
            self.lanes[data["to"]].noted = data["n"]

    def _do(self, kind: str, data: dict[str, Any]) -> None:
        self._record(kind, data)
        self._change(kind, data)

    def _send(self, shard: int, what: str, content: Any, by: str) -> None:
        lane = self.lanes[shard]
        lane.last += 1
        mine = self._writers.get(by) if by else None
        needs = tuple((other, number) for other, number in mine.items() if other != shard) if mine else ()
        lane.parcels.append(Parcel(lane.last, what, content, by, needs))
        self._open[what] = self._open.get(what, 0) + 1
        if what in WRITES:
            lane.written = lane.last
            if by:
                self._writers.setdefault(by, {})[shard] = lane.last

    def _drop(self, shard: int, number: int) -> None:
        lane = self.lanes[shard]
        while lane.parcels and lane.parcels[0].number <= number:
            parcel = lane.parcels.popleft()
            self._open[parcel.what] -= 1
            mine = self._writers.get(parcel.by)
            if mine is not None and mine.get(shard) == parcel.number:
                del mine[shard]
                if not mine:
                    del self._writers[parcel.by]
        lane.confirmed = max(lane.confirmed, number)


def _lost(text: str) -> JournalCorrupt:
    return JournalCorrupt(f"{text}; the journals of all shards go together: restore all from one backup, or start anew")
