"""The guard: what the loop watchdog costs a message that is in no loop.

The watchdog's own look takes 3 us. So a host counts first, in a few comparisons, and calls the watchdog
for what could be a loop at all: chains of more than six hops. A turn that sends more than four
is probed for repetitions, and a talk with more messages in a second than one pair may send is counted by
pairs. Whatever a loop is, it sends; so it passes one of the three.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from stigmergy.protocols.message import Message

from ..watchdog.limits import LoopLimits
from ..watchdog.sightings import Action, Finding, Reason, Sighting, Verdict
from ..watchdog.watchdog import LoopWatchdog
from .letter import Letter, Talk
from .packing import packer

SHALLOW: Final = 6
"""Hops up to which a chain is no round: a ping-pong shows from its sixth hop on."""

ADVICE: Final = "send less, put many items in one message, keep the first answer, or raise the limit"


class Sent(NamedTuple):
    """A letter on its way, and the address that it goes to."""

    to: str
    letter: Letter


PROBED: Final = 63
"""One message of 64 is compared with those that follow it: what repeats every six, shows ten times."""


class Probe:
    """Whether a turn says the same again and again."""

    __slots__ = ("_content", "_place", "_said", "_same")

    def __init__(self) -> None:
        self._said = 0
        self._same = 0
        self._place: object = None
        self._content: dict[str, object] | None = None

    def again(self, place: object, message: Message) -> int:
        """How often this was said to this one lately, as far as was looked at; 0 when it is not looked at."""
        said, self._said = self._said, self._said + 1
        if not said & PROBED:
            self._place, self._content, self._same = place, message.__dict__, 1
        elif place is self._place and message.__dict__ == self._content:
            self._same += 1
            return self._same
        return 0


class Guard:
    """The watchdog of one host. Times are seconds on the host's clock."""

    def __init__(self, limits: LoopLimits) -> None:
        self._limits = limits
        self._watchdog = LoopWatchdog(limits)
        judged = (limits.stale_hops, limits.barren, limits.circling, limits.echoes, limits.stalled_messages)
        self.shallow = SHALLOW if min(judged) < math.inf else limits.hops
        """Hops up to which nothing is looked at."""
        self.few = limits.repeats_warn - 1
        """Messages of one turn up to which nothing is looked at."""
        self.burst = limits.pair_messages
        """Messages of one talk in a window up to which nothing is looked at."""
        self._slowed: set[tuple[str, str, str]] = set()

    def look(self, sent: Sent, same: int, now: float) -> Verdict | None:
        """Judge a message that passed one of the three bounds.

        ``same`` is how often its turn has said it already, see `Probe`.
        """
        letter = sent.letter
        if letter.hops > self.shallow:
            verdict = self._watchdog.see(self._sighting(sent, now), _pack(letter.message.__dict__))
            if verdict is not None:
                return verdict
        if letter.talk.messages >= self.burst:
            verdict = self._rate(sent, now)
            if verdict is not None:
                return verdict
        return self._repetition(sent, same) if same else None

    def carried(self, letter: Letter) -> list[Any] | None:
        """What another host needs to know of the chain that a letter belongs to."""
        return self._watchdog.carried(letter.talk.id, _id(letter.sender, letter.number))

    def arrived(self, sent: Sent, carried: list[Any] | None, now: float) -> None:
        """A letter has come from another host, in a chain of more than six hops."""
        self._watchdog.arrived(self._sighting(sent, now), carried)

    def progress(self, letter: Letter, now: float) -> None:
        """The turn for this letter brought something new."""
        self._watchdog.progress(letter.talk.id, now, _id(letter.sender, letter.number))

    def waits(self, asker: str, asked: str, talk: Talk, now: float, *, reentrant: bool) -> Verdict | None:
        """Somebody begins to wait: a ring of these is a deadlock."""
        return self._watchdog.waits(asker, asked, talk.id, now, reentrant=reentrant)

    def deadlock(self, ring: Finding, talk: Talk, now: float) -> Verdict:
        """A ring of waits over several hosts was found."""
        return self._watchdog.deadlock(talk.id, ring, now)

    def answered(self, asker: str, asked: str) -> None:
        """The wait is over."""
        self._watchdog.answered(asker, asked)

    def sweep(self, now: float) -> list[Verdict]:
        """What only time shows."""
        self._slowed.clear()
        return self._watchdog.sweep(now)

    def _sighting(self, sent: Sent, now: float) -> Sighting:
        to, letter = sent
        message = letter.message
        return Sighting(
            _id(letter.sender, letter.number),
            letter.talk.id,
            _id(letter.causer, letter.cause),
            letter.sender,
            letter.topic or to,
            message.message_type,
            (message.message_type, _digest(message)),
            letter.hops,
            now,
            letter.mode,
        )

    def _repetition(self, sent: Sent, count: int) -> Verdict | None:
        to, letter = sent
        if count not in (self._limits.repeats_warn, self._limits.repeats):
            return None
        action = Action.QUARANTINE if count >= self._limits.repeats else Action.WARN
        text = f"{_arrow(sent)}, {count} times the same"
        return self._verdict(Finding(action, Reason.REPETITION, (letter.sender, to), text, count), letter.talk)

    def _rate(self, sent: Sent, now: float) -> Verdict | None:
        """More messages in this talk and window than one pair may send: count pairs until the window is over."""
        (to, letter), limits = sent, self._limits
        talk = letter.talk
        if now - talk.since >= limits.pair_window_s:
            talk.since, talk.messages, talk.pairs = now, 1, None
            return None
        if talk.pairs is None:
            talk.pairs = {}
        pair = (letter.sender, to)
        count = talk.pairs[pair] = talk.pairs.get(pair, 0) + 1
        if count <= limits.pair_messages or (key := (talk.id, *pair)) in self._slowed:
            return None
        self._slowed.add(key)
        text = f"{_arrow(sent)}, {count} messages in {limits.pair_window_s:g} s"
        return self._verdict(Finding(Action.SLOW, Reason.PAIR_RATE, pair, text, count), talk)

    @staticmethod
    def _verdict(found: Finding, talk: Talk) -> Verdict:
        return Verdict(found.action, found.reason, talk.id, found.agents, found.exchange, found.count, ADVICE)


_pack: Final = packer()
"""What is sent within a host has no limit, and may hold what no wire takes."""


def _digest(message: Message) -> int:
    try:
        return hash(message)
    except (TypeError, RecursionError):  # it holds a list or a dict
        return hash(_pack(message.__dict__))


def _id(sender: str, number: int) -> str:
    return f"{sender}#{number}" if number else ""


def _arrow(sent: Sent) -> str:
    to, letter = sent
    return f"{letter.sender} -{letter.message.message_type.partition('@')[0]}-> {to}"
