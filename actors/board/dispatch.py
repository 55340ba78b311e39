"""Dispatch: which waiting letter goes to which agent on which host, and when. No I/O.

An agent gets its mail in order, a few letters ahead of what it has finished. A pool gives each
letter to its least busy agent, and grows to the kind's cap only when all are busy. Letters that were
in flight when a host died go out alone: while one of them runs, its host gets nothing else. Those that
were in flight twice come last, and only when their host has nothing else that could die with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from math import inf
from typing import Final

from .mail import Mail
from .needs import needed
from .pools import pool_of

AHEAD: Final = 16
"""Letters that a host may hold for one agent, so that it need not wait for the board between turns."""

ALONE_S: Final = 2.0
"""How long a suspect keeps its host to itself; one that lives so long is no quick killer. Turns that wait for a model
take that long, and all that a dead host had goes through here one by one."""

Place = Callable[[str], str | None]
"""The live host for an agent id, or None while there is none."""

Members = Callable[[str], Iterable[str]]
"""The agents of a kind's pool that may have a letter, in the order in which they are asked."""


class Dispatcher:
    """Remembers which addresses may have something to send, and hands out what may go."""

    def __init__(self, mail: Mail, place: Place, members: Members) -> None:
        self._mail = mail
        self._place = place
        self._members = members
        self._stirred: dict[str, None] = {}
        self._suspects: dict[str, deque[str]] = {}
        self._alone: dict[str, tuple[str, float]] = {}
        """By host: the suspect that runs there now, and since when."""
        self._passing: dict[bool, set[str]] = {}
        """What a reserved host may have, by whether a suspect runs there; worked out once for each look."""
        self.paused = False
        self.embargo: Callable[[], bool] = bool
        """Whether letters of dead hosts may not go anywhere yet; by default they may."""

    def stir(self, address: str) -> None:
        """Look at an agent or a pool again: it got mail, or finished some."""
        self._stirred[address] = None

    def joined(self) -> None:
        """There is another host: suspects wait in the line of the one to which they belong now."""
        lines, self._suspects = self._suspects, {}
        for line in lines.values():
            self.suspect([m for m in line if m in self._mail.letters])
        self.stir_all()

    def stir_all(self) -> None:
        """Look at everybody again: hosts came or went, or one is nobody's alone any more."""
        for address in (*self._mail.boxes, *self._mail.pools):
            self._stirred[address] = None

    def suspect(self, messages: list[str]) -> None:
        """Put letters that a dead host had in the line of those that go alone."""
        for message in messages:
            host = self._place(self._mail.letters[message].agent) or ""
            self._suspects.setdefault(host, deque()).append(message)

    def finished(self, message: str, host: str, address: str) -> None:
        """A letter has left the mail of an agent, or of a pool: look at whom that lets go on.

        An agent of a pool that has finished a letter is there for its pool too, from wherever that letter came.
        """
        if host in self._alone and self._alone[host][0] == message:
            del self._alone[host]
            self.stir_all()
        self._stirred[address] = None
        kind, number = pool_of(address)
        if number and kind in self._mail.pools:
            self._stirred[kind] = None

    def lost(self, host: str) -> None:
        """A host is gone: nothing runs alone there any more."""
        self._alone.pop(host, None)
        moved = self._suspects.pop(host, None)
        if moved:
            self.suspect([m for m in moved if m in self._mail.letters])
        self.stir_all()

    def ready(self, now: float) -> list[tuple[str, str, str]]:
        """What may go now, as (message, agent, host). The caller counts the attempt of each before it goes."""
        if self.paused:
            return []
        out: list[tuple[str, str, str]] = []
        for host in [host for host, (_, since) in self._alone.items() if now - since > ALONE_S]:
            del self._alone[host]
            self.stir_all()
        self._send_suspects(now, out)
        self._passing = {}
        stirred, self._stirred = self._stirred, {}
        for address in stirred:
            if address in self._mail.boxes:
                self._send_agent(address, out)
            if address in self._mail.pools:
                self._send_pool(address, out)
        return out

    def _send_suspects(self, now: float, out: list[tuple[str, str, str]]) -> None:
        if self._suspects and self.embargo():
            return
        for waiting_for in list(self._suspects):
            line = deque(m for m in self._suspects[waiting_for] if self._waits(m))
            wanted = needed(self._mail, self._lone())
            for message in [m for m in line if m in wanted and self._is_next(m)]:
                if self._send_suspect(message, out):
                    line.remove(message)
            self._suspects[waiting_for] = line
            if not line:
                del self._suspects[waiting_for]
                self.stir_all()
                continue
            ready = sorted(filter(self._is_next, line), key=lambda m: self._mail.letters[m].strict)
            first = ready[0] if ready else line[0]
            host, strict = self._home(self._mail.letters[first].agent), self._mail.letters[first].strict
            if strict and host is not None and self._busy(host, first):
                continue
            if host is not None and host not in self._alone and ready:
                self._alone[host] = (first, inf if strict else now)
                self._send_suspect(first, out)
                line.remove(first)
                self.stir_all()  # what it has asked before it was lost, it needs now

    def _send_suspect(self, message: str, out: list[tuple[str, str, str]]) -> bool:
        agent = self._mail.letters[message].agent
        host = self._home(agent)
        if host is not None:
            out.append((message, agent, host))
        return host is not None

    def _home(self, agent: str) -> str | None:
        """Where the next letter of an agent may go. It moves only when nothing of it is in flight elsewhere.

        Two hosts that ran it at once would each go on from the state that they know, and one of the two be lost.
        """
        host = self._place(agent)
        flying = self._mail.flying.get(agent)
        return host if not flying or self._mail.letters[next(iter(flying))].host == host else None

    def _waits(self, message: str) -> bool:
        letter = self._mail.letters.get(message)
        return letter is not None and letter.waits and letter.suspect

    def _is_next(self, message: str) -> bool:
        """Whether a suspect comes before everything else that its agent has waiting."""
        return self._mail.boxes[self._mail.letters[message].agent][0] == message

    def _lone(self) -> list[str]:
        """The suspects that run alone now."""
        return [suspect for suspect, _ in self._alone.values()]

    def _busy(self, host: str, message: str) -> bool:
        """Whether a host has letters of others than those that cannot end before this one."""
        flying = (letter for box in self._mail.flying.values() for letter in box)
        here = [letter for letter in flying if self._mail.letters[letter].host == host]
        return any(message not in needed(self._mail, [letter]) for letter in here)

    def _reserved(self, host: str) -> bool:
        return host in self._alone or host in self._suspects

    def _may_pass(self, message: str, host: str) -> bool:
        """Whether a reserved host may have a letter: the lone suspect needs it, or what has to end before that one."""
        alone = host in self._alone
        if alone not in self._passing:
            flying = (letter for box in self._mail.flying.values() for letter in box)
            self._passing[alone] = needed(self._mail, self._lone() if alone else flying)
        return message in self._passing[alone]

    def _send_agent(self, agent: str, out: list[tuple[str, str, str]]) -> None:
        if agent in self._mail.blocked:
            return
        box = self._mail.boxes[agent]
        room = AHEAD - len(self._mail.flying.get(agent, ()))
        if room <= 0:
            return
        host = self._home(agent)
        if host is None:
            return
        reserved = self._reserved(host)
        for message in islice(box, room):
            if self._mail.letters[message].suspect or (reserved and not self._may_pass(message, host)):
                break
            out.append((message, agent, host))

    def _send_pool(self, kind: str, out: list[tuple[str, str, str]]) -> None:
        waiting = deque(self._mail.pools[kind])
        taken = {agent for _, agent, _ in out}
        homeless = 0
        for agent in self._members(kind):
            if homeless >= len(waiting):
                return
            busy = agent in self._mail.flying or agent in self._mail.boxes or agent in self._mail.blocked
            if busy or agent in taken:
                continue
            host = self._place(agent)
            if host is None:
                homeless += 1  # asking for it may have started a host of its own: no more of them than letters
            elif not self._reserved(host):
                out.append((waiting.popleft(), agent, host))
            else:
                message = next((m for m in waiting if self._may_pass(m, host)), None)
                if message is not None:
                    waiting.remove(message)
                    out.append((message, agent, host))
