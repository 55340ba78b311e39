"""The treasury: accounts of conversations that nobody ends go when they were not used for long."""

from __future__ import annotations

import pytest

from stigmergy.actors.board import treasury as module
from stigmergy.actors.board.treasury import Treasury
from stigmergy.actors.ledger.ledger import Ledger
from stigmergy.protocols.budget import Budget, Spend
from tests.actors.board.entries import Entries

CALL = Spend(model_calls=1)


def pay(treasury: Treasury, *talks: int) -> None:
    """A model call in each of these conversations, which were begun by tells."""
    for talk in talks:
        op, account = (
            f"op-{treasury.ledger.position('swarm').settled.model_calls}",
            f"swarm/kind:a/agent:1/conversation:t{talk}",
        )
        treasury.request("h.1", 1, ["reserve", op, account, CALL.to_plain(), 60.0], 0.0)
        treasury.request("h.1", 1, ["settle", op, CALL.to_plain()], 0.0)


def talks(treasury: Treasury) -> list[str]:
    return [account.rpartition(":")[2] for account in treasury.ledger.accounts() if "conversation" in account]


@pytest.fixture
def treasury(monkeypatch: pytest.MonkeyPatch) -> Treasury:
    monkeypatch.setattr(module, "TALKS", 3)
    return Treasury(Ledger(Entries()))


def test_the_account_of_the_conversation_that_was_unused_longest_goes_and_what_it_paid_stays_above(treasury: Treasury):
    pay(treasury, 0, 1, 0, 2, 0, 3, 0, 4, 0)  # the first goes on, so it is not the longest unused
    assert talks(treasury) == ["t0", "t3", "t4"]
    assert treasury.ledger.position("swarm/kind:a").settled.model_calls == 9


def test_an_account_with_a_ceiling_of_its_own_stays(treasury: Treasury):
    treasury.ledger.open("swarm/kind:a/agent:1/conversation:t0", Budget(model_calls=9), 0.0)
    pay(treasury, *range(5))
    assert talks(treasury) == ["t0", "t2", "t3", "t4"]
