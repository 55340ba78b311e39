"""The board of a run that has ended, opened for a person's decision.

The rule of this file: what is decided goes through the same machines as in a running swarm and is in the
journal when the command ends; the next resume goes on from it. A run that is still going on is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.journal.places import store_of
from stigmergy.protocols.errors import JournalError, JournalLocked, UsageError, unpack

from ..run_folder import RunFolder

ME: Final = "client/command-line"

Ask = Callable[[str, Any], Any]
"""A request to the board, by name and payload. Raises what the board raises."""


@contextmanager
def board_of(run: RunFolder) -> Iterator[Ask]:
    """The board of an ended run. Raises: UsageError when it is still going on, or its journal is damaged."""
    try:
        journal = store_of(run.place).open(run.address())
    except JournalLocked:
        raise UsageError(
            f"run {run.id} is still going on: use swarm.decide or swarm.put_back there, or wait until it has ended"
        ) from None
    except JournalError as why:
        raise UsageError(str(why)) from None
    try:
        begun = next(iter(journal.read()), None)
        board = Board(journal, BoardConfig("" if begun is None else begun.data.get("run", ""), {}), time.time())

        def ask(request: str, payload: Any) -> Any:
            board.handle(ME, 1, request, payload, time.time())
            frames, _ = board.commit(time.time())
            answer = next(frame for frame in frames if frame.peer == ME and frame.ticket == 1)
            if answer.failed:
                raise unpack(*answer.payload)
            return answer.payload

        yield ask
    finally:
        journal.close()
