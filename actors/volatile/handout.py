"""Pools by rounds: when a round ends, each member that is free gets one letter, and the others wait on."""

from __future__ import annotations

from collections import deque

from .letter import Letter
from .pools import Pools
from .slot import Part, Slot


class Handout(Pools):
    """The pools of one host."""

    def put(self, part: Part, letter: Letter) -> None:
        """See `Pools.put`."""
        part.pool.waiting.append(letter)

    def freed(self, slot: Slot) -> None:
        """See `Pools.freed`."""
        slot.reserved = False

    def hand_out(self, part: Part) -> None:
        """Give out what waits, as far as members are free; the others wait on."""
        pool, office = part.pool, self._host.office
        free = deque(member for member in pool.members if not member.busy and not member.reserved)
        while pool.waiting and (free or len(pool.members) < part.spec.pool):
            if not free:
                free.append(self.enroll(f"{part.spec.name}/pool.{len(pool.members) + 1}"))
                pool.members.append(free[0])
            member = free.popleft()
            member.reserved = True
            office.put(member, pool.waiting.popleft())
