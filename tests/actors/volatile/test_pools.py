"""Pools whose members go where there is no way yet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stigmergy.actors.volatile.places import Elsewhere, Far, Nowhere, Place
from stigmergy.actors.volatile.pools import Pools
from stigmergy.actors.volatile.slot import Pool, Slot
from stigmergy.protocols.errors import NoSuchAgent

NAME = "clerk/pool.1"


class Hosts:
    """A host that keeps the pool of clerks, who are one, and knows where it lives."""

    def __init__(self) -> None:
        self.road: Any = SimpleNamespace(say=lambda *_: None)
        self.home: Place = Nowhere(NAME, NoSuchAgent("there is no way"))
        self.given: list[tuple[Any, Any]] = []
        self.part: Any = SimpleNamespace(pool=Pool(), spec=SimpleNamespace(name="clerk", pool=1))
        office = SimpleNamespace(find=self._find, put=lambda place, letter: self.given.append((place, letter)))
        host: Any = SimpleNamespace(parts={"clerk": self.part}, office=office)
        self.pools = Pools(host)
        self.slot = Slot(NAME, cast("Any", self.part))
        self.part.pool.members.append(self.slot)

    def _find(self, name: str, _sender: str = "") -> Place:
        return self.home if name == NAME else Elsewhere(name, lambda letter: None)


@pytest.fixture
def hosts():
    return Hosts()


@pytest.mark.parametrize("reserved", [True, False])
def test_a_member_that_left_for_a_host_to_which_there_was_no_way_is_free_once_there_is_one(hosts, reserved):
    hosts.slot.reserved = reserved
    hosts.pools.replace(hosts.slot)
    hosts.pools.put(hosts.part, "a letter")
    assert not hosts.given
    hosts.home = Far(NAME, hosts.road)
    hosts.pools.regroup()
    assert hosts.given == [(hosts.home, "a letter")]


def test_a_member_that_leaves_with_a_letter_on_its_way_is_not_free_where_it_goes(hosts):
    hosts.slot.reserved, hosts.home = True, Far(NAME, hosts.road)
    hosts.pools.replace(hosts.slot)
    hosts.pools.put(hosts.part, "a letter")
    hosts.home = Far(NAME, hosts.road)
    hosts.pools.regroup()
    assert not hosts.given
    hosts.pools.free(NAME)
    assert hosts.given == [(hosts.home, "a letter")]


def test_a_member_to_which_the_way_has_ended_is_given_nothing(hosts):
    hosts.home = Far(NAME, hosts.road)
    hosts.pools.replace(hosts.slot)
    hosts.home = Nowhere(NAME, NoSuchAgent("there is no way any more"))
    hosts.pools.regroup()
    hosts.pools.put(hosts.part, "a letter")
    hosts.pools.free(NAME)
    assert not hosts.given
