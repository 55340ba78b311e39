"""Replicas: copies of areas on hosts never give what is older than a reader allows, and never anything wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.space import Space
from stigmergy.actors.board.watchers import Watchers
from stigmergy.actors.clock import Clock
from stigmergy.actors.host.replica import IDLE_S, Replica
from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Write

HOST = "host-1.1"


class ShardWithALink:
    """A board's space and watchers, and the link of one host to them."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked: list[str] = []
        self.batch: list[tuple[str, dict[str, Any]]] = []
        self.space = Space(lambda kind, data: self.batch.append((kind, data)))
        self.watchers = Watchers(self.space)
        self.replica = Replica(self, Clock(lambda: self.now, lambda: self.now))  # type: ignore[arg-type]
        self.space.act("trails.define", {"trail": "t", "rule": {"evaporation": 0.5}}, "a/1", "", self.now)
        self.commit()

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        self.asked.append(name)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            if name == "watch":
                self.replica.change([self.watchers.watch(HOST, (payload[0], payload[1]), len(self.batch))])
            found = self.space.look(payload[0], payload[1], self.now) if name == "look" else self.now
        except UsageError as error:
            answer.set_exception(error)
        else:
            answer.set_result(found)
        return answer

    def tell(self, name: str, payload: Any = None) -> None:
        self.asked.append(name)
        self.watchers.unwatch(HOST, [(part, name) for part, name in payload])

    def commit(self, *, cut: bool = False) -> None:
        """End the batch; with ``cut`` the changes are still on their way."""
        batch, self.batch = self.batch, []
        changes = self.watchers.committed(batch).get(HOST, [])
        if not cut:
            self.replica.change(changes)

    def deposit(self, amount: float) -> None:
        self.space.act("trails.deposit", {"trail": "t", "amounts": {"k": amount}}, "a/1", "turn:1", self.now)

    async def read(self, max_age_s: float) -> float:
        found = await self.replica.look("trails.read", {"trail": "t", "keys": ["k"]}, max_age_s)
        return float(found["k"])


async def test_a_second_reading_within_the_age_asks_nobody():
    shard = ShardWithALink()
    assert await shard.read(1.0) == 0.0
    assert await shard.read(1.0) == 0.0
    assert shard.asked == ["watch"]


async def test_a_reading_that_may_not_be_old_goes_to_the_board():
    shard = ShardWithALink()
    await shard.read(1.0)
    shard.deposit(8.0)
    assert await shard.read(0.0) == 8.0
    assert shard.asked == ["watch", "look"]


async def test_changes_reach_the_copy_and_evaporate_there():
    shard = ShardWithALink()
    await shard.read(10.0)
    shard.deposit(8.0)
    shard.commit()
    assert await shard.read(10.0) == 8.0
    shard.now += 2
    assert await shard.read(10.0) == 2.0
    assert shard.asked == ["watch"]


async def test_what_was_decided_in_the_open_batch_before_the_copy_counts_once():
    shard = ShardWithALink()
    shard.deposit(8.0)
    assert await shard.read(10.0) == 8.0
    shard.deposit(1.0)
    shard.commit()
    shard.deposit(1.0)
    shard.commit()
    assert await shard.read(10.0) == shard.space.look("trails.read", {"trail": "t", "keys": ["k"]}, shard.now)["k"]


async def test_after_the_age_one_request_serves_all_readers():
    shard = ShardWithALink()
    await shard.read(1.0)
    shard.now += 2
    await asyncio.gather(*(shard.read(1.0) for _ in range(50)))
    assert shard.asked == ["watch", "now"]


async def test_fifty_first_readers_share_one_copy():
    shard = ShardWithALink()
    assert set(await asyncio.gather(*(shard.read(1.0) for _ in range(50)))) == {0.0}
    assert shard.asked == ["watch"]


