"""A turn: one handler run for one letter, and what it wants sent when it ends well.

Plain handlers run to their end at once, so all of a host's share one turn and one context, until one of them
keeps it; a coroutine has its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from stigmergy.protocols.errors import Malformed, StigmergyError, SwarmStopped
from stigmergy.protocols.message import Message, check_message, check_reply, decode_as, encode, reads
from stigmergy.protocols.plain import Quick

from ..watchdog.sightings import Verdict
from .allowance import Purse
from .asked import Answered, Asked
from .guard import Guard, Probe
from .letter import Letter, Talk
from .neighbours import Neighbours
from .places import Far, Place, Topic
from .slot import Part, Slot
from .workers import Workers


class Board(Protocol):
    """The board, as a host reaches it."""

    def tell(self, name: str, payload: Any) -> None:
        """Send something that wants no answer."""

    async def act(self, turn: Turn, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard in the name of a turn. Raises: what the board raises."""


class Crews(Protocol):
    """The pools, as others see them; see `Pools`."""

    def enroll(self, name: str, /) -> Any:
        """See `Pools.enroll`."""

    def freed(self, slot: Slot, /) -> None:
        """See `Pools.freed`."""

    def free(self, name: str, /) -> None:
        """See `Pools.free`."""

    def replace(self, slot: Slot, /) -> None:
        """See `Pools.replace`."""

    def regroup(self) -> None:
        """See `Pools.regroup`."""


class Desk(Protocol):
    """The office, as a turn sees it; see `Office`."""

    @property
    def pools(self) -> Crews:
        """See `Office.pools`."""

    topics: dict[str, Topic]

    def find(self, address: str, sender: str = "", /) -> Place:
        """See `Office.find`."""

    def topic(self, name: str, /) -> Topic:
        """See `Office.topic`."""

    def put(self, place: Place, letter: Letter, /) -> None:
        """See `Office.put`."""

    def send(self, turn: Turn, /) -> Awaitable[None] | None:
        """See `Office.send`."""

    def check(self, to: str, letter: Letter, same: int, /) -> None:
        """See `Office.check`."""

    def begin_wait(self, turn: Turn, place: Slot, /) -> None:
        """See `Office.begin_wait`."""

    def end_wait(self, turn: Turn, place: Slot, /) -> None:
        """See `Office.end_wait`."""

    def followed(self, slot: Slot, /) -> list[str]:
        """See `Office.followed`."""

    def carry_out(self, verdict: Verdict, talk: Talk | None, /) -> None:
        """See `Office.carry_out`."""

    def spread(self, topic: Topic, letter: Letter, /) -> None:
        """See `Office.spread`."""

    def follow(self, name: str, slot: Slot | Far, /) -> None:
        """See `Office.follow`."""

    def unfollow(self, name: str, slot: Slot | Far, /) -> bool:
        """See `Office.unfollow`."""


Question = tuple[Answered | None, Any, Any]
"""Its answer, if that is there at once; else None, the place where it went, and the `Asked`."""


class Ground(Protocol):
    """The host, as its parts see it; see `Host`."""

    parts: dict[str, Part]
    guard: Guard
    purse: Purse
    board: Board
    places: dict[str, Place]
    ready: deque[Any]
    arrivals: Any
    inline: bool
    later: list[tuple[Letter, Message | BaseException, tuple[str, ...]]] | None
    pause: Callable[[float], Awaitable[None]]
    stopped: tuple[str, str] | None
    nobody: tuple[Slot, Letter]
    mesh: Neighbours | None
    turns: set[Turn]
    workers: Workers
    now: Callable[[], float]
    timer: Callable[..., Any]
    exact_s: float
    scene: Callable[[Turn], Any]
    begin: Callable[[Turn, Any, Message], Question]
    """See `Turn.begin`."""

    @property
    def waiting(self) -> int:
        """See `Host.waiting`."""

    @property
    def office(self) -> Desk:
        """See `Host.office`."""

    def wake(self) -> None:
        """See `Host.wake`."""

    def run(self, slot: Slot, letter: Letter, /) -> Awaitable[None] | None:
        """See `Host.run`."""

    def commit(self, turn: Turn, /) -> Awaitable[None] | None:
        """See `Host.commit`."""

    def withdraw(self, slots: set[Slot], /) -> None:
        """See `Host.withdraw`."""

    def spawn(self, work: Awaitable[None], /) -> None:
        """See `Host.spawn`."""

    def bury(
        self, letter: Letter, to: str, reason: str, error: StigmergyError, attempts: int = 0, trace: str = "", /
    ) -> None:
        """See `Host.bury`."""

    def outside(self, client: str, letter: Letter, /) -> None:
        """See `Host.outside`."""

    def stop(self, reason: str, text: str, /) -> None:
        """See `Host.stop`."""

    def ending(self) -> bool:
        """See `Host.ending`."""

    async def room(self, place: Slot | Far, /) -> None:
        """See `Host.room`."""

    def late(self, letter: Letter, to: str, /) -> None:
        """See `Host.late`."""


