"""The estate: the boards of all shards in one process, with nothing between them that could fail.

The rule of this file: the same machines and the same parcels as in a running swarm, so what is decided here goes on
there. For a run that has ended, and for tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .board import Board
from .neighbours import is_board, peer_of, shard_of
from .outbox import Event, Out


class Estate:
    """Boards that hear each other."""

    def __init__(self, boards: Sequence[Board], now: float) -> None:
        """``boards`` are all shards, the lead first."""
        self.boards = list(boards)
        self._lives = [1] * len(self.boards)
        self.settle(now, *range(len(self.boards)))

    def replace(self, shard: int, board: Board, now: float) -> None:
        """A shard has another board: all others meet it."""
        self.boards[shard] = board
        self._lives[shard] += 1
        self.settle(now, shard)

    def handle(self, shard: int, peer: str, ticket: int, name: str, payload: Any, now: float) -> None:
        """See `Board.handle`; carried out by `settle`."""
        self.boards[shard].handle(peer, ticket, name, payload, now)

    def settle(self, now: float, *met: int) -> tuple[list[Out], list[Event]]:
        """Commit, and carry words from board to board until there are no more. Returns what others are to hear.

        ``met``: shards whose boards are new.
        """
        for one in met:
            for other in range(len(self.boards)):
                if one != other:
                    self.boards[max(one, other)].neighbours.met(self._peer(min(one, other)))
                    self.boards[min(one, other)].neighbours.met(self._peer(max(one, other)))
        told: list[Out] = []
        events: list[Event] = []
        words = True
        while words:
            words = False
            for shard, board in enumerate(self.boards):
                frames, happened = board.commit(now)
                events += happened
                for frame in frames:
                    if is_board(frame.peer):
                        words = True
                        self.boards[shard_of(frame.peer)].handle(self._peer(shard), 0, frame.name, frame.payload, now)
                    else:
                        told.append(frame)
        return told, events

    def _peer(self, shard: int) -> str:
        return peer_of(shard, self._lives[shard])
