"""The conductor: the driver's own host, which says when rounds begin. Without it nothing is decided but what is clear.

It is asked when something is for it (answers to what was asked from outside, messages to drivers, acts on the
blackboard), when nothing is left to happen, and when as many rounds have been played as it had permitted.
"""

from __future__ import annotations

import asyncio
import math

from stigmergy.protocols.errors import HostLost

from ..transport.link import PeerGone
from ..volatile.acts import Act
from ..volatile.course import Course, carried_out, jump
from ..volatile.line import Line
from ..volatile.rounds import Rounds
from .ensemble import Ensemble
from .fellow import Fellow
from .member import Orders, Report


class Conductor(Course):
    """The course of a swarm with several hosts."""

    def __init__(self, rounds: Rounds, ensemble: Ensemble, line: Line) -> None:
        super().__init__(rounds)
        self._ensemble = ensemble
        self._line = line
        self._met = asyncio.Event()
        """Whether all members wait for orders."""
        self._reports: list[Report] = []
        self._lost = ""
        """Why there can be no further round."""
        self._meeting: asyncio.Task[None] | None = None
        ensemble.on_muster = self._gather

    async def advance(self, last: float) -> bool:
        """See `Course.advance`. Raises: HostLost."""
        rounds, ensemble = self.rounds, self._ensemble
        await self._all_met()
        rounds.office.sort()
        reports, number, timer = self._reports, rounds.number + 1, rounds.next_timer
        left = rounds.left or any(fellow.waiting for fellow in ensemble.others)
        left = left or any(report.left or any(act.awaited for act in report.acts) for report in reports)
        waits = any(report.waits for report in reports) or rounds.waits
        if rounds.host.stopped is not None or not (left or waits):
            return False
        if not left:
            number = max(number, jump(min(timer, *(report.timer for report in reports))))
        permit = last if timer == math.inf else min(last, math.ceil(timer) - 1)
        if rounds.left:
            permit = number  # somebody outside hears something then, and may want no more
        self._met.clear()
        for fellow in ensemble.others:
            await fellow.send("orders", list(Orders(number, max(number, permit))))
        await rounds.play(number)
        self._gather()
        await self._all_met()
        return True

    async def _all_met(self) -> None:
        await self._met.wait()
        if self._lost:
            raise HostLost(self._lost)

    async def digest(self) -> int:
        """See `Course.digest`."""
        return sum(int(text, 16) for text in await self._ensemble.ask_all("digest")) & (1 << 128) - 1

    # -- what members report -----------------------------------------------------------------

    def _gather(self) -> None:
        self._meeting = asyncio.get_running_loop().create_task(self._meet())

    async def _meet(self) -> None:
        """Wait until all members have reported, and do what is to be done between rounds."""
        rounds, others = self.rounds, self._ensemble.others
        try:
            reports = [await self._report(fellow) for fellow in others]
            rounds.number = reports[0].number
            rounds.office.sort()
            acts = [(act, fellow) for fellow, report in zip(others, reports, strict=True) for act in report.acts]
            acts.sort(key=_by_agent)
            results = await carried_out(self._line, rounds.number, [act for act, _ in acts])
        except PeerGone as gone:
            self._lost = str(gone)
        else:
            self._reports = reports
            for fellow in others:
                done = [result for (_, where), result in zip(acts, results, strict=True) if where is fellow]
                if done:
                    fellow.say("done", done)
        self._met.set()

    async def _report(self, fellow: Fellow) -> Report:
        number, left, waits, timer, acts = await fellow.hear("report")
        self.rounds.answers += fellow.answers
        fellow.answers.clear()
        return Report(number, left, waits, timer, [Act(*act) for act in acts])


def _by_agent(one: tuple[Act, Fellow]) -> tuple[str, int]:
    return one[0].agent, one[0].number
