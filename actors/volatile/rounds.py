"""Rounds: virtual time. What is sent in one round is delivered in the next.

In a round every agent gets what was sent to it in the round before, ordered by sender and by the
sender's own count, and agents have their turns in the order of their names; answers to asks come at the
beginning of the next round. So nothing depends on which turn happened to end first, and the digest,
which covers all that each agent was given, is the same for the same seed.

A second is a round: that is the unit of deadlines. A round waits for whatever its turns wait for
outside the swarm, such as a model. When there is another round is not decided here, see `Course`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

from stigmergy.protocols.message import Message

from .acts import Acts, Result
from .asked import Asked
from .delivery import Delivery, Scene
from .host import Host
from .letter import Letter
from .rubbish import Sweeper
from .sorting import Sorting

CALM: Final = 3
"""Turns of the event loop in which nothing happens, after which nothing more happens in a round."""

PATIENCE: Final = 1_000
"""Turns of the event loop after which a round that waits for the world outside looks only every millisecond."""

MANY: Final = 10_000
"""Letters of a round after which the event loop turns some times before anything else is done,"""

BREATH: Final = 8
"""namely so often: a sign of life has got through then."""


class Timer:
    """Something to be done at the beginning of a round, unless it is cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None] | None) -> None:
        self.call = call

    def cancel(self) -> None:
        """Do nothing then."""
        self.call = None


class Rounds:
    """The virtual time of one host."""

    def __init__(self, host: Host, office: Sorting, acts: Acts, scene: Scene) -> None:
        self.host = host
        self.office = office
        self.acts = acts
        self.answers: list[tuple[Letter, Any, tuple[str, ...]]] = []
        """What became of questions that were asked here, to be heard in the next round."""
        self._results: list[tuple[str, int, asyncio.Future[Any], Any]] = []
        """What became of acts; the same."""
        self._delivery = Delivery(host, office, acts, scene)
        self._timers: list[tuple[float, int, Timer]] = []
        self._sweeper = Sweeper()
        self._set = 0
        """Timers so far."""
        self.number = 0
        """Rounds so far."""
        host.inline = False
        host.later = []
        host.now = self.time
        host.timer = self._at
        host.exact_s = math.inf
        host.pause = _no_time

    def time(self) -> float:
        """Rounds so far, as seconds."""
        return float(self.number)

    @property
    def left(self) -> bool:
        """Whether anything is to happen in the next round."""
        return self.office.left or bool(self.answers or self._results or self.host.ready or self.host.later)

    @property
    def waits(self) -> bool:
        """Whether turns wait for answers."""
        return bool(self.host.turns)

    @property
    def next_timer(self) -> float:
        """The time of the next timer."""
        while self._timers and self._timers[0][2].call is None:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else math.inf

    # -- one round ---------------------------------------------------------------------------

    async def play(self, number: int) -> None:
        """Play a round, and sort what it has brought."""
        host = self.host
        answers, self.answers = self.answers, []
        results, self._results = self._results, []
        self.office.hand_out()
        self.number = number
        await self._delivery.deliver(number)
        while self.next_timer <= number:
            call = heappop(self._timers)[2].call
            if call is not None:
                call()
        _tell(answers, results)
        self._delivery.begin()
        await self._settle()
        host.sweep()
        later, host.later = host.later or [], []
        for letter, answer, taint in later:
            if type(letter.asked) is Asked:
                self.answers.append((letter, answer, taint))
            elif isinstance(letter.asked, Asked):  # from another host
                _answer(letter.asked, answer, taint)
        letters = self.office.sort()
        self._sweeper.sweep(letters)
        if letters > MANY:
            await _breathe()

    def done(self, results: list[Result]) -> None:
        """What agents here did to the blackboard has been done."""
        self._results += self.acts.done(results)

    async def _settle(self) -> None:
        """Wait until every turn has ended or waits for an answer."""
        host, calm, passes = self.host, 0, 0
        while calm < CALM:
            busy = host.ready or any(not turn.waits for turn in host.turns)
            calm = 0 if busy and host.stopped is None else calm + 1
            passes += 1
            await asyncio.sleep(0 if passes < PATIENCE else 0.001)

    def _at(self, seconds: float, call: Callable[..., None], *arguments: Any) -> Timer:
        timer = Timer(lambda: call(*arguments))
        self._set += 1
        heappush(self._timers, (self.number + seconds, self._set, timer))
        return timer


def _tell(answers: list[tuple[Letter, Any, Any]], results: list[tuple[str, int, asyncio.Future[Any], Any]]) -> None:
    """Let those who asked or acted hear what came of it, in order."""
    for letter, answer, taint in sorted(answers, key=_by_asker):
        if letter.asked is not None and not letter.asked.done():
            _answer(letter.asked, answer, taint)
    for _, _, future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _answer(asked: Asked, answer: Any, taint: tuple[str, ...]) -> None:
    if isinstance(answer, Message):
        asked.answer(answer, taint)
    else:
        asked.fail(answer)


def _by_asker(answer: tuple[Letter, Any, Any]) -> tuple[str, int]:
    return answer[0].sender, answer[0].number


async def _breathe() -> None:
    """Let signs of life through: to sort a million letters takes a second, in which the event loop does not turn."""
    for _ in range(BREATH):
        await asyncio.sleep(0)


async def _no_time(_seconds: float) -> None:
    """In virtual time the next attempt follows at once."""
