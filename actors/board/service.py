"""The board's process: links in, one journal, links out.

Frames that arrive together are handled together and cost one commit. Nothing is sent before the
commit that it depends on; if the commit fails, the board stops rather than say what is not true.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from contextlib import ExitStack, suppress
from typing import Any, Final

from stigmergy.protocols.errors import JournalError, JournalLost, WireError

from ..clock import Clock
from ..journal.places import check_there, store_of
from ..journal.port import Journal
from ..transport.channel import Frame
from ..transport.frames import ASK
from ..transport.link import Endpoint, Handle, Link, PeerGone
from .board import Board, BoardConfig
from .machines import CLIENT
from .neighbours import is_board
from .outbox import Event, Out
from .owners import Place

TICK_S: Final = 0.25
"""How often time is looked at. Leases and deadlines are met within this."""

SLICE: Final = 128
"""Frames that are handled before a commit; those behind them wait for the next one, while hosts go on with this one."""


def open_board(config: dict[str, Any]) -> BoardService:
    """Build the service from plain configuration: ``journal`` (see `places`), ``durability``, ``run``, ``apart``.

    With ``began`` there was a journal before, and there has to be one now. Of several boards also ``shard``,
    ``shards``, and ``name``, under which this life of it is known (`neighbours.peer_of`).

    Raises: JournalError, UsageError.
    """
    where = config.get("journal") or ""
    clock = Clock()
    place = Place(config.get("shard", 0), config.get("shards", 1))
    told = BoardConfig(config["run"], config.get("limits", {}), place, config.get("clock") == "lockstep")
    with ExitStack() as undone:
        if config.get("began"):
            check_there(where)
        journal = store_of(where).open(where, config.get("durability", "fsync"))
        undone.callback(journal.close)
        board = Board(journal, told, clock.wall())
        undone.pop_all()
    return BoardService(board, journal, clock, config.get("name", "board"), apart=config.get("apart", False))


class BoardService:
    """Runs a board on an event loop."""

    def __init__(
        self, board: Board, journal: Journal, clock: Clock, name: str = "board", *, apart: bool = False
    ) -> None:
        """``apart``: it has a process of its own, so hosts run while it does. Else everything is one commit."""
        self._board = board
        self._slice = SLICE if apart else sys.maxsize
        self._journal = journal
        self._steady = clock.steady
        self._began = max(clock.wall(), board.now) - clock.steady()
        """The board's time is the wall's as of its start, and goes on steadily: no jump ends leases and deadlines."""
        self._endpoint = Endpoint(name, self._on_frames)
        self._work: deque[tuple[str, Frame]] = deque()
        self._pumping = False
        self._waiting: list[asyncio.Future[None]] = []
        """Calls of peers that return with the next commit, and with what is ready then."""
        self._ticker: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._beats = 0

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`. Returns after the next commit; what is behind that in the batch is answered later."""
        link = None if self._failure is not None else self._endpoint.arrive(data)
        if link is None:
            return b""
        if self._pumping:
            committed = asyncio.get_running_loop().create_future()
            self._waiting.append(committed)
            await committed
        return link.take() if self._failure is None else b""

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`. A board that is known is not met a second time: a link begins once."""
        if is_board(peer) and peer in self._endpoint.links:
            return
        self._endpoint.connect(peer, handle, self._on_lost)
        if is_board(peer):
            before = self._board.neighbours.met(peer)
            if before != peer:
                self._endpoint.disconnect(before, "it has a successor")
            self._pump_soon()
        if self._ticker is None:
            self._ticker = asyncio.get_running_loop().create_task(self._tick())

    def health(self) -> dict[str, Any]:
        """See `Service.health`. ``apart``: the shards to which there is no link."""
        failure = self._failure
        return {
            "beats": self._beats,
            "failed": "" if failure is None else str(failure),
            "lost": isinstance(failure, JournalLost),
            "apart": self._board.machines.exchange.apart,
        }

    async def close(self) -> None:
        """See `Service.close`."""
        if self._ticker is not None:
            self._ticker.cancel()
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer)
        self._journal.close()

    def let_go(self) -> None:
        """See `Holding.let_go`. What no commit has made durable never happened, as with any death of a board."""
        self._failure = self._failure or PeerGone("it was killed")
        if self._ticker is not None:
            self._ticker.cancel()
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer, "it was killed")
        with suppress(Exception):  # its disk may be gone
            self._journal.close()

    def _now(self) -> float:
        return self._began + self._steady()

    def _on_frames(self, link: Link, frames: list[Frame]) -> None:
        self._work.extend([(link.peer, frame) for frame in frames])
        self._pump_soon()

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        frames, events = self._carry_out()
        if self._work:
            self._pump_soon()
        waiting, self._waiting = self._waiting, []
        # Woken before anything is queued, so that answers ride back in the calls that brought the questions.
        for committed in waiting:
            if not committed.done():
                committed.set_result(None)
        self._send(frames, events)

    def _carry_out(self) -> tuple[list[Out], list[Event]]:
        """Handle and commit what there is, or a slice of it.

        After a failure neither: a later commit would tell of what the failed one has dropped.
        """
        work = self._work
        if self._failure is not None:
            work.clear()
            return [], []
        now = self._now()
        try:
            for _ in range(min(self._slice, len(work))):
                peer, (verb, ticket, name, payload) = work.popleft()
                self._board.handle(peer, ticket if verb == ASK else 0, name, payload, now)
            return self._board.commit(self._now())
        except Exception as failure:  # noqa: BLE001 - a board that cannot commit must not go on
            self._fail(failure)
            return self._carry_out()

    def _send(self, frames: list[Out], events: list[Event]) -> None:
        links = self._endpoint.links
        for out in frames:
            link = links.get(out.peer)
            if link is None:
                continue
            try:
                _put(link, out)
            except WireError as error:  # those behind it are not its fault
                link.fail(out.ticket, error)
                events.append(("not_sent", {"peer": out.peer, "what": out.name or "answer", "reason": str(error)}))
        self._tell_all(events)

    def _tell_all(self, events: list[Event]) -> None:
        """Tell drivers what has happened, and close the links that this ends."""
        links = self._endpoint.links
        for name, data in events:
            if name in {"host_lost", "host_gone"}:
                self._endpoint.disconnect(data["host"], data["reason"])
            if name == "host_gone":
                continue  # whoever noticed has told everybody
            for peer, link in list(links.items()):
                if peer.startswith(CLIENT + "/"):
                    if name != "stopped" or self._board.machines.place.is_lead:
                        with suppress(WireError):  # too large for a link, and in the journal
                            link.tell("event", [name, data])
                elif name == "stopped" and not is_board(peer):
                    link.tell("stopped", [data["reason"], data["text"]])

    def _on_lost(self, peer: str, reason: str) -> None:
        self._endpoint.disconnect(peer, reason)
        if is_board(peer):
            self._board.neighbours.parted(peer)
        elif not peer.startswith(CLIENT + "/"):
            self._board.tenants.lost(peer, reason)
            self._pump_soon()

    def _fail(self, failure: Exception) -> None:
        if self._failure is not None:
            return  # what follows the first one is its consequence
        self._failure = failure
        with suppress(Exception):  # its disk may be full
            self._journal.close()  # so that a successor can open it, also in this very process
        if isinstance(failure, JournalLost):
            return  # whoever asks for its health opens another board, once the journal's server is back
        text = str(failure) if isinstance(failure, JournalError) else f"{type(failure).__name__}: {failure}"
        for peer, link in list(self._endpoint.links.items()):
            if peer.startswith(CLIENT + "/"):
                link.tell("event", ["stopped", {"reason": "failure", "text": f"the board stopped: {text}"}])

    async def _tick(self) -> None:
        while self._failure is None:
            await asyncio.sleep(TICK_S)
            self._beats += 1
            try:
                self._board.tick(self._now())
            except Exception as failure:  # noqa: BLE001 - what it has written is not what the machines know
                self._fail(failure)
            self._pump_soon()
            for link in list(self._endpoint.links.values()):
                link.resend_if_silent(self._steady())


def _put(link: Link, out: Out) -> None:
    """Queue a frame on its link. Raises: Malformed, Oversized."""
    if out.name:
        link.tell(out.name, out.payload)
    elif out.failed:
        link.refuse(out.ticket, out.payload)
    else:
        link.answer(out.ticket, out.payload)
