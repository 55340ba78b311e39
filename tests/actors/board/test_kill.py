"""Whatever kills a board, and whenever: no epoch is given twice, no reservation forgotten, no post taken twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import BudgetExhausted
from tests.actors.board import program
from tests.actors.board.program import CEILING, DRIVER, EACH, counted, do, reopened
from tests.actors.kinds import a_kind
from tests.depth import depth
from tests.forking import Forker

ROUNDS = depth(3, 8)


def killed_after(forker: Forker, path: Path, promises: int) -> list[list[str]]:
    """Run a board, kill -9 it after so many promises. All that it has promised."""
    with forker.start(path.parent, [program.__file__, path]) as board:
        heard = [board.stdout.readline() for _ in range(promises)]
        board.kill()
        heard += board.stdout.read().splitlines(keepends=True)
    return [line.split() for line in heard if line.endswith("\n")]  # the last may have been cut off


def test_kill_9_at_any_moment_gives_no_epoch_twice_and_forgets_no_reservation(tmp_path: Path, forker: Forker):
    rng, path = random.Random(3), tmp_path / "journal.db"
    joined: list[int] = []
    reserved: set[str] = set()
    for _ in range(ROUNDS):
        said = killed_after(forker, path, rng.randint(1, 60))
        joined += [int(what) for word, what in said if word == "joined"]
        reserved |= {what for word, what in said if word == "reserved"}
    assert joined == sorted(set(joined)), "an epoch was given twice"
    board = reopened(path)
    assert len(reserved) <= counted(board) // EACH <= len(reserved) + ROUNDS  # each kill may hide one that is durable
    assert do(board, "epochs", None)["h"] in {joined[-1], joined[-1] + 1}  # the last may be durable and not yet told
    with pytest.raises(RuntimeError, match="cannot have epoch"):
        do(board, "join", ["h", [], joined[-1]])
    board._journal.close()


def test_a_reservation_that_outlives_its_board_still_counts_against_the_ceiling(tmp_path: Path):
    path = tmp_path / "journal.db"
    board = reopened(path)
    do(board, "ledger", ["open", "swarm", Budget(tokens=CEILING).to_plain()])
    do(board, "ledger", ["reserve", "op", "swarm", Spend(tokens=CEILING - 1).to_plain(), 3600.0])
    board._journal.close()
    board = reopened(path)
    with pytest.raises(BudgetExhausted):
        board.machines.treasury.ledger.reserve("op-2", "swarm", Spend(tokens=2), board.machines.now, 60.0)
    board._journal.close()


def test_the_same_publish_a_hundred_times_also_across_a_restart_is_one_post(tmp_path: Path):
    path, kind = tmp_path / "journal.db", a_kind("a")
    post = Envelope("m1", "post", kind.accepts[0], DRIVER, "news", b"!", "talk")
    for life in range(2):
        board = reopened(path)
        if life == 0:
            do(board, "kind", kind.to_plain())
        for ticket in range(1, 101):
            board.handle(DRIVER, ticket, "send", [list(post), None, []], board.machines.now)
        frames, _ = board.commit(board.machines.now)
        assert [(out.ticket, out.failed, out.payload) for out in frames if out.ticket] == [
            (ticket, False, None) for ticket in range(1, 101)
        ]
        assert len(board.machines.space.topics.read("news", 0, 1_000)) == 1
        board._journal.close()
