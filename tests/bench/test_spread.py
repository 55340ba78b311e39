"""What is said of the rows about two hosts is true of what they do."""

from __future__ import annotations

import math

from bench.crowd import pay_nothing
from bench.spread import CREW, move
from stigmergy.actors.volatile.allowance import Allowance


def test_one_message_in_ten_goes_to_the_other_crew():
    tokens, visits, crossed = 20_000, 5, 0
    for n in range(tokens):
        place, own = n * 1_664_525 % 2**32, n % 2
        for _ in range(visits - 1):
            place, to, number = move(place, own)
            assert 0 <= number < CREW
            crossed += to != own
            own = to
    assert 0.095 < crossed / (tokens * (visits + 1)) < 0.105


def test_who_pays_nothing_asks_the_ledger_for_nothing(monkeypatch):
    monkeypatch.setattr(Allowance, "__init__", Allowance.__init__)  # is put back at the end
    assert Allowance("swarm").left == 0
    pay_nothing()
    allowance = Allowance("swarm")
    allowance.left -= 1_000
    assert allowance.left == math.inf
    assert not allowance.op
