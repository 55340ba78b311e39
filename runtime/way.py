"""Ways in: how what a driver sends reaches agents. Through the board when it is durable, else straight to a host."""

from __future__ import annotations

from typing import Any, Protocol

from stigmergy.actors.volatile.turn import fitted
from stigmergy.protocols.envelope import Mode
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.message import Message, addressed, decode_as, reads, type_of, unlike

from .client import Client
from .housing import Housing

OUTSIDE = ("user",)
"""What comes from outside is marked so."""


class Way(Protocol):
    """What a swarm needs of it."""

    async def ask(self, to: str, message: Message, reply: type[Message], timeout_s: float) -> Message:
        """Begin a conversation and wait for its answer. Raises: see `Swarm.ask`."""
        ...

    async def send(self, mode: Mode, to: str, message: Message) -> str:
        """Begin a conversation; returns its id. Raises: see `Swarm.tell`."""
        ...

    async def run(self, rounds: int | None) -> int:
        """Let virtual time go on. Raises: UsageError when time is real."""
        ...

    async def settle(self) -> dict[str, Any]:
        """Have the board know what hosts count by themselves. Returns figures that the board cannot know."""
        ...

    async def grow(self, hosts: int) -> list[str]:
        """Start so many hosts more; returns their names. Raises: UsageError."""
        ...

    async def move(self, agent: str, host: str) -> None:
        """Put an agent on a host. Raises: UsageError."""
        ...


class BoardWay:
    """Encoded, to the board, which keeps it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ask(self, to: str, message: Message, reply: type[Message], timeout_s: float) -> Message:
        """See `Way.ask`."""
        answer = await self._client.ask(to, *addressed(message), timeout_s, OUTSIDE)
        if not reads(reply, answer.type):
            raise unlike(str(to), answer.type, reply)
        return decode_as(reply, answer.type, answer.body)

    async def send(self, mode: Mode, to: str, message: Message) -> str:
        """See `Way.send`."""
        return await self._client.send(mode, to, *addressed(message), OUTSIDE)

    async def run(self, rounds: int | None) -> int:  # noqa: ARG002
        """See `Way.run`."""
        raise UsageError("a durable swarm lives in real time; for rounds write Swarm(durable=False, clock='lockstep')")

    async def settle(self) -> dict[str, Any]:
        """See `Way.settle`: the board has counted it all."""
        return {}

    async def grow(self, hosts: int) -> list[str]:  # noqa: ARG002
        """See `Way.grow`."""
        raise UsageError("the hosts of a durable swarm are as many as it began with: resume it with more")

    async def move(self, agent: str, host: str) -> None:  # noqa: ARG002
        """See `Way.move`."""
        raise UsageError("agents of a durable swarm live where their names put them; write Swarm(durable=False)")


class HostWay:
    """By reference, to the host in this process."""

    def __init__(self, housing: Housing, client: str) -> None:
        """Raises: UsageError when the hosts are elsewhere."""
        self._client = client
        self._housing = housing
        self._service = housing.volatile

    async def ask(self, to: str, message: Message, reply: type[Message], timeout_s: float) -> Message:
        """See `Way.ask`."""
        type_of(message)
        answer = await self._service.ask(self._client, to, message, timeout_s, OUTSIDE)
        if type(answer) is reply:
            return answer
        return fitted(answer, reply, to)

    async def send(self, mode: Mode, to: str, message: Message) -> str:
        """See `Way.send`."""
        type_of(message)
        return await self._service.send(mode, self._client, to, message, OUTSIDE)

    async def run(self, rounds: int | None) -> int:
        """See `Way.run`."""
        return await self._service.run(rounds)

    async def settle(self) -> dict[str, Any]:
        """See `Way.settle`."""
        figures: dict[str, Any] = {"waiting": await self._service.settle()}
        if self._service.course is not None:
            figures["digest"] = f"{await self._service.course.digest():032x}"
        return figures

    async def grow(self, hosts: int) -> list[str]:
        """See `Way.grow`."""
        self._demand_several()
        names = await self._housing.grow(hosts)
        await self._service.request("when settled")
        return names

    async def move(self, agent: str, host: str) -> None:
        """See `Way.move`."""
        self._demand_several()
        await self._service.request("move", [agent, host])

    def _demand_several(self) -> None:
        if self._service.host.mesh is None:
            raise UsageError("this swarm is one host: begin with Plant(hosts=2) or more, or with engine='ray'")
        if self._service.course is not None:
            raise UsageError("in lockstep hosts and agents stay where they are: leave out clock='lockstep'")