async def test_a_copy_that_nobody_reads_is_let_go_and_made_anew():
    shard = ShardWithALink()
    await shard.read(1.0)
    shard.now += IDLE_S + 1
    shard.replica.let_go()
    shard.deposit(8.0)
    shard.commit()
    assert not shard.watchers
    assert await shard.read(1.0) == 8.0
    assert shard.asked == ["watch", "unwatch", "watch"]


async def test_an_undefined_trail_is_an_error_of_its_reader_alone():
    shard = ShardWithALink()
    with pytest.raises(UsageError, match="not defined"):
        await shard.replica.look("trails.read", {"trail": "nowhere", "keys": ["k"]}, 1.0)
    assert await shard.read(1.0) == 0.0


async def test_a_fact_a_topic_and_what_is_no_area():
    shard = ShardWithALink()
    look, space = shard.replica.look, shard.space
    assert await look("facts.get", {"key": "best"}, 5.0) is None
    space.write([Write("facts", "facts.put", {"key": k, "value": 3}) for k in ("other", "best")], "a/1", shard.now)
    space.topics.post("news", "p1", b"one", "a/1", shard.now)
    assert await look("topics.last", {"topic": "news"}, 5.0) == 1
    space.topics.post("news", "p2", b"two", "a/1", shard.now)
    shard.commit()
    assert await look("facts.get", {"key": "best"}, 5.0) == [3, 1, "a/1"]
    assert [post[4] for post in await look("topics.read", {"topic": "news", "after": 0}, 5.0)] == [b"one", b"two"]
    series = Series("news", "a/1", "talk", "m1", "", 1, (), [[1, "News@1", b"three"]])
    space.topics.post_all(series, shard.now)
    shard.commit()
    assert (await look("topics.read", {"topic": "news", "after": 2}, 5.0))[0][4] == pack(next(series.envelopes()))
    assert await look("facts.keys", {}, 5.0) == ["best", "other"]
    assert shard.asked == ["watch", "watch", "look"]


async def test_posts_from_before_the_copy_begins_come_from_the_board():
    shard = ShardWithALink()
    for number in range(1_200):
        shard.space.topics.post("news", f"p{number}", b"x", "a/1", shard.now)
    read = shard.replica.look
    assert (await read("topics.read", {"topic": "news", "after": 1_199}, 5.0))[0][0] == 1_200
    assert (await read("topics.read", {"topic": "news", "after": 0, "limit": 1}, 5.0))[0][0] == 1
    assert shard.asked == ["watch", "look"]


@given(st.lists(st.tuples(st.sampled_from(["deposit", "commit", "cut", "wait", "read"]), st.floats(0, 3)), max_size=40))
async def test_no_reading_is_older_than_its_reader_allows(steps):
    """A cut holds changes back; then the bound, not luck, decides what may be given."""
    shard = ShardWithALink()
    held: list[list[Any]] = []
    true_at: list[tuple[float, float]] = [(shard.now, 0.0)]
    total = 0.0
    shard.space.act("trails.define", {"trail": "t", "rule": {}}, "a/1", "", shard.now)
    shard.commit()

    def let_through() -> None:
        shard.replica.change(held)
        held.clear()

    ask = shard.ask

    def behind_all_changes(name: str, payload: Any = None) -> asyncio.Future[Any]:
        let_through()  # the link keeps order: no answer overtakes a change
        return ask(name, payload)

    shard.ask = behind_all_changes  # type: ignore[method-assign]
    for step, number in steps:
        if step == "deposit":
            shard.space.act("trails.deposit", {"trail": "t", "amounts": {"k": 1.0}}, "a/1", "", shard.now)
            total += 1
        elif step == "wait":
            shard.now += number
        elif step == "read":
            seen = await shard.read(number)
            allowed = [value for since, value in true_at if since < shard.now - number][-1:]
            assert seen >= (allowed[0] if allowed else 0.0)
            assert seen <= total
        else:
            batch, shard.batch = shard.batch, []
            held += shard.watchers.committed(batch).get(HOST, [])
            true_at.append((shard.now, total))
            if step == "commit":
                let_through()
