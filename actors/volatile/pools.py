"""Pools: who shares what is addressed to a kind. The least busy member gets the next letter.

A pool is kept on one host, that of its kind's name; its members live wherever their own names put them, and say
there when they are free.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from stigmergy.protocols.errors import BudgetExhausted

from .letter import Letter
from .places import Far, Nowhere
from .slot import Part, Pool, Slot
from .turn import Ground


class Pools:
    """Those of one host."""

    def __init__(self, host: Ground) -> None:
        self._host = host

    def put(self, part: Part, letter: Letter) -> None:
        """Give a letter to a member of a pool that is free, or keep it until one is."""
        pool = part.pool
        member = next(filter(is_free, pool.members), None)
        while member is None and len(pool.members) < part.spec.pool:
            one = self.enroll(f"{part.spec.name}/pool.{len(pool.members) + 1}", letter.sender)
            if is_full(one):
                break
            pool.members.append(one)
            member = None if type(one) is Nowhere else one
        if member is None and not pool.members:
            self._host.bury(letter, part.spec.name, one.reason, one.error)
        elif member is None:
            pool.waiting.append(letter)
        else:
            member.reserved = True
            self._host.office.put(member, letter)

    def enroll(self, name: str, sender: str = "") -> Any:
        """A member of a pool, here or on another host, which is to say when it is free.

        There may be no way to its host: then it is not free before hosts change. And there may be no room for one more.
        """
        member: Any = self._host.office.find(name, sender)
        if type(member) is Slot:
            member.pooled = True
        elif type(member) is Far:
            member.road.say("enroll", name)
        return member

    def freed(self, slot: Slot) -> None:
        """A member of a pool is free: give it what waits, or say so where its pool is kept."""
        pool = self._host.office.find(slot.part.spec.name)
        if type(pool) is Far:
            pool.road.say("freed", slot.name)
        else:
            self._refill(slot.part.pool, slot)

    def free(self, name: str) -> None:
        """A member that lives on another host is free."""
        pool = self._host.parts[name.partition("/")[0]].pool
        for member in pool.members:
            if member.name == name:
                self._refill(pool, member)

    def regroup(self) -> None:
        """Hosts have changed: members may live elsewhere now, and pools may be kept elsewhere."""
        find = self._host.office.find
        for kind, part in self._host.parts.items():
            pool = part.pool
            if type(find(kind)) is Far:
                pool.members.clear()
                waiting, pool.waiting = pool.waiting, deque()
                for letter in waiting:
                    self._host.office.put(find(kind), letter)
            for number, member in enumerate(pool.members):
                if type(member) is not Slot:
                    moved = self.enroll(member.name)
                    if type(moved) is not Nowhere:
                        moved.reserved = _is_at(moved, member) and member.reserved
                    pool.members[number] = moved
            self.refill(pool)

    def refill(self, pool: Pool) -> None:
        """Give members that are free what waits, in order."""
        for member in pool.members:
            if pool.waiting and is_free(member):
                self._refill(pool, member)

    def replace(self, slot: Slot) -> None:
        """An agent has gone to another host."""
        members = slot.part.pool.members
        if slot in members:
            member = members[members.index(slot)] = self.enroll(slot.name)
            if type(member) is not Nowhere:
                member.reserved = slot.reserved

    def _refill(self, pool: Pool, member: Slot | Far | Nowhere) -> None:
        """Give a free member what waits."""
        if type(member) is Nowhere:
            return
        member.reserved = bool(pool.waiting)
        if pool.waiting:
            self._host.office.put(member, pool.waiting.popleft())


def is_full(member: Slot | Far | Nowhere) -> bool:
    """Whether this is no member, because there is no room for one more agent."""
    return type(member) is Nowhere and isinstance(member.error, BudgetExhausted)


def is_free(member: Slot | Far | Nowhere) -> bool:
    """Whether a member can have a letter now: one to whose host there is no way cannot."""
    return type(member) is not Nowhere and not member.reserved and not member.busy


def _is_at(moved: Slot | Far, member: Far | Nowhere) -> bool:
    """Whether a member is where it was: on the same host, and that is not this one."""
    return type(moved) is Far and type(member) is Far and moved.road is member.road
