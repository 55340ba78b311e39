"""Pools by rounds: before a round begins, each member that is free gets one letter, and the others wait on."""

from __future__ import annotations

from collections import deque
from operator import itemgetter
from typing import Final

from .letter import Letter
from .pools import Pools, is_free, is_full
from .slot import Part, Pool, Slot
from .turn import Ground

BY_SENDER: Final = itemgetter(1, 2)
"""The order of letters: sender, and the sender's own count."""


class Handout(Pools):
    """The pools of one host."""

    def __init__(self, host: Ground) -> None:
        super().__init__(host)
        self._new: dict[str, list[Letter]] = {}
        """What has come for each pool in this round."""

    @property
    def waiting(self) -> bool:
        """Whether letters wait for members."""
        return bool(self._new) or any(part.pool.waiting for part in self._host.parts.values())

    def put(self, part: Part, letter: Letter) -> None:
        """See `Pools.put`."""
        self._new.setdefault(part.spec.name, []).append(letter)

    def freed(self, slot: Slot) -> None:
        """See `Pools.freed`."""
        slot.reserved = False

    def refill(self, pool: Pool) -> None:
        """See `Pools.refill`; when the next round begins."""

    def hand_out(self) -> None:
        """Give out what waits, as far as members are free."""
        new, self._new = self._new, {}
        for name, letters in new.items():
            letters.sort(key=BY_SENDER)
            self._host.parts[name].pool.waiting.extend(letters)
        for part in self._host.parts.values():
            if part.pool.waiting:
                self._hand_out(part)

    def _hand_out(self, part: Part) -> None:
        pool, office = part.pool, self._host.office
        free = deque(filter(is_free, pool.members))
        while pool.waiting and (free or len(pool.members) < part.spec.pool):
            if not free:
                one = self.enroll(f"{part.spec.name}/pool.{len(pool.members) + 1}", pool.waiting[0].sender)
                if is_full(one) and pool.members:
                    return
                if is_full(one):
                    self._host.bury(pool.waiting.popleft(), part.spec.name, one.reason, one.error)
                    continue
                free.append(one)
                pool.members.append(one)
            member = free.popleft()
            member.reserved = True
            office.put(member, pool.waiting.popleft())
