"""A member: plays rounds with the others, as long as the conductor has said, and decides what all decide alike.

When a round ends, everyone sends everyone else what it has for them, and a word: whether anything is left to happen
there, and whether it has something for the conductor. So all know the same, and all go on alike: with the next
round, if the conductor has permitted it, if anything is left anywhere, and if nobody needs the conductor. Else everyone
reports to the conductor and waits for its orders.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..transport.link import PeerGone
from ..volatile.acts import Act
from ..volatile.course import SOME
from ..volatile.line import Line
from ..volatile.rounds import Rounds
from ..volatile.rubbish import undisturbed
from .ensemble import Ensemble


class Word(NamedTuple):
    """What a member says to the others at the end of a round."""

    number: int
    left: bool
    """Whether anything is to happen there, or elsewhere because of it, in the next round."""
    needs: bool
    """Whether it has something for the conductor."""


class Report(NamedTuple):
    """What a member says to the conductor."""

    number: int
    left: bool
    waits: bool
    """Whether turns wait for answers there."""
    timer: float
    """The time of the next timer; inf without one."""
    acts: list[Act]


class Orders(NamedTuple):
    """What the conductor says."""

    number: int
    """The round to play next."""
    permit: float
    """The last round that may begin without asking again."""


class Member:
    """A host with agents."""

    def __init__(self, rounds: Rounds, ensemble: Ensemble, line: Line) -> None:
        self.rounds = rounds
        self._failure = ""
        self._ensemble = ensemble
        self._line = line
        ensemble.on_muster = self._begin
        ensemble.on_done = lambda results: rounds.done([tuple(result) for result in results])
        ensemble.questions.update(digest=self._digest, settle=self._settle)

    def _begin(self) -> None:
        self.rounds.host.spawn(self._play())

    def fault(self) -> str:
        """Why it plays no more, if something is wrong."""
        return self._failure

    async def _play(self) -> None:
        try:
            await self._exchange()
            while True:
                orders = await self._consult()
                with undisturbed():
                    await self._perform(orders)
        except PeerGone:
            return  # whoever has lost a member says so, and begins again with others
        except Exception as error:  # noqa: BLE001 - a host that stands still must say why
            self._failure = f"{type(error).__name__}: {error}"

    async def _perform(self, orders: Orders) -> None:
        """Play rounds until the conductor is needed."""
        number, permit = orders
        while True:
            await self.rounds.play(number)
            word = await self._exchange()
            if word.needs or not word.left or word.number >= permit:
                return
            number = word.number + 1

    async def _exchange(self) -> Word:
        """Give the others what this round has brought for them, and take what they have. Returns what holds for all."""
        rounds, others = self.rounds, self._ensemble.others
        left = rounds.left or any(fellow.waiting for fellow in others)
        needs = bool(rounds.acts) or bool(self._ensemble.conductor.waiting) or rounds.host.stopped is not None
        own = Word(rounds.number, left, needs)
        for fellow in others:
            await fellow.send("word", list(own), rounds.time())
        for fellow in others:
            theirs = Word(*await fellow.hear("word"))
            own = Word(own.number, own.left or theirs.left, own.needs or theirs.needs)
            self._take(fellow.answers)
        rounds.office.sort()
        rounds.office.turn()
        return own

    async def _consult(self) -> Orders:
        """Report to the conductor, and take its orders."""
        rounds, conductor = self.rounds, self._ensemble.conductor
        acts = [list(act) for act in rounds.acts.take()]
        for at in range(0, len(acts), SOME):
            conductor.say("acts", acts[at : at + SOME])
        report = [rounds.number, rounds.left, rounds.waits, rounds.next_timer]
        await conductor.send("report", report, rounds.time())
        orders = Orders(*await conductor.hear("orders"))
        self._take(conductor.answers)
        rounds.office.sort()
        return orders

    def _take(self, answers: list[Any]) -> None:
        self.rounds.answers += answers
        answers.clear()

    async def _digest(self) -> str:
        return f"{self.rounds.office.digest.total():032x}"

    async def _settle(self) -> int:
        """Have the board know all that has happened here. Returns how many letters wait."""
        await self.rounds.host.purse.give_back()
        await self._line.ask("now")  # behind all that it was told
        return self.rounds.host.waiting
