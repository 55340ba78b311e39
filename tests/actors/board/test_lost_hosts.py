"""What a board does when a host is lost: it listens to it no more, and what the host had or wanted is settled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.service import BoardService
from stigmergy.actors.clock import Clock
from stigmergy.actors.journal.memory import MemoryJournal
from stigmergy.actors.transport.link import Endpoint, PeerGone
from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.envelope import Envelope
from stigmergy.runtime.client import Client
from tests.actors.board.program import DRIVER, do
from tests.actors.kinds import a_kind

NOW = 1_000.0


@pytest.fixture
def board() -> Board:
    board = Board(MemoryJournal(), BoardConfig("run", {}), NOW)
    do(board, "ledger", ["open", "swarm", Budget(tokens=10).to_plain()])
    do(board, "kind", a_kind("a").to_plain())
    do(board, "join", ["h", [], 1])
    return board


def reserve(board: Board, op: str, tokens: int) -> list[Any]:
    """Ask for a reservation; the answers that are there at once."""
    board.handle("h.1", 1, "ledger", ["reserve", op, "swarm", Spend(tokens=tokens).to_plain(), 60.0], NOW)
    return [out.payload for out in board.commit(NOW)[0]]


def test_a_reservation_that_waits_is_dropped_with_the_host_that_wanted_it(board: Board):
    assert len(reserve(board, "one", 8)) == 1
    assert reserve(board, "two", 5) == []
    board.tenants.lost("h.1", "by a test")
    board.handle(DRIVER, 2, "ledger", ["settle", "one", Spend(tokens=1).to_plain()], NOW)
    frames, _ = board.commit(NOW)
    assert [out.ticket for out in frames if out.ticket] == [2]
    assert board.machines.treasury.ledger.reservations() == ()


def test_a_reservation_that_waits_and_is_withdrawn_is_never_made(board: Board):
    assert len(reserve(board, "one", 8)) == 1
    assert reserve(board, "two", 5) == []
    do(board, "ledger", ["withdraw", "two"])
    do(board, "ledger", ["settle", "one", Spend(tokens=1).to_plain()])
    assert board.machines.treasury.ledger.reservations() == ()


def test_a_reservation_that_was_granted_and_is_withdrawn_is_given_back(board: Board):
    assert len(reserve(board, "one", 8)) == 1
    for op in ("one", "one", "never asked for"):
        do(board, "ledger", ["withdraw", op])
    assert len(reserve(board, "two", 10)) == 1


def test_letters_that_a_lost_host_had_not_begun_get_their_attempt_back(board: Board):
    kind = a_kind("b", attempts=1)  # what may be tried more often runs ahead: then any of them may have begun
    do(board, "kind", kind.to_plain())
    accepts = kind.accepts[0]
    for name in ("begun", "behind it"):
        envelope = Envelope(name, "tell", accepts, DRIVER, "b/1", b"", f"talk about {name}")
        do(board, "send", [list(envelope), None, []])
    letters = board.machines.mail.letters
    assert {name: letter.attempts for name, letter in letters.items()} == {"begun": 1, "behind it": 1}
    board.tenants.lost("h.1", "by a test")
    assert {name: letter.attempts for name, letter in letters.items()} == {"behind it": 0}
    told = dict(event for event in board.commit(NOW)[1])
    assert told["dead_letter"]["detail"].endswith("killed its host once at b/1; the last time: by a test")
    assert told["host_lost"] == {"host": "h.1", "reason": "by a test", "letters": 1}
    assert board.counts()["dead_letters"] == {"killed its host": 1}


async def test_a_host_whose_lease_has_ended_is_fenced_and_its_link_is_closed():
    journal, told = MemoryJournal(), []
    service = BoardService(Board(journal, BoardConfig("run", {}), NOW), journal, Clock(lambda: NOW, lambda: NOW))
    client = Client("client/main", "run", lambda name, data: told.append((name, data)), Clock())
    service.attach(client.name, client)
    client.attach("board", service)
    await client.call("join", ["h", [], 1])
    lost: list[str] = []
    endpoint = Endpoint("h.1", lambda *_: None)
    link = endpoint.connect("board", service, lambda _peer, reason: lost.append(reason))
    service.attach("h.1", _Far(endpoint))
    await link.call("renew", ["h.1"])
    for second in range(20):
        service._board.tick(NOW + second)
    service._pump_soon()
    await asyncio.sleep(0)
    with pytest.raises(PeerGone, match="does not know us any more"):
        await link.call("renew", ["h.1"])
    assert len(lost) == 1
    assert [data["host"] for name, data in told if name == "host_lost"] == ["h.1"]
    await service.close()


class _Far:
    """The way from the board to a host that is not there."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def receive(self, data: bytes) -> bytes:
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (["app.py:41 in spin did not return"], "its lease ended, because app.py:41 in spin did not return"),
        (["app.py:41 in spin did not return", ""], "its lease ended"),
        ([], "its lease ended"),
    ],
)
def test_a_letter_whose_host_stood_still_until_its_lease_ended_says_in_which_line(board: Board, heard, why):
    kind = a_kind("b", attempts=1)
    do(board, "kind", kind.to_plain())
    do(board, "send", [list(Envelope("m", "tell", kind.accepts[0], DRIVER, "b/1", b"", "talk")), None, []])
    for at in heard:
        do(board, "stalled", ["h.1", at])
        do(board, "stalled", ["h.0", "of an earlier life"])
    began = board.machines.now
    for second in range(20):
        board.tick(began + second)
    told = dict(event for event in board.commit(began + 20)[1])
    assert told["host_lost"]["reason"] == why
    assert told["dead_letter"]["detail"].endswith(f"the last time: {why}")
