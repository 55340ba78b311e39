"""What a mesh answers its peers."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from unittest.mock import MagicMock

from stigmergy.actors.mesh.bodies import Bodies
from stigmergy.actors.mesh.mesh import Mesh
from stigmergy.actors.transport.frames import ASK
from stigmergy.actors.transport.link import Link
from stigmergy.protocols.errors import UsageError


class Heard:
    """A link to a peer, which notes what it is answered."""

    peer = "other.1"
    lost = False

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def answer(self, ticket: int, value: Any) -> None:
        self.answers.append((ticket, value))

    def fail(self, ticket: int, error: BaseException) -> None:
        self.answers.append((ticket, type(error)))


async def test_a_peer_that_has_others_give_back_gets_an_answer_also_when_the_ledger_refuses():
    host, link = MagicMock(), Heard()
    tasks: list[asyncio.Task[Any]] = []
    host.spawn = lambda work: tasks.append(asyncio.ensure_future(work))
    mesh = Mesh(host, "host.1", MagicMock(spec=Bodies))
    mesh.connect(cast("Link", link))

    async def gives(error: Exception | None) -> None:
        if error is not None:
            raise error

    for number, error in enumerate((None, UsageError("reservation is not known")), 1):
        host.purse.give_back = lambda error=error: gives(error)
        host.waiting = 7
        mesh.frames(cast("Link", link), [(ASK, number, "settle", None)])
        await asyncio.wait(tasks)
    assert link.answers == [(1, 7), (2, UsageError)]