class Turn:
    """One handler run, from the inside."""

    __slots__ = (
        "asked", "attempt", "ctx", "desk", "host", "late", "letter", "probe", "sends", "since", "slot", "taint",
        "task", "waits", "writes",
    )  # fmt: skip

    def __init__(self, host: Ground, slot: Slot, letter: Letter) -> None:
        self.host = host
        self.slot = slot
        self.letter = letter
        self.taint = letter.taint
        self.attempt = 1
        self.sends: list[tuple[Place, Message, tuple[str, ...]]] = []
        """What goes out when the turn ends: where to, what, and where its content came from."""
        self.writes: list[Any] = []
        """What is written to the blackboard then."""
        self.asked = 0
        """Asks so far."""
        self.waits: dict[Asked, Place] = {}
        """Answers that are being waited for, and of whom."""
        self.probe: Probe | None = None
        """Looks for repetitions, once it has asked much."""
        self.since = 0.0
        self.late = False
        """It took longer than its kind may, and is being cancelled."""
        self.task: asyncio.Task[Any] | None = None
        self.desk: Any = None
        """How this turn reaches the board, once it did."""
        self.ctx: Any = host.scene(self)

    def over(self) -> None:
        """All turns that have shared it are over: who has kept its context hears `TurnOver` from now on."""
        self.slot, self.letter = self.host.nobody
        self.ctx.end()

    async def ask(self, to: Any, message: Message, reply: type[Message], timeout_s: float) -> Message:
        """Send a question now and wait for its answer, which is to be a ``reply``.

        Raises: DeadlineExceeded, Malformed, and what the answerer raised.
        """
        if not self.asked + 1 & PAUSE:
            await asyncio.sleep(0)  # so that a loop of asks does not keep everybody else waiting
        allowance = self.slot.part.allowance
        while allowance.left < 1:
            await self.host.purse.refill(allowance, 1)
        found, place, asked = self.host.begin(self, to, message)
        answer, taint = found or await self._wait(place, asked, timeout_s)
        if taint != self.taint:
            self.taint = tuple(dict.fromkeys((*self.taint, *taint)))
        return answer if type(answer) is reply else fitted(answer, reply, to)

    def begin(self, to: Any, message: Message) -> Question:
        """Send a question now; the allowance has a message for it.

        Raises: UsageError, InvalidName, Quarantined, SwarmStopped.
        """
        if type(type(message)) is not Quick:
            check_message(message)
        host, own, slot = self.host, self.letter, self.slot
        guard, talk, hops = host.guard, own.talk, own.hops
        place = host.places.get(to) or host.office.find(str(to), slot.name)
        slot.part.allowance.left -= 1
        self.asked += 1
        slot.sent += 1
        asked = Asked()
        fields = (message, slot.name, slot.sent, talk, own.sender, own.number, hops + 1, self.taint, asked, "")
        letter = _letter(Letter, fields)
        same = 0
        if self.asked > guard.few:
            if self.probe is None:
                self.probe = Probe()
            same = self.probe.again(place, message)
        talk.messages += 1
        if same > guard.few or hops >= guard.shallow or talk.messages > guard.burst or talk.ended:
            host.office.check(place.name, letter, same)
        if host.stopped is not None:
            raise SwarmStopped(host.stopped[1], host.stopped[0])
        if host.inline and type(place) is Slot and place.part.plain and not place.busy and place.mail is None:
            more = host.run(place, letter)
            if more is not None:
                host.spawn(more)
        elif type(place) is Far:
            place.road.put(place.name, letter)
        else:
            host.office.put(place, letter)
        return asked.found, place, asked

    async def _wait(self, place: Place, asked: Asked, timeout_s: float) -> Answered:
        host, outer = self.host, self.letter.asked
        now = host.now()
        left = timeout_s if outer is None or not outer.deadline else min(timeout_s, max(0.0, outer.deadline - now))
        asked.deadline, asked.patience_s = now + left, timeout_s
        here = place if type(place) is Slot else None
        if here is not None:
            host.office.begin_wait(self, here)
        timer = host.timer(left, asked.expire, place.name) if left < host.exact_s else None
        self.waits[asked] = place
        try:
            found: Answered = await asked.future()
            return found
        finally:
            del self.waits[asked]
            if timer is not None:
                timer.cancel()
            if here is not None:
                host.office.end_wait(self, here)


def fitted(answer: Message, reply: type[Message], to: object) -> Message:
    """An answer as the class that was asked for: a script's classes exist twice. Raises: UsageError, Malformed."""
    check_reply(reply)
    if not reads(reply, answer.message_type):
        raise Malformed(f"{to} answered with {answer.message_type}, not {reply.message_type}")
    return decode_as(reply, answer.message_type, encode(answer))


_letter: Final = tuple.__new__
"""Makes a letter of its fields in half the time."""

PAUSE: Final = 0xFF
"""After 256 asks of one turn the event loop gets to turn."""
