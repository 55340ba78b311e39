"""One work queue: its items, the state each is in, and who comes next.

Pure state under `claims.Claims`, which decides what may happen and writes it down first. The rule
it keeps: an item is in exactly one state, and every claim of the queue has a larger token than the
one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from heapq import heapify, heappop, heappush
from typing import Any, Final, Generic, Literal, TypeVar

T = TypeVar("T", bound=tuple[Any, ...])

_SLACK: Final = 64

State = Literal["ready", "taken", "dead"]


@dataclass(slots=True)
class Work:
    """An item that is not finished, and its last claim."""

    payload: bytes
    priority: int
    most: int
    """Attempts that it gets."""
    place: int
    """Position among equals: grows with each offer and each failure."""
    state: State = "ready"
    attempts: int = 0
    token: int = 0
    worker: str = ""
    until: float = 0.0
    ended: str = ""
    """How the last claim ended: ``failed`` or ``lapsed``; empty while it holds."""
    reason: str = ""


class WorkQueue:
    """The items of one queue; those that are ready come out by priority, then first come."""

    def __init__(self) -> None:
        self.token = 0
        self.work: dict[str, Work] = {}
        self.done: dict[str, int] = {}
        """Finished items, with the token that finished each."""
        self.counts: dict[State, int] = {"ready": 0, "taken": 0, "dead": 0}
        self._place = 0
        self._ready: LazyHeap[tuple[int, int, int, str]] = LazyHeap(self._is_ready)

    def add(self, item: str, payload: bytes, priority: int, most: int) -> None:
        """A new item, behind its equals."""
        self._place += 1
        self.work[item] = Work(payload, priority, most, self._place)
        self.counts["ready"] += 1
        self._line_up(item)

    def grant(self, item: str, token: int, worker: str, until: float) -> None:
        """Hand an item to a worker. To the one that holds it already, as the same attempt."""
        work = self.work[item]
        work.attempts += work.state != "taken"
        self._move(work, "taken")
        self.token = work.token = token
        work.worker, work.until, work.ended = worker, until, ""

    def finish(self, item: str) -> None:
        """Take an item off for good; its id and last token are kept."""
        work = self.work.pop(item)
        self._move(work, "taken")
        self.counts["taken"] -= 1
        self.done[item] = work.token

    def give_back(self, item: str, ended: str, reason: str) -> None:
        """End a claim. A failed item goes behind its equals, a lapsed one keeps its place, a spent one is dead."""
        work = self.work[item]
        work.ended, work.reason = ended, reason
        if ended == "failed":
            self._place += 1
            work.place = self._place
        self._move(work, "dead" if work.attempts >= work.most else "ready")
        self._line_up(item)

    def revive(self, item: str) -> None:
        """Give a dead item its attempts again, behind its equals."""
        work = self.work[item]
        self._place += 1
        work.place, work.attempts = self._place, 0
        self._move(work, "ready")
        self._line_up(item)

    def in_line(self) -> Iterator[str]:
        """The ready items in order."""
        return (entry[3] for entry in self._ready.live())

    def snapshot(self) -> dict[str, Any]:
        """The queue as plain data."""
        work = {item: asdict(work) for item, work in self.work.items()}
        return {"token": self.token, "place": self._place, "work": work, "done": dict(self.done)}

    @classmethod
    def restore(cls, data: dict[str, Any]) -> WorkQueue:
        """The inverse of `snapshot`."""
        q = cls()
        q.token, q._place, q.done = data["token"], data["place"], dict(data["done"])
        q.work = {item: Work(**fields) for item, fields in data["work"].items()}
        for item, work in q.work.items():
            q.counts[work.state] += 1
            q._line_up(item)
        return q

    def _move(self, work: Work, state: State) -> None:
        self.counts[work.state] -= 1
        self.counts[state] += 1
        work.state = state

    def _line_up(self, item: str) -> None:
        work = self.work[item]
        if work.state == "ready":
            self._ready.push((-work.priority, work.place, work.token, item))

    def _is_ready(self, entry: tuple[int, int, int, str]) -> bool:
        work = self.work.get(entry[3])
        return work is not None and work.state == "ready" and work.token == entry[2]


class LazyHeap(Generic[T]):
    """A heap whose outdated entries are passed over, and swept out when they are the greater part."""

    def __init__(self, is_live: Callable[[T], bool], entries: Iterable[T] = ()) -> None:
        self._is_live = is_live
        self._heap = [*entries]
        self._bound = 0
        self._sweep()

    def push(self, entry: T) -> None:
        """Add an entry; O(log n)."""
        heappush(self._heap, entry)
        if len(self._heap) > self._bound:
            self._sweep()

    def live(self) -> Iterator[T]:
        """The entries that still count, smallest first; the first k cost O(k log k). Push nothing meanwhile."""
        while self._heap and not self._is_live(self._heap[0]):
            heappop(self._heap)
        frontier = [(entry, 0) for entry in self._heap[:1]]
        while frontier:
            entry, at = heappop(frontier)
            if self._is_live(entry):
                yield entry
            for child in range(2 * at + 1, min(2 * at + 3, len(self._heap))):
                heappush(frontier, (self._heap[child], child))

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if self._is_live(entry)]
        heapify(self._heap)
        self._bound = 2 * len(self._heap) + _SLACK
