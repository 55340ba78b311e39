"""A board and one host in this process, without a shepherd: a test says when either of them dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stigmergy.actors.clock import Clock
from stigmergy.actors.ledger.paths import ROOT
from stigmergy.actors.transport.link import Handle
from stigmergy.actors.transport.processes import LocalProcess
from stigmergy.protocols.budget import Budget
from stigmergy.protocols.message import Message, decode, encode
from stigmergy.runtime.agent import Agent
from stigmergy.runtime.client import Client
from stigmergy.runtime.models import ModelRequest
from stigmergy.runtime.outside import Outside
from stigmergy.runtime.roster import Roster
from stigmergy.runtime.thinking import ModelSpec


class Town(Outside):
    """Opens the journal that it is given, so the same path again is a run that goes on."""

    def __init__(
        self,
        *kinds: type[Agent],
        journal: Path | None = None,
        budget: Budget | None = None,
        driver: str = "main",
        models: dict[str, ModelSpec] | None = None,
        **idle: Any,
    ) -> None:
        """``driver`` tells the ids of this opening from those of another one of the same journal.

        ``idle`` are `IdleLimits`.
        """
        self._idle = idle
        self._models = {role: spec.to_plain() for role, spec in (models or {}).items()}
        self.roster = Roster()
        for kind in kinds:
            self.roster.add(kind, {}, None, {})
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._journal = "" if journal is None else str(journal)
        self._budget = budget or Budget()
        self._stirred = asyncio.Event()
        self._host = LocalProcess("none")
        self._board = LocalProcess("board")
        self._client = Client(f"client/{driver}", "town", self._hear, Clock())

    async def __aenter__(self) -> Self:
        try:
            return await self._open()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise

    async def _open(self) -> Self:
        config = {"journal": self._journal, "durability": "process", "run": "town"}
        await self._board.open("stigmergy.actors.board.service:open_board", config)
        await self._board.attach_driver(self._client.name, self._client)
        self._client.attach("board", self._board)
        await self._client.call("ledger", ["open", ROOT, self._budget.to_plain()])
        for spec in self.roster.kinds.values():
            await self._client.call("kind", spec.to_plain())
        await self.settle_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._host.close()
        await self._board.close()
        await self._client.close()

    async def settle_in(self) -> None:
        """A new life of the host begins."""
        epochs = await self._client.call("epochs")
        epoch = epochs.get("host", 0) + 1
        self._life = f"host.{epoch}"
        self._host = LocalProcess(self._life)
        config = {
            "name": self._life,
            "performer": "stigmergy.runtime.performer:open_performer",
            "kinds": [spec.to_plain() for spec in self.roster.kinds.values()],
            "paths": self.roster.paths,
            "seed": 0,
            "birth": "town",
            "idle": self._idle,
            "models": self._models,
        }
        await self._host.open("stigmergy.actors.host.host:open_host", config)
        await self._board.attach(self._life, self._host)
        await self._host.attach("board", self._board)
        await self._client.call("join", ["host", [], epoch])

    async def crash(self) -> None:
        """The host dies without a word, and another takes its place."""
        self._host.kill()
        await self._client.call("lost", [self._life, "killed by a test"])
        await self.settle_in()

    def hold_answers_to(self, request: str) -> asyncio.Event:
        """What the board hands back to calls of the host that bring such a request is late: until the event is set."""
        link, released = self._host.service._boards.of(0), asyncio.Event()  # type: ignore[attr-defined]
        link._handle = _Late(link._handle, request.encode(), released)
        return released

    async def living(self) -> int:
        """How many agents the host keeps."""
        return int((await self._host.health())["agents"])

    async def ask(self, to: str, message: Message, reply: type[Any], marks: tuple[str, ...] = ()) -> Any:
        answer = await self._client.ask(to, message.message_type, encode(message), 10.0, marks)
        return decode(reply, answer.body)

    async def tell(self, to: str, message: Message) -> None:
        """Returns when the message is durable."""
        await self._client.send("tell", to, message.message_type, encode(message), ())

    def begin(self, to: str, message: Message, reply: type[Any], marks: tuple[str, ...] = ()) -> asyncio.Task[Any]:
        """Ask without waiting."""
        return asyncio.get_running_loop().create_task(self.ask(to, message, reply, marks))

    async def heard(self, event: str) -> dict[str, Any]:
        """Wait for an event."""
        async with asyncio.timeout(10):
            while event not in (happened := dict(self.events)):
                self._stirred.clear()
                await self._stirred.wait()
        return happened[event]

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        self.events.append((event, data))
        self._stirred.set()

    async def _ready(self) -> Client:
        return self._client


class _Late:
    def __init__(self, handle: Handle, request: bytes, released: asyncio.Event) -> None:
        self._handle = handle
        self._request = request
        self._released = released

    async def receive(self, data: bytes) -> bytes:
        back = await self._handle.receive(data)
        if self._request in data:
            await self._released.wait()
        return back


def own_model(brain: Callable[[ModelRequest], str]) -> ModelSpec:
    """A model of a test's own, which answers as a function of its module does and costs 1 USD a million tokens."""
    return ModelSpec(
        "own",
        factory="stigmergy.runtime.thinking:scripted",
        settings={"brain": f"{brain.__module__}:{brain.__name__}"},
        usd_per_mtok=("1", "1"),
        count="bytes",
    )
