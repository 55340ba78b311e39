"""Reopening: what a board makes of a journal that holds a past.

The rule of this file: being dead costs nobody anything but the calls whose answers were lost. What
hosts had goes back uncounted, since they ended with the run and not because of a message; what was
reserved is forfeited, because nobody is left who could tell what it did cost; and until the first
host is back no time passes for deadlines, leases and budgets.
"""

from __future__ import annotations

from typing import Any, Final

from stigmergy.protocols.errors import JournalError, UsageError

from ..journal.port import Journal
from .cases import Cases
from .clerk import Clerk
from .digest import RunDigest
from .machines import Machines
from .outsiders import Outsiders

MEANING: Final = 2
"""Version of what the entries mean. Raise it when a journal of before cannot be continued.

The keys of steps and the names of acts are part of it: a turn that is open is recognized by them.
"""


class Reopening:
    """The past of one board."""

    def __init__(self, machines: Machines, clerk: Clerk, cases: Cases, outsiders: Outsiders) -> None:
        self._m = machines
        self._clerk = clerk
        self._cases = cases
        self._outsiders = outsiders
        self._open: set[str] = set()
        """Letters that a replay found open."""
        self._slept_at: float | None = None
        """When the last entry before this life was written, until the swarm goes on."""

    @property
    def asleep(self) -> bool:
        """Whether nobody can work yet on what is left from before."""
        return self._slept_at is not None

    @property
    def left(self) -> int:
        """How many letters from before are still open, without those that wait for a person."""
        letters = self._m.mail.letters
        self._open &= letters.keys()
        return sum(not letters[message].held_at for message in self._open)

    def replay(self, journal: Journal, digest: RunDigest, run: str) -> None:
        """Bring back the state; ``run`` is whose journal it must be. Raises: JournalError, UsageError."""
        m = self._m
        if journal.last_seq == 0:
            place = {"shard": list(m.place)} if m.exchange else {}
            m.record("swarm.begin", {"meaning": MEANING, "run": run, **place})
            return
        for entry in journal.read():
            if entry.seq == 1:
                check_beginning(entry.kind, entry.data, run)
                check_place(entry.data, m.place)
            m.apply(entry.kind, entry.data)
            digest.add(entry.kind, entry.data)
            self._outsiders.note(entry)
            self._clerk.dead_letters.note(entry.kind, entry.data)
            self._slept_at = max(self._slept_at or 0.0, entry.at)
        self._open = set(m.mail.letters)
        self._take_back()

    def wake(self) -> None:
        """There are hosts, or they are back: time counts from now on."""
        self._m.treasury.wake(self._m.now)
        if self._slept_at is not None:
            m, slept_at, self._slept_at = self._m, self._slept_at, None
            self._clerk.wake()
            m.space.claims.extend(m.now - slept_at)

    def _take_back(self) -> None:
        m = self._m
        m.now = max(m.now, self._slept_at or 0.0)
        m.treasury.alerts()  # of the past
        m.treasury.ledger.reopen(m.now)
        for name, member in list(m.registry.members.items()):
            m.registry.leave(name, member.epoch)
        hosts = dict.fromkeys(letter.host for letter in m.mail.letters.values() if letter.host)
        back = [message for host in hosts for message in m.mail.lost(host, by_itself=False)]
        suspects = [message for message, letter in m.mail.letters.items() if letter.suspect]
        m.dispatcher.suspect(self._cases.hold_doubtful(dict.fromkeys([*back, *suspects])))
        if m.living.counted:
            m.living.release_all()


def check_beginning(kind: str, data: dict[str, Any], run: str) -> None:
    """Raise unless a journal whose first entry this is can be continued. Raises: JournalError, UsageError."""
    meaning = data.get("meaning") if kind == "swarm.begin" else 0
    if meaning != MEANING:
        raise JournalError(
            f"this journal was written by another version of stigmergy (its entries have meaning {meaning}, not "
            f"{MEANING}): it can be inspected, but not continued; continue it with the version that began it"
        )
    if data["run"] != run:
        raise UsageError("this journal belongs to a run with another seed; give the seed that it began with")


def check_place(data: dict[str, Any], place: tuple[int, int]) -> None:
    """Raise unless a journal that begins with this is that of a shard, as (number, how many). Raises: UsageError."""
    number, shards = data.get("shard", (0, 1))
    if (number, shards) != place:
        raise UsageError(
            f"this journal is that of shard {number} of {shards}, and not of shard {place[0]} of {place[1]}: a run "
            "goes on with as many shards as it began with"
        )
