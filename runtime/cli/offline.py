"""The boards of a run that has ended, opened for a person's decision.

The rule of this file: what is decided goes through the same machines as in a running swarm and is in the
journal when the command ends; the next resume goes on from it. A run that is still going on is left alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.estate import Estate
from stigmergy.actors.board.owners import Place
from stigmergy.actors.journal.places import of_shard, store_of
from stigmergy.actors.journal.port import Journal
from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, UsageError, unpack

from ..line import Line
from ..run_folder import RunFolder
from ..switchboard import Switchboard
from .finding import sound

ME: Final = "client/command-line"

Ask = Callable[[str, Any], Any]
"""A request to the board, by name and payload. Raises what the board raises."""


@contextmanager
def board_of(run: RunFolder) -> Iterator[Ask]:
    """The board of an ended run. Raises: UsageError when it is still going on, or its journal is damaged."""
    with ExitStack() as opened:
        try:
            boards = [_open(run, Place(shard, run.shards), opened) for shard in range(run.shards)]
        except JournalLocked:
            raise UsageError(
                f"run {run.id} is still going on: use swarm.decide or swarm.put_back there, or wait until it has ended"
            ) from None
        except JournalCorrupt as why:
            with sound(run):
                raise UsageError(str(why)) from None
        except JournalError as why:
            raise UsageError(str(why)) from None
        estate = Estate(boards, time.time())
        switchboard = Switchboard([_Direct(estate, shard) for shard in range(run.shards)])

        def ask(request: str, payload: Any) -> Any:
            return asyncio.run(switchboard.call(request, payload))

        yield ask


def _open(run: RunFolder, place: Place, opened: ExitStack) -> Board:
    where = of_shard(run.address(), place.shard)
    journal: Journal = store_of(where).open(where)
    opened.callback(journal.close)
    begun = next(iter(journal.read()), None)
    return Board(journal, BoardConfig("" if begun is None else begun.data.get("run", ""), {}, place), time.time())


class _Direct(Line):
    """A line to a board in this process."""

    def __init__(self, estate: Estate, shard: int) -> None:
        super().__init__()
        self._estate = estate
        self._shard = shard

    async def call(self, request: str, payload: Any = None, *, timeout_s: float | None = None) -> Any:  # noqa: ARG002
        """See `Line.call`."""
        self._estate.handle(self._shard, ME, 1, request, payload, time.time())
        told, _ = self._estate.settle(time.time())
        answer = next(frame for frame in told if frame.peer == ME and frame.ticket == 1)
        if answer.failed:
            raise unpack(*answer.payload)
        return answer.payload
