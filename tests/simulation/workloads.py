"""What the clients want of the swarm, and the history of it: invoked, and then ok, failed, or nobody knows.

The rule of this file: the operations of a lane go out one after another, each when the one before has an end;
so whoever receives two of one lane receives them in their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, NamedTuple

from .agents import Do

Mode = Literal["tell", "ask", "post", "offer"]
Status = Literal["todo", "invoked", "ok", "failed", "unknown"]

NEWS = "news"
TOKENS = 9_000
"""The ceiling of the kind that asks a model: enough for about seven worst cases at once, or a dozen real calls."""


@dataclass
class Op:
    """One operation of a client."""

    number: int
    mode: Mode
    to: str
    do: Do
    status: Status = "todo"
    result: int = 0
    error: str = ""
    contradictions: list[str] = field(default_factory=list)
    """What a driver that ran again was told otherwise than the one before."""


@dataclass
class Work:
    """All that one seed wants: the kinds that it needs, and lanes of operations."""

    kinds: set[str] = field(default_factory=set)
    lanes: list[list[Op]] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    idle_s: float = 600.0
    """After how many seconds of silence an agent is passivated, and..."""
    live: int = 10_000
    """...how many a host keeps alive at most."""
    kills: int = 0
    """How many times a message will end its host."""
    relayed: int = 0
    """How many messages relays may send; 0 for any number."""

    def lane(self, orders: list[tuple[Mode, str, dict[str, Any]]]) -> None:
        """One more lane."""
        ops = []
        for mode, to, fields in orders:
            number = len(self.ops) + 1
            op = Op(number, mode, to, Do(op=number, **fields))
            self.ops.append(op)
            ops.append(op)
        self.lanes.append(ops)


class Part(NamedTuple):
    """One workload."""

    kinds: tuple[str, ...]
    plan: Callable[[Random, Work], None]


def plan_work(random: Random) -> Work:
    """Two workloads, sometimes three, and now and then a message that kills whoever reads it."""
    work = Work()
    for name in random.sample(sorted(PARTS), 2 if random.random() < 0.8 else 3):
        work.kinds |= set(PARTS[name].kinds)
        PARTS[name].plan(random, work)
    if random.random() < 0.5:
        work.idle_s, work.live = random.choice((0.5, 2.0)), random.choice((1, 3))
    if random.random() < 0.25:
        victim = random.choice([op for op in work.ops if op.mode in {"tell", "ask"}] or work.ops)
        work.kills = random.choice((1, 2, 3, 9))
        victim.do = victim.do.model_copy(update={"kills": work.kills})
        work.kills = min(3, work.kills)
    return work


def _trouble(random: Random) -> int:
    """How often a handler raises: mostly never, sometimes once or twice, rarely too often."""
    return random.choice((0,) * 12 + (1, 1, 2, 9))


def _money(random: Random, work: Work) -> None:
    accounts = [f"account/{n}" for n in range(4)]
    for payer in random.sample(accounts, 3):
        others = [one for one in accounts if one != payer]
        work.lane(
            [
                (
                    random.choice(("tell", "ask")),
                    payer,
                    {"to": random.choice(others), "amount": random.randrange(1, 50), "raises": _trouble(random)},
                )
                for _ in range(random.randrange(3, 8))
            ]
        )


def _fan_in(random: Random, work: Work) -> None:
    for n in range(random.randrange(2, 5)):
        count = random.randrange(2, 6)
        work.lane([("tell", f"relay/{n}", {"to": "counter/all", "raises": _trouble(random)}) for _ in range(count)])
    if random.random() < 0.4:
        work.relayed = random.randrange(1, 9)


def _errands(random: Random, work: Work) -> None:
    for n in range(random.randrange(1, 4)):
        count = random.randrange(2, 7)
        work.lane([("tell", "asker", {"to": f"bringer/{n}", "raises": _trouble(random)}) for _ in range(count)])


def _chain(random: Random, work: Work) -> None:
    for lane in range(random.randrange(1, 4)):
        work.lane(
            [
                ("ask", f"chain/{lane}.0", {"amount": random.randrange(3), "raises": random.choice((0, 0, 1))})
                for _ in range(random.randrange(1, 4))
            ]
        )


def _topic(random: Random, work: Work) -> None:
    for reader in range(2):
        work.lane([("ask", f"reader/{reader}", {"to": NEWS})])
    work.lane([("post", NEWS, {}) for _ in range(random.randrange(1, 5))])
    for n in range(2):
        count = random.randrange(1, 4)
        work.lane([("tell", f"writer/{n}", {"raises": _trouble(random)}) for _ in range(count)])


def _jobs(random: Random, work: Work) -> None:
    work.lane([("offer", f"item-{n}", {}) for n in range(random.randrange(2, 6))])
    for n in range(random.randrange(2, 4)):
        count = random.randrange(2, 4)
        work.lane([(random.choice(("tell", "ask")), f"worker/{n}", {"raises": _trouble(random)}) for _ in range(count)])


def _thought(random: Random, work: Work) -> None:
    for n in range(random.randrange(2, 5)):
        to = random.choice((f"thinker/{n}", "thinker"))
        work.lane([("ask", to, {"raises": _trouble(random)}) for _ in range(random.randrange(1, 5))])


def _notes(random: Random, work: Work) -> None:
    for n in range(random.randrange(1, 4)):
        count = random.randrange(1, 4)
        work.lane([("ask", f"reviewer/{n}", {"to": f"scribe/{n}", "raises": _trouble(random)}) for _ in range(count)])
    work.lane([("ask", f"scribe/{n}", {"raises": _trouble(random)}) for n in range(random.randrange(1, 4))])


PARTS: dict[str, Part] = {
    "money": Part(("account",), _money),
    "fan-in": Part(("relay", "counter"), _fan_in),
    "errands": Part(("asker", "bringer"), _errands),
    "chain": Part(("chain",), _chain),
    "topic": Part(("writer", "reader"), _topic),
    "jobs": Part(("worker",), _jobs),
    "thought": Part(("thinker",), _thought),
    "notes": Part(("scribe", "reviewer"), _notes),
}
