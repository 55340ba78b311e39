"""Rounds on several hosts: the same seed is the same run, to the last bit, however many there are and whoever dies."""

from __future__ import annotations

from collections import Counter

import pytest

from stigmergy.actors.board.space import Space
from stigmergy.actors.ensemble import conductor, member
from stigmergy.actors.ensemble.conductor import Conductor
from stigmergy.actors.transport.processes import LocalProcess
from stigmergy.actors.volatile import course, delivery, round_line
from tests.depth import depth

from .village import life


@pytest.fixture
def deaths(at_once, monkeypatch):
    """Which hosts of the local engine die, and with which of the calls that they get."""
    doomed: dict[str, int] = {}

    class Mortal(LocalProcess):
        calls = 0

        async def receive(self, data):
            self.calls += 1
            if doomed.get(self.name) == self.calls:
                self.kill()
                del doomed[self.name]
            return await super().receive(data)

    monkeypatch.setattr("stigmergy.runtime.engines.LocalProcess", Mortal)
    return doomed


LIVED: dict[int, list[object]] = {}


async def on_one_host(seed):
    """A life there, which is lived once for all who compare theirs with it."""
    if seed not in LIVED:
        LIVED[seed] = await life(seed, 1)
    return LIVED[seed]


@pytest.mark.parametrize("seed", range(depth(1, 5)))
async def test_a_village_lives_the_same_life_on_one_host_on_two_and_on_three(seed):
    alone = await on_one_host(seed)
    assert await life(seed, 2) == alone
    assert await life(seed, 3) == alone


async def test_what_goes_to_the_board_in_many_frames_is_the_same_life(monkeypatch):
    alone = await on_one_host(1)
    for module in (member, conductor, course):
        monkeypatch.setattr(module, "SOME", 2)
    assert await life(1, 2) == alone


async def test_another_seed_is_another_life():
    assert await on_one_host(1) != await on_one_host(2)


async def test_letters_in_another_order_are_another_life(monkeypatch):
    alone = await on_one_host(1)
    monkeypatch.setattr(delivery, "BY_SENDER", lambda letter: (-letter.number, letter.sender))
    assert await life(1, 2) != alone


@pytest.mark.parametrize(("seed", "call"), [(0, 3), (2, 35), (4, 65), (1, 20), (3, 50)][: depth(2, 5)])
async def test_a_host_that_dies_is_replaced_and_the_life_is_the_same(seed, call, deaths):
    alone = await on_one_host(seed)
    deaths["host-2.1"] = call
    assert await life(seed, 2) == alone
    assert not deaths


async def test_hosts_that_die_while_everything_is_played_once_more_change_nothing_either(deaths):
    alone = await on_one_host(2)
    deaths.update({"host-1.1": 70, "host-2.2": 20, "host-1.3": 90})
    assert await life(2, 2) == alone
    assert not deaths


def forget_what_came_from_outside(monkeypatch):
    begin_again = Conductor._begin_again

    async def forgetful(conductor):
        for bar in conductor._score[:4]:
            bar.sent = bar.sent[1:]
        return await begin_again(conductor)

    monkeypatch.setattr(Conductor, "_begin_again", forgetful)


def keep_the_blackboard(monkeypatch):
    monkeypatch.setattr(Space, "begin_again", lambda _: None)


@pytest.mark.parametrize("spoil", [forget_what_came_from_outside, keep_the_blackboard])
async def test_who_begins_again_otherwise_lives_another_life(spoil, deaths, monkeypatch):
    alone = await on_one_host(2)
    spoil(monkeypatch)
    deaths["host-2.1"] = 70
    assert await life(2, 2) != alone
    assert not deaths


async def news_of(seed, hosts):
    """How often a driver hears of what, in a life."""
    heard: Counter[str] = Counter()
    await life(seed, hosts, on_event=lambda event, _: heard.update([event]))
    return heard


async def test_what_is_done_once_more_is_told_once(deaths, monkeypatch):
    alone = await news_of(2, 1)
    deaths["host-2.1"] = 120
    played = await news_of(2, 2)
    assert [played[what] for what in ("dead_letter", "told")] == [alone[what] for what in ("dead_letter", "told")]
    monkeypatch.setattr(round_line, "TOLD", ())
    deaths["host-2.1"] = 120
    played = await news_of(2, 2)
    assert all(played[what] > alone[what] > 0 for what in ("dead_letter", "told"))
