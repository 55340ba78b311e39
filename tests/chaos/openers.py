"""Mutations: what a board and a host would do if a promise were not kept, so that the checker can show that it sees it.

An environment variable chooses, and only this file reads it; services in production are opened elsewhere.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from stigmergy.actors.board import service as board_service
from stigmergy.actors.board.board import Board
from stigmergy.actors.board.mail import Mail
from stigmergy.actors.board.turns import Turns
from stigmergy.actors.host.host import HostService
from stigmergy.actors.host.host import open_host as open_real_host
from stigmergy.actors.journal import Journal
from stigmergy.actors.journal.places import store_of
from stigmergy.actors.transport.link import Endpoint
from stigmergy.actors.transport.services import Service
from tests.spoiling import take_parcels_again

MUTATION: Final = "STIGMERGY_CHAOS_MUTATION"


def open_board(config: dict[str, Any]) -> Service:
    """A board that breaks the promise which the environment names."""
    MUTATIONS[os.environ[MUTATION]]()
    return board_service.open_board(config)


def open_host(config: dict[str, Any]) -> HostService:
    """A host in such a swarm."""
    return open_real_host(config)


def no_dedup() -> None:
    """A repeat is news."""
    _put(Mail, "is_known", lambda _self, _message: False)


def no_parcel_dedup() -> None:
    """What another shard tells again is done again."""
    take_parcels_again(_put)


def early_effects() -> None:
    """What depends on a commit is said 50 ms before it."""
    _put(board_service, "store_of", lambda place: LateStore(store_of(place)))


class LateStore:
    """Opens late journals."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def open(self, *where: Any) -> LateJournal:
        """See `Store.open`."""
        return LateJournal(self._store.open(*where))


class LateJournal:
    """Says that it is done, and is so a little later."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: deque[tuple[Any, float, int]] = deque()

    def append(self, batch: Any, at: float, epoch: int) -> int:
        """See `Journal.append`."""
        self._waiting.append((batch, at, epoch))
        asyncio.get_running_loop().call_later(0.05, self._write)
        return self._journal.last_seq

    def close(self) -> None:
        """See `Journal.close`."""
        while self._waiting:
            self._write()
        self._journal.close()

    def _write(self) -> None:
        if self._waiting:
            self._journal.append(*self._waiting.popleft())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


def unjournaled_reservations() -> None:
    """What is reserved is known in memory only."""
    record = Board._record

    def forgetful(self: Board, kind: str, data: dict[str, Any]) -> None:
        if kind != "ledger.reserve":
            record(self, kind, data)

    _put(Board, "_record", forgetful)


def no_fencing() -> None:
    """A host that was given up may still commit."""
    commit, disconnect = Turns.commit, Endpoint.disconnect

    def trusting(self: Turns, turn: Any, peer: str, ticket: int) -> Any:
        letter = self._m.mail.letters.get(turn.message)
        if letter is not None and letter.host:
            turn = turn._replace(host=letter.host)
        return commit(self, turn, peer, ticket)

    def keep(self: Endpoint, peer: str, reason: str = "closed") -> None:
        if peer.startswith("client/"):
            disconnect(self, peer, reason)

    _put(Turns, "commit", trusting)
    _put(Board, "_check_lives", lambda _self, _peer: None)
    _put(Endpoint, "disconnect", keep)


def _put(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


MUTATIONS: Final[dict[str, Callable[[], None]]] = {
    "no-dedup": no_dedup,
    "no-parcel-dedup": no_parcel_dedup,
    "early-effects": early_effects,
    "unjournaled-reservations": unjournaled_reservations,
    "no-fencing": no_fencing,
}
