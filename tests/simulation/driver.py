"""The driver: the real client, keeper and shepherd, and the lanes of operations that go through them.

A driver that was killed, or has given up, has a successor that runs from the beginning. What was done before must
not be done again, and has the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from stigmergy.actors.ledger.paths import ROOT
from stigmergy.actors.transport.link import PeerGone
from stigmergy.protocols.budget import Budget
from stigmergy.protocols.codec import unpack
from stigmergy.protocols.errors import DeadlineExceeded, MailboxFull, StigmergyError, SwarmStopped
from stigmergy.protocols.message import decode, encode
from stigmergy.runtime.blueprint import DURABLE, Blueprint
from stigmergy.runtime.client import Client
from stigmergy.runtime.housing import Housing
from stigmergy.runtime.roster import Roster
from stigmergy.runtime.thinking import ModelSpec

from .agents import Do, Got, spec_of
from .loop import ProcessLoop
from .processes import SimEngine
from .workloads import NEWS, TOKENS, Op, Work

RUN = "sim"
HOSTS = 2
ASK_S = 12.0
LOOK_S = 1.0
"""How often it looks whether anything still waits. Each look is work for all boards."""
THINKER = ModelSpec("sim", "tests.simulation.outside:provider", {}, ("1", "1"), "bytes")


class Drive:
    """One life of the swarm, from its driver's side."""

    def __init__(
        self,
        loop: ProcessLoop,
        engine: SimEngine,
        work: Work,
        say: Callable[..., None],
        *,
        again: bool,
        shards: int,
    ) -> None:
        """``again``: whether another driver was there before."""
        self._work = work
        self._say = say
        self._again = again
        self._spawn = loop.create_task
        self._stopped: asyncio.Future[tuple[str, str]] = loop.create_future()
        client = self._client = Client("client/main", RUN, self._heard, loop.clock, shards)
        loop.service = client
        roster = Roster()
        roster.kinds = {kind: spec_of(kind) for kind in sorted(work.kinds)}
        if "thinker" in work.kinds:
            roster.budgets = {"thinker": Budget(tokens=TOKENS)}
        if work.relayed:
            roster.budgets["relay"] = Budget(messages=work.relayed)
        board = {"journal": "on the simulated disk"}
        host = {
            "host": DURABLE,
            "run": RUN,
            "limits": {},
            "models": {"thinker": THINKER.to_plain()},
            "seed": 0,
            "birth": "simulated",
            "idle": {"after_s": work.idle_s, "live": work.live},
            "logs": "",
        }
        draw = loop.lab.random.random
        self._housing = Housing(Blueprint(engine, board, host, HOSTS, roster, self._heard, loop.clock, draw), client)
        self.news: list[str] = []
        """Ids of the posts, as this driver read them."""

    async def live(self) -> None:
        """Bring the swarm up, do what is left to do, and wait until nothing waits. Raises: StigmergyError."""
        client = self._client
        await self._housing.open()
        if self._again:
            await client.come_back()
        await client.call("ledger", ["open", ROOT, Budget().to_plain()])
        await self._housing.start()
        pulse = self._spawn(self._pulse())
        lanes = [self._spawn(self._run(lane)) for lane in self._work.lanes]
        for one in asyncio.as_completed([*lanes, pulse]):
            await one
            if all(lane.done() for lane in lanes):
                break
        while (await client.call("counts"))["waiting"]:
            await asyncio.wait([pulse], timeout=LOOK_S)
            if pulse.done():
                await pulse
        if "reader" in self._work.kinds:
            posts = await client.call("look", ["topics.read", {"topic": NEWS, "after": 0, "limit": 100}])
            self.news = [post[1] for post in posts]

    async def _pulse(self) -> None:
        """Hear that the swarm has stopped."""
        raise SwarmStopped(*reversed(await self._stopped))

    async def _run(self, lane: list[Op]) -> None:
        for op in lane:
            await self._try(op)
            while op.status == "invoked":
                await self._try(op)

    async def _try(self, op: Op) -> None:
        before, op.status = op.status, "invoked"
        self._say("op %s %s %s %s", op.number, op.mode, op.to, op.do)
        try:
            result = await self._perform(op)
        except (SwarmStopped, PeerGone):
            raise
        except DeadlineExceeded as error:
            op.status, op.error = "unknown", str(error)
        except MailboxFull:
            await asyncio.sleep(0.1)
        except StigmergyError as error:
            op.status, op.error = "failed", f"{type(error).__name__}: {error}"
        else:
            if before == "ok" and result != op.result:
                op.contradictions.append(f"{op.result}, and then {result}")
            op.status, op.result, op.error = "ok", result, ""
        if before == "ok" and op.status != "ok":
            op.contradictions.append(f"ok, and then {op.status} {op.error}")
        self._say("op %s is %s %s", op.number, op.status, op.error)

    async def _perform(self, op: Op) -> int:
        client, message_type, body = self._client, Do.message_type, encode(op.do)
        if op.mode == "ask":
            reply = await client.ask(op.to, message_type, body, ASK_S, ("user",))
            total = decode(Got, reply.body).total
            if op.to.startswith("reviewer/") and total != 1:
                op.contradictions.append("that something was written, and it was not there")
            if (
                op.to.startswith("scribe/")
                and await client.call("look", ["facts.get", {"key": f"note/{op.number}"}]) is None
            ):
                op.contradictions.append("what it wrote, and it was not there")
            return total
        if op.mode == "offer":
            await client.act("claims.offer", {"queue": "jobs", "item": op.to, "payload": b""})
            return 0
        await client.send(op.mode, op.to, message_type, body, ("user",))
        return 0

    def _heard(self, event: str, data: dict[str, Any]) -> None:
        self._say("event %s %s", event, data)
        if event == "stopped" and not self._stopped.done():
            self._stopped.set_result((data["reason"], data["text"]))
        if event == "host_lost":
            self._housing.lost(data["host"], data["reason"])


def op_of(body: bytes) -> int:
    """The number of the operation that a message belongs to."""
    number: int = unpack(body)["op"]
    return number
