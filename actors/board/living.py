"""Who is alive, and how deep: counted by the ledger while an account has a ceiling in agents or depth, and only then.

An agent is alive from the acceptance of a message for it, or from when its pool chose it, until it is passivated. One
that no host has and no message waits for is alive no more either: its host was lost, or never heard of it. An agent
that somebody outside brings into being has depth 1, one that an agent brings into being is one deeper than that agent.
So deep it is for ever, whoever wakes it later: what a ceiling refuses does not depend on how long agents were idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain, islice
from typing import Final

from ..ledger.ledger import Ledger
from ..ledger.paths import kind_account
from .holders import Holders
from .mail import Mail
from .pools import Crews, names

FULL: Final = "budget"
"""Why a letter died for which there was no agent, and no room for one."""


class Living:
    """The agents of one shard that are alive."""

    def __init__(self, ledger: Ledger, mail: Mail, holders: Holders) -> None:
        self._ledger = ledger
        self._mail = mail
        self._holders = holders
        self.counted: Mapping[str, object] = ledger.counted
        """The accounts with such a ceiling; without any nobody needs to ask anything of this."""

    @cached_property
    def _crews(self) -> Crews:
        """Kept from its first use on: what a replay brings comes before, and all else through here."""
        return Crews(self._ledger.alive)

    def below(self, sender: str) -> int:
        """See `Ledger.below`."""
        return self._ledger.below(sender)

    def depth_of(self, agent: str, depth: int) -> int:
        """See `Ledger.depth_of`."""
        return self._ledger.depth_of(agent, depth)

    def check(self, agent: str, depth: int) -> None:
        """Refuse an agent that is not alive and finds no room, or would be too deep. Raises: BudgetExhausted."""
        if agent not in self._ledger.alive:
            self._ledger.check_enter(kind_account(agent), self.depth_of(agent, depth))

    def enter(self, agent: str, depth: int) -> None:
        """An agent is alive from now on, if it was not. Raises: BudgetExhausted."""
        self.check(agent, depth)
        if agent not in self._ledger.alive:
            self._enter(agent, depth)

    def members(self, kind: str, cap: int) -> Iterable[str]:
        """The agents of a pool that may have a letter: those that are alive, then as many more as there is room for.

        Where nobody is alive and there is no room either it is all, so that what waits is refused by `enter`.
        """
        if not self.counted:
            return names(kind, cap)
        alive, room = self._crews.of(kind, cap), self._ledger.places(kind_account(kind))
        more = cap if room >= cap or (room <= 0 and not alive) else max(0, int(room))
        return chain(alive, islice((name for name in names(kind, cap) if name not in self._ledger.alive), more))

    def shares(self, kind: str, cap: int) -> bool:
        """Whether a pool has agents that are alive."""
        return bool(self._crews.of(kind, cap))

    def release(self, agents: Iterable[str]) -> bool:
        """Count those of these agents no more that nobody has, and no message waits for. True when there are any."""
        alive = self._ledger.alive
        gone = [agent for agent in agents if agent in alive and not self._is_needed(agent)]
        self._leave(gone)
        return bool(gone)

    def release_all(self) -> None:
        """As `release`, for everybody."""
        self.release(list(self._ledger.alive))

    def recount(self) -> None:
        """There are other ceilings than before: whoever was not counted is there already, at depth 1."""
        alive = self._ledger.alive
        if not self.counted:
            self._leave(list(alive))
            return
        for agent in dict.fromkeys((*self._mail.busy(), *self._holders)):
            if agent not in alive:
                self._enter(agent, 1)

    def _enter(self, agent: str, depth: int) -> None:
        self._crews.enter(agent)
        self._ledger.enter(agent, kind_account(agent), self.depth_of(agent, depth))

    def _leave(self, agents: list[str]) -> None:
        for agent in agents:
            self._crews.leave(agent)
        self._ledger.leave(agents)

    def _is_needed(self, agent: str) -> bool:
        return agent in self._holders or self._mail.is_busy(agent)
