"""The conductor: the driver's own host, which says when rounds begin. Without it nothing is decided but what is clear.

It is asked when something is for it (answers to what was asked from outside, messages to drivers, acts on the
blackboard), when nothing is left to happen, and when as many rounds have been played as it had permitted.

It keeps the score: every order that it gave, and what came from outside with it. When a member dies all are replaced,
and the score is played once more. So everything comes about as it did, and what the world has heard it hears once.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import ContextVar
from typing import Final

from ..transport.link import PeerGone
from ..volatile.acts import Act
from ..volatile.course import SOME, Course, carried_out, jump
from ..volatile.letter import Letter
from ..volatile.line import Line
from ..volatile.office import OUTSIDE
from ..volatile.places import Far, Place
from ..volatile.rounds import Rounds
from .ensemble import Ensemble
from .fellow import Fellow
from .member import Orders, Report

ADVICE: Final = "what can differ between two runs of one seed is what the world outside says: see docs/volatile.md"

playing: ContextVar[int | None] = ContextVar("playing", default=None)
"""The round of the score of which is what happens now. It holds for the task that plays, and not for drivers beside."""


class Bar:
    """One order, as the score has it."""

    def __init__(self, after: int, orders: Orders, sent: list[tuple[Place, Letter]]) -> None:
        self.after = after
        """The round after which it was given."""
        self.orders = orders
        self.sent = sent
        """What came from outside with it."""
        self.met = 0
        """The round after which all met again; 0 until they have."""


class Conductor(Course):
    """The course of a swarm with several hosts."""

    def __init__(self, rounds: Rounds, ensemble: Ensemble, line: Line) -> None:
        super().__init__(rounds, line)
        self._ensemble = ensemble
        self._score: list[Bar] = []
        self._sent: list[tuple[Place, Letter]] = []
        """What has come from outside since the last order."""
        self._reports: list[Report] = []
        self._met = False
        """Whether all members wait for orders."""
        self._mustered = False
        """Whether there are members who have not been heard yet."""
        self._news = asyncio.Event()
        self._baton = asyncio.Lock()
        """Held by whoever has something done by all members."""
        ensemble.on_muster = self._welcome

    async def advance(self, last: float) -> bool:
        """See `Course.advance`."""
        async with self._baton:
            if not await self._all_met():
                return False
            self._collect()
            orders = self._next(last)
            if orders is None:
                return False
            bar = Bar(self.rounds.number, orders, self._sent)
            self._sent = []
            self._score.append(bar)
            self._met = await self._play(bar)
            return await self._all_met()

    async def digest(self) -> int:
        """See `Course.digest`."""
        async with self._baton:
            while True:
                met = await self._all_met()
                digests = await self._ensemble.ask_all("digest")
                if not met or len(digests) == len(self._ensemble.others):
                    return sum(int(text, 16) for text in digests) & (1 << 128) - 1
                self._met = False

    def halt(self) -> None:
        """See `Course.halt`."""
        self._news.set()

    def _next(self, last: float) -> Orders | None:
        """What is to be played next; None when nothing is left to happen."""
        rounds, reports = self.rounds, self._reports
        number, timer = rounds.number + 1, rounds.next_timer
        left = rounds.left or bool(self._sent)
        left = left or any(report.left or any(act.awaited for act in report.acts) for report in reports)
        waits = any(report.waits for report in reports) or rounds.waits
        if rounds.host.stopped is not None or not (left or waits):
            return None
        if not left:
            number = max(number, jump(min(timer, *(report.timer for report in reports))))
        permit = last if timer == math.inf else min(last, math.ceil(timer) - 1)
        if rounds.left:
            permit = number  # somebody outside hears something then, and may want no more
        return Orders(number, max(number, permit))

    # -- the score ---------------------------------------------------------------------------

    def _welcome(self) -> None:
        self._met, self._mustered = False, True
        self._news.set()

    async def _all_met(self) -> bool:
        """Wait until all members wait for orders. Returns whether they do: a swarm that has stopped replaces nobody."""
        while not self._met:
            if self.rounds.host.stopped is not None:
                return False
            if self._mustered:
                self._mustered = False
                self._met = await self._begin_again()
            else:
                self._news.clear()
                await self._news.wait()
        return True

    async def _begin_again(self) -> bool:
        """Bring new members to where the old ones were. Returns whether all are there."""
        for place, letter in self.rounds.office.collect():
            if _is_driven(letter):  # the others are sent again
                self.rounds.office.put(place, letter)
        try:
            await self._meet(self._ensemble.others)
            if not self._score:
                return True
            await self._line.ask("begin again")
            for bar in self._score:
                if not await self._play(bar):
                    return False
            await self._line.ask("caught up")
        except PeerGone:
            return False
        return True

    async def _play(self, bar: Bar) -> bool:
        """Give an order, and do what is to be done here, unless it was done before. Returns whether all met again."""
        before = playing.set(bar.after)
        try:
            return await self._play_in_time(bar)
        finally:
            playing.reset(before)

    async def _play_in_time(self, bar: Bar) -> bool:
        rounds, office, members = self.rounds, self.rounds.office, self._ensemble.others
        office.route([(office.find(place.name) if type(place) is Far else place, letter) for place, letter in bar.sent])
        try:
            for fellow in members:
                await fellow.send("orders", list(bar.orders), bar.after)
            if rounds.number < bar.orders.number:
                playing.set(None)  # that is not done once more
                await rounds.play(bar.orders.number)
            playing.set(bar.orders.number)
            met = await self._meet(members)
        except PeerGone:
            return False
        if bar.met and bar.met != met:
            what = f"they stopped for the driver after round {met}, where the ones before had after round {bar.met}"
            rounds.host.stop("failure", f"hosts were replaced and did everything once more, and {what}; {ADVICE}")
        bar.met = met
        rounds.number = max(rounds.number, met)
        return True

    # -- what members report -----------------------------------------------------------------

    async def _meet(self, members: list[Fellow]) -> int:
        """Wait until all have reported, and do what is to be done between rounds. Returns which round is over.

        Raises: PeerGone.
        """
        reports = [await self._report(fellow) for fellow in members]
        number = reports[0].number
        self._collect()
        acts = [(act, fellow) for fellow, report in zip(members, reports, strict=True) for act in report.acts]
        acts.sort(key=_by_agent)
        results = await carried_out(self._line, number, [act for act, _ in acts])
        for fellow in members:
            done = [result for (_, where), result in zip(acts, results, strict=True) if where is fellow]
            for at in range(0, len(done), SOME):
                fellow.say("done", done[at : at + SOME])
        self._reports = reports
        return number

    async def _report(self, fellow: Fellow) -> Report:
        number, left, waits, timer = await fellow.hear("report")
        acts, fellow.acts = fellow.acts, []
        heard = {id(letter.asked) for letter, *_ in self.rounds.answers}
        for letter, answer, taint in fellow.answers:
            asked = letter.asked
            if asked is not None and not asked.done() and id(asked) not in heard:
                self.rounds.answers.append((letter, answer, taint))
        fellow.answers.clear()
        return Report(number, left, waits, timer, [Act(*act) for act in acts])

    def _collect(self) -> None:
        """Let drivers have what is for them, and keep what they have sent for the next order."""
        office = self.rounds.office
        sent = office.collect()
        self._sent += [one for one in sent if not one[0].name.startswith(f"{OUTSIDE}/")]
        heard = [one for one in sent if one[0].name.startswith(f"{OUTSIDE}/")]
        office.route([one for one in heard if not _is_driven(one[1])])
        before = playing.set(None)  # the score does not have what drivers tell each other
        office.route([one for one in heard if _is_driven(one[1])])
        playing.reset(before)


def _is_driven(letter: Letter) -> bool:
    """Whether a driver has sent it."""
    return letter.sender.startswith(f"{OUTSIDE}/")


def _by_agent(one: tuple[Act, Fellow]) -> tuple[str, int]:
    return one[0].agent, one[0].number
