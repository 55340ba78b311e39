"""Claims under random commands, against a plain list, and against the replay of their own entries."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stigmergy.actors.board.claims import Claims
from stigmergy.actors.board.workitems import Claim, Depth, Lapse
from stigmergy.protocols.errors import ClaimLost
from tests.actors.board.entries import Entries
from tests.depth import depth


@dataclass
class Entry:
    """One item in the model: a plain list is searched, nothing is clever."""

    name: str
    priority: int
    order: int
    most: int
    state: str = "ready"
    attempts: int = 0
    token: int = 0
    epoch: int = 0
    until: float = 0.0
    op: str = ""


class ClaimsAgainstAModel(RuleBasedStateMachine):
    """Random workers, crashes and late ones; at every step the replayed entries give the same state."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = Entries()
        self.claims = Claims(self.entries)
        self.items: list[Entry] = []
        self.old: list[tuple[str, int]] = []
        self.now = 0.0
        self.count = 0

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _ready(self) -> list[Entry]:
        return sorted((i for i in self.items if i.state == "ready"), key=lambda i: (-i.priority, i.order))

    def _taken(self) -> list[Entry]:
        return [i for i in self.items if i.state == "taken"]

    def _end(self, item: Entry, *, back: bool) -> None:
        self.old.append((item.name, item.token))
        item.state = "dead" if item.attempts >= item.most else "ready"
        if back:
            item.order = self._next()

    @rule(priority=st.integers(0, 2), most=st.integers(1, 3))
    def offer(self, priority: int, most: int) -> None:
        item = Entry(f"i{self._next()}", priority, self._next(), most)
        assert self.claims.offer("q", item.name, b"x", priority=priority, max_attempts=most)
        assert not self.claims.offer("q", item.name, b"y")
        self.items.append(item)

    @rule(pick=st.none() | st.integers(0, 5), lease_s=st.sampled_from([5.0, 10.0, 20.0]))
    def take(self, pick: int | None, lease_s: float) -> None:
        ready, op = self._ready(), f"op{self._next()}"
        wanted = ready[pick % len(ready)] if ready and pick is not None else None
        claim = self.claims.take("q", "w/1", 1, op, self.now, lease_s=lease_s, item=wanted.name if wanted else "")
        chosen = wanted or (ready[0] if ready else None)
        if chosen is None:
            assert claim is None
            return
        assert claim is not None
        assert claim.token > max((i.token for i in self.items), default=0)
        chosen.state, chosen.token, chosen.epoch, chosen.op = "taken", claim.token, 1, op
        chosen.attempts += 1
        chosen.until = self.now + lease_s
        assert claim == Claim("q", chosen.name, b"x", chosen.token, chosen.attempts, chosen.until)

    @precondition(lambda self: self._taken())
    @rule(data=st.data())
    def take_over(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self._taken()))
        claim = self.claims.take("q", "w/1", item.epoch + 1, item.op, self.now)
        assert claim is not None
        assert (claim.item, claim.attempt) == (item.name, item.attempts)
        assert claim.token > item.token
        self.old.append((item.name, item.token))
        item.token, item.epoch, item.until = claim.token, item.epoch + 1, claim.until

    @precondition(lambda self: self._taken())
    @rule(data=st.data(), lease_s=st.sampled_from([1.0, 40.0]))
    def renew(self, data: st.DataObject, lease_s: float) -> None:
        item = data.draw(st.sampled_from(self._taken()))
        item.until = max(item.until, self.now + lease_s)
        assert self.claims.renew("q", item.name, item.token, self.now, lease_s=lease_s) == item.until

    @precondition(lambda self: self._taken())
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self._taken()))
        assert self.claims.complete("q", item.name, item.token)
        assert not self.claims.complete("q", item.name, item.token)
        item.state = "done"

    @precondition(lambda self: self._taken())
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self._taken()))
        self._end(item, back=True)
        for _ in range(2):
            assert self.claims.fail("q", item.name, item.token, "why not") == (item.state == "dead")

    @rule(seconds=st.sampled_from([0.0, 3.0, 12.0]))
    def expire(self, seconds: float) -> None:
        self.now += seconds
        over = [i for i in self._taken() if i.until <= self.now]
        for item in over:
            self._end(item, back=False)
        lapses = {Lapse("q", i.name, "w/1", i.token, i.state == "dead") for i in over}
        assert set(self.claims.expire(self.now)) == lapses

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def come_back_late(self, data: st.DataObject) -> None:
        name, token = data.draw(st.sampled_from(self.old))
        with pytest.raises(ClaimLost):
            self.claims.complete("q", name, token)
        with pytest.raises(ClaimLost):
            self.claims.renew("q", name, token, self.now)

    @precondition(lambda self: any(i.state == "dead" for i in self.items))
    @rule()
    def requeue(self) -> None:
        item = next(i for i in self.items if i.state == "dead")
        self.claims.requeue("q", item.name)
        item.state, item.attempts, item.order = "ready", 0, self._next()

    @invariant()
    def it_is_the_model_and_the_fold_of_its_entries(self) -> None:
        line = [(i.name, i.attempts) for i in self._ready()]
        assert [(i.item, i.attempts) for i in self.claims.peek("q")] == line
        states = [i.state for i in self.items]
        assert self.claims.depth("q") == Depth(*(states.count(s) for s in ("ready", "taken", "dead", "done")))
        assert self.claims.next_expiry() == min((i.until for i in self._taken()), default=None)
        state = self.claims.snapshot()
        restored = Claims(Entries())
        restored.apply("claims.restore", state)
        for other in (self.entries.replay(Claims(Entries())), restored):
            assert other.snapshot() == state
            assert [(i.item, i.attempts) for i in other.peek("q")] == line
            assert other.next_expiry() == self.claims.next_expiry()


TestClaimsAgainstAModel = ClaimsAgainstAModel.TestCase
TestClaimsAgainstAModel.settings = settings(stateful_step_count=depth(20, 30))
