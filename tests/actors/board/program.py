"""A board in a process of its own, to be killed: it says what it has promised, as soon as it has.

python program.py JOURNAL
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.journal import Room, SqliteJournal
from stigmergy.protocols.budget import Budget, Spend

DRIVER: Final = "client/main"
CEILING: Final = 1_000_000
EACH: Final = 7


def reopened(path: Path) -> Board:
    journal = SqliteJournal.open(path, durability="process", room=Room(min_bytes=0, min_ratio=0.0))
    return Board(journal, BoardConfig("run", {}), time.time())


def do(board: Board, name: str, payload: Any, peer: str = DRIVER) -> Any:
    """One request in a commit of its own. Its answer; an error is raised."""
    board.handle(peer, 1, name, payload, time.time())
    frames, _ = board.commit(time.time())
    (answer,) = [out for out in frames if out.ticket == 1]
    if answer.failed:
        raise RuntimeError(answer.payload)
    return answer.payload


def counted(board: Board) -> int:
    """The tokens that are spent or held."""
    at = board.machines.treasury.ledger.position("swarm")
    return at.settled.tokens + at.reserved.tokens


def main(path: str) -> None:
    board = reopened(Path(path))
    do(board, "ledger", ["open", "swarm", Budget(tokens=CEILING).to_plain()])
    number = counted(board) // EACH
    epochs = do(board, "epochs", None)
    while True:
        number += 1
        epochs["h"] = do(board, "join", ["h", [], epochs.get("h", 0) + 1])
        print("joined", epochs["h"], flush=True)
        do(board, "ledger", ["reserve", f"op-{number}", "swarm", Spend(tokens=EACH).to_plain(), 3600.0])
        print("reserved", f"op-{number}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
