"""Acting: who changes the blackboard does it here, at once or, in a swarm that goes by rounds, when a round ends.

There time is the number of the round. A host that dies takes its agents' past along, so then everything begins again:
here, too, but for what drivers did. That is done again as soon as the round is over after which it was done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from stigmergy.protocols.errors import StigmergyError, pack

from .clerk import Clerk
from .machines import Machines
from .outpost import Outpost
from .space import is_news


class Acting:
    """Changes of the blackboard."""

    def __init__(self, machines: Machines, clerk: Clerk, outpost: Outpost) -> None:
        self._m = machines
        self._clerk = clerk
        self._outpost = outpost
        self._driven: list[tuple[int, list[Any]]] = []
        """What drivers did, and after which round."""
        self._ahead: deque[tuple[int, list[Any]]] = deque()
        """What of that is to be done again."""
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "acts of a round": lambda _p, _t, a: self._acts(*a),
            "look in a round": lambda _p, _t, a: self._look(*a),
            "begin again": lambda _p, _t, _a: self._begin_again(),
            "caught up": lambda _p, _t, _a: self._catch_up(),
        }

    def act(self, operation: str, arguments: dict[str, Any], who: str, op: str, conversation: str) -> Any:
        """Change something at once. Raises: what the blackboard raises."""
        m = self._m
        result = m.space.act(operation, arguments, who, op, m.moment)
        if is_news(operation, result):
            m.warden.progress(conversation, m.now, op.partition(":")[0])
        return result

    def driven(self, act: list[Any]) -> Any:
        """Change something for a driver, who is told again by `Outsiders`. Raises: what the blackboard raises."""
        operation, arguments, who, op, conversation = act
        result = self.act(operation, arguments, who, "" if operation.startswith("claims.") else op, conversation)
        if self._m.round is not None:
            self._driven.append((self._m.round, act))
        return result

    def _acts(self, number: int, acts: list[list[Any]]) -> list[list[Any]]:
        """Carry out what agents did in a round, in order. Returns ``[True, result]`` or ``[False, error]`` for each."""
        self._enter(number)
        results: list[list[Any]] = []
        for act in acts:
            try:
                results.append([True, self.act(*act)])
            except StigmergyError as error:
                results.append([False, pack(error)])
        return results

    def _look(self, number: int, operation: str, arguments: dict[str, Any]) -> Any:
        self._enter(number)
        return self._m.space.look(operation, arguments, self._m.moment)

    def _enter(self, number: int) -> None:
        """It is that round now: leases that end with it end first."""
        m = self._m
        if m.round is not None and number > m.round:
            while self._ahead and self._ahead[0][0] < number:
                self._again()
            m.round = number
            for lapse in m.space.expire(m.moment):
                self._clerk.lapsed(lapse)

    def _begin_again(self) -> None:
        """All rounds are to be played once more."""
        self._outpost.begin_again()
        self._m.space.begin_again()
        self._m.round = 0
        self._ahead = deque(self._driven)

    def _catch_up(self) -> None:
        """It is as late as it was before: what drivers did since then is done again."""
        while self._ahead:
            self._again()

    def _again(self) -> None:
        _, act = self._ahead.popleft()
        with suppress(StigmergyError):
            self.act(*act)
