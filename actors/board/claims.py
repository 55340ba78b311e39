"""Claims: work items that are taken by lease.

Owns the work queues of one shard. The rule it keeps: an item has at most one holder, known by a
fencing token that grows with every claim of its queue. Whoever comes back late, with the token of
a claim that has ended, is refused: the item may be somebody else's by now
(M. Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice, takewhile
from typing import Any, Final

from stigmergy.protocols.errors import ClaimLost, Fenced, InvalidName, JournalError, UsageError
from stigmergy.protocols.ids import check_name

from .done import Done
from .workitems import Claim, Depth, Item, Lapse
from .workqueue import LazyHeap, Work, WorkQueue

LEASE_S: Final = 30.0
MAX_ATTEMPTS: Final = 3
_VERBS: Final = (
    *("offer", "take", "renew", "complete", "fail", "expire", "requeue", "forget", "extend", "over", "restore"),
)
_KINDS: Final = frozenset(f"claims.{verb}" for verb in _VERBS)


class Claims:
    """The work queues of one shard. Leases end when `expire` says so, never by themselves."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None]) -> None:
        self._record = record
        self._queues: dict[str, WorkQueue] = {}
        self._done = Done()
        """What each operation came to: of a take, the claim and the epoch of whoever holds it."""
        self._leases: LazyHeap[tuple[float, int, str, str]] = LazyHeap(self._is_leased)
        """(until, token, queue, item) over all queues."""

    def offer(
        self,
        queue: str,
        item: str,
        payload: bytes,
        *,
        priority: int = 0,
        max_attempts: int = MAX_ATTEMPTS,
        op: str = "",
    ) -> bool:
        """Put an item up for work; higher priority first, then first come. False if its id was offered before.

        ``op`` names the operation, as ``turn:step``: a repeat gets what it got; empty: it cannot be repeated.
        Raises: InvalidName, UsageError.
        """
        check_name(queue, "queue")
        if not item:
            raise InvalidName(f"a work item of queue {queue!r} needs an id; give 1 character or more")
        if max_attempts < 1:
            raise UsageError(f"item {item!r}: max_attempts {max_attempts} is not valid; give at least 1")
        q = self._queues.get(queue)
        if q and (item in q.work or item in q.done):
            return op in self._done
        self._do("offer", queue=queue, item=item, payload=payload, priority=priority, most=max_attempts, op=op)
        return True

    def peek(self, queue: str, limit: int = 100) -> list[Item]:
        """The next items in order, untaken: to choose one, for example along a trail, and take it by its id."""
        q = self._queues.get(queue)
        if q is None:
            return []
        line = [(item, q.work[item]) for item in islice(q.in_line(), max(limit, 0))]
        return [Item(item, work.payload, work.priority, work.attempts) for item, work in line]

    def take(
        self, queue: str, worker: str, epoch: int, op: str, now: float, *, lease_s: float = LEASE_S, item: str = ""
    ) -> Claim | None:
        """Claim the next item, or the given one if nobody has it; None when there is none to have.

        ``op`` names the operation, as ``turn:step``; empty: it cannot be repeated. Repeated before its turn is over it
        gets the same claim, also one that has ended: what the turn did with it counts. But while nobody else has had
        the item, one whose lease has ended begins anew; and in a later epoch (its host was replaced) it has a new
        token, and the old token is refused. Raises: Fenced when a later epoch has repeated it before; UsageError.
        """
        if not lease_s > 0:
            raise UsageError(f"to take from queue {queue!r}, give a lease of more than 0 seconds")
        if op in self._done:
            claim, chosen = self._again(op, worker, epoch)
            if chosen is None:
                return claim
        else:
            chosen = self._free(queue, item)
            if chosen is None:
                return None
        q = self._queues[queue]
        grant = {"token": q.token + 1, "worker": worker, "epoch": epoch, "op": op, "until": now + lease_s}
        self._do("take", queue=queue, item=chosen, **grant)
        return _claim(queue, chosen, q.work[chosen])

    def _free(self, queue: str, item: str) -> str | None:
        """The item that a new claim gets."""
        q = self._queues.get(queue)
        if q is None or not item:
            return None if q is None else next(q.in_line(), None)
        return item if item in q.work and q.work[item].state == "ready" else None

    def _again(self, op: str, worker: str, epoch: int) -> tuple[Claim, str | None]:
        """The claim that an operation got, and its item if that is to be taken anew."""
        fields, newest = self._done[op]
        claim = Claim(*fields)
        if epoch < newest:
            raise Fenced(f"epoch {epoch} of {worker!r} has ended; epoch {newest} goes on with item {claim.item!r}")
        work = self._find(claim.queue, claim.item)
        if work is None or work.token != claim.token:
            return claim, None
        if work.state == "taken":
            return _claim(claim.queue, claim.item, work), claim.item if epoch > newest else None
        return claim, claim.item if (work.state, work.ended) == ("ready", "lapsed") else None

    def renew(self, queue: str, item: str, token: int, now: float, *, lease_s: float = LEASE_S) -> float:
        """Hold an item until ``now + lease_s``, never shorter than before; returns until when. Raises: ClaimLost."""
        until = self._held(queue, item, token).until
        if now + lease_s > until:
            until = now + lease_s
            self._do("renew", queue=queue, item=item, until=until)
        return until

    def complete(self, queue: str, item: str, token: int) -> bool:
        """Finish an item for good. False if this claim had finished it before. Raises: ClaimLost."""
        if self._finished(queue, item, token):
            return False
        self._held(queue, item, token)
        self._do("complete", queue=queue, item=item)
        return True

    def fail(self, queue: str, item: str, token: int, reason: str, *, op: str = "") -> bool:
        """Give an item back: behind its equals, or to the dead after its last attempt.

        True if it is dead now. Repeating it changes nothing, with its ``op`` also when others have had the item since.
        Raises: ClaimLost.
        """
        if op in self._done:
            return bool(self._done[op])
        work = self._find(queue, item)
        if work is None or (work.token, work.ended) != (token, "failed"):
            work = self._held(queue, item, token)
            self._do("fail", queue=queue, item=item, reason=reason, op=op)
        return work.state == "dead"

    def check(self, queue: str, item: str, token: int) -> None:
        """Raise what `complete` would raise, and change nothing. Raises: ClaimLost."""
        if not self._finished(queue, item, token):
            self._held(queue, item, token)

    def expire(self, now: float) -> list[Lapse]:
        """End the claims whose lease is over at ``now``, a clock that must not jump ahead over a restart."""
        due = takewhile(lambda entry: entry[0] <= now, self._leases.live())
        over = [[queue, item] for _, _, queue, item in due]
        if not over:
            return []
        self._do("expire", over=over)
        lapsed = [(queue, item, self._queues[queue].work[item]) for queue, item in over]
        return [Lapse(queue, item, work.worker, work.token, work.state == "dead") for queue, item, work in lapsed]

    def extend(self, by: float) -> None:
        """Let all leases last longer: for so long nobody could have worked."""
        if by > 0 and self.next_expiry() is not None:
            self._do("extend", by=by)

    def next_expiry(self) -> float | None:
        """When the first lease ends, or None when nothing is held."""
        return next((entry[0] for entry in self._leases.live()), None)

    def dead(self, queue: str) -> dict[str, str]:
        """The dead items with the reason of their last failure."""
        work = self._queues[queue].work if queue in self._queues else {}
        return {item: dead.reason for item, dead in work.items() if dead.state == "dead"}

    def requeue(self, queue: str, item: str) -> None:
        """Give a dead item all its attempts again. Raises: UsageError when it is not dead."""
        work = self._find(queue, item)
        if work is None or work.state != "dead":
            raise UsageError(f"item {item!r} of queue {queue!r} is not dead, so it cannot be requeued")
        self._do("requeue", queue=queue, item=item)

    def forget(self, queue: str, items: Iterable[str]) -> None:
        """Drop finished items that nobody will offer or complete again; they are about 200 bytes each."""
        done = self._queues[queue].done if queue in self._queues else {}
        known = [item for item in items if item in done]
        if known:
            self._do("forget", queue=queue, items=known)

    def over(self, turns: Iterable[str]) -> None:
        """Drop the operations of turns that are committed and so will not be repeated."""
        known = self._done.known(turns)
        if known:
            self._do("over", turns=known)

    def depth(self, queue: str) -> Depth:
        """How many items are ready, taken, dead and done."""
        q = self._queues.get(queue)
        return Depth(**q.counts, done=len(q.done)) if q else Depth(0, 0, 0, 0)

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data; ``apply("claims.restore", it)`` brings it back."""
        return {"queues": {name: q.snapshot() for name, q in self._queues.items()}, "done": self._done.snapshot()}

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as one journal entry says. Raises: JournalError for an entry of another kind."""
        if kind not in _KINDS:
            raise JournalError(f"entry kind {kind!r} is not one of claims; was it written by a newer version?")
        match kind:
            case "claims.expire":
                for queue, item in data["over"]:
                    self._queues[queue].give_back(item, "lapsed", "the lease ended")
            case "claims.extend":
                for _, token, queue, item in list(self._leases.live()):
                    work = self._queues[queue].work[item]
                    work.until += data["by"]
                    self._leases.push((work.until, token, queue, item))
            case "claims.over":
                self._done.forget(data["turns"])
            case "claims.restore":
                self._done = Done(data["done"])
                self._queues = {name: WorkQueue.restore(q) for name, q in data["queues"].items()}
                every = [(name, item, work) for name, q in self._queues.items() for item, work in q.work.items()]
                entries = [(work.until, work.token, name, item) for name, item, work in every]
                self._leases = LazyHeap(self._is_leased, entries)
            case _:
                self._apply_to(self._queues.setdefault(data["queue"], WorkQueue()), kind, **data)

    def _apply_to(self, q: WorkQueue, kind: str, queue: str, item: str = "", op: str = "", **data: Any) -> None:
        match kind:
            case "claims.offer":
                q.add(item, **data)
                self._done.add(op, result=True)
            case "claims.take":
                epoch = data.pop("epoch")
                q.grant(item, **data)
                self._done.add(op, [_claim(queue, item, q.work[item]), epoch])
                self._leases.push((data["until"], data["token"], queue, item))
            case "claims.renew":
                q.work[item].until = data["until"]
                self._leases.push((data["until"], q.work[item].token, queue, item))
            case "claims.complete":
                q.finish(item)
            case "claims.fail":
                q.give_back(item, "failed", data["reason"])
                self._done.add(op, q.work[item].state == "dead")
            case "claims.requeue":
                q.revive(item)
            case "claims.forget":
                for name in data["items"]:
                    q.done.pop(name, None)

    def _do(self, verb: str, **data: Any) -> None:
        self._record(f"claims.{verb}", data)
        self.apply(f"claims.{verb}", data)

    def _find(self, queue: str, item: str) -> Work | None:
        q = self._queues.get(queue)
        return q.work.get(item) if q else None

    def _held(self, queue: str, item: str, token: int) -> Work:
        work = self._find(queue, item)
        if work is None or work.state != "taken" or work.token != token:
            raise ClaimLost(queue, item, token)
        return work

    def _finished(self, queue: str, item: str, token: int) -> bool:
        q = self._queues.get(queue)
        return q is not None and q.done.get(item) == token

    def _is_leased(self, entry: tuple[float, int, str, str]) -> bool:
        until, token, queue, item = entry
        work = self._find(queue, item)
        return work is not None and (work.state, work.token, work.until) == ("taken", token, until)


def _claim(queue: str, item: str, work: Work) -> Claim:
    return Claim(queue, item, work.payload, work.token, work.attempts, work.until)
