"""Dispatch: which waiting letter goes to which agent on which host, and when. No I/O.

An agent gets its mail in order, a few letters ahead of what it has finished. A pool gives each
letter to its least busy agent, and grows to the kind's cap only when all are busy. Letters that were
in flight when a host died go out alone: while one of them runs, its host gets nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from .mail import Mail

AHEAD: Final = 16
"""Letters that a host may hold for one agent, so that it need not wait for the board between turns."""

Place = Callable[[str], str | None]
"""The live host for an agent id, or None while there is none."""


class Dispatcher:
    """Remembers which addresses may have something to send, and hands out what may go."""

    def __init__(self, mail: Mail, place: Place, pool_cap: Callable[[str], int]) -> None:
        self._mail = mail
        self._place = place
        self._pool_cap = pool_cap
        self._stirred: dict[str, None] = {}
        self._suspects: dict[str, deque[str]] = {}
        self._alone: dict[str, str] = {}
        """By host: the suspect that runs there now."""
        self.paused = False

    def stir(self, address: str) -> None:
        """Look at an agent or a pool again: it got mail, or finished some."""
        self._stirred[address] = None

    def stir_all(self) -> None:
        """Look at everybody again: hosts came or went."""
        for address in (*self._mail.boxes, *self._mail.pools):
            self._stirred[address] = None

    def suspect(self, messages: list[str]) -> None:
        """Put letters that a dead host had in the line of those that go alone."""
        for message in messages:
            host = self._place(self._mail.letters[message].agent) or ""
            self._suspects.setdefault(host, deque()).append(message)

    def finished(self, message: str, host: str, agent: str, pool: str) -> None:
        """A letter has left the mail: look at whom that lets go on."""
        if self._alone.get(host) == message:
            del self._alone[host]
            self.stir_all()
        self._stirred[agent] = None
        if pool:
            self._stirred[pool] = None

    def lost(self, host: str) -> None:
        """A host is gone: nothing runs alone there any more."""
        self._alone.pop(host, None)
        moved = self._suspects.pop(host, None)
        if moved:
            self.suspect([m for m in moved if m in self._mail.letters])
        self.stir_all()

    def ready(self) -> list[tuple[str, str, str]]:
        """What may go now, as (message, agent, host). The caller counts the attempt of each before it goes."""
        if self.paused:
            return []
        out: list[tuple[str, str, str]] = []
        self._send_suspects(out)
        stirred, self._stirred = self._stirred, {}
        for address in stirred:
            if address in self._mail.boxes:
                self._send_agent(address, out)
            if address in self._mail.pools:
                self._send_pool(address, out)
        return out

    def _send_suspects(self, out: list[tuple[str, str, str]]) -> None:
        for waiting_for in list(self._suspects):
            line = self._suspects[waiting_for]
            while line and line[0] not in self._mail.letters:
                line.popleft()
            if not line:
                del self._suspects[waiting_for]
                continue
            letter = self._mail.letters[line[0]]
            host = self._place(letter.agent)
            if host is None or host in self._alone:
                continue
            message = line.popleft()
            self._alone[host] = message
            out.append((message, letter.agent, host))

    def _reserved(self, host: str) -> bool:
        return host in self._alone or host in self._suspects

    def _send_agent(self, agent: str, out: list[tuple[str, str, str]]) -> None:
        box = self._mail.boxes[agent]
        room = AHEAD - len(self._mail.flying.get(agent, ()))
        if room <= 0:
            return
        host = self._place(agent)
        if host is None or self._reserved(host):
            return
        for message in [m for _, m in zip(range(room), box, strict=False)]:
            if self._mail.letters[message].suspect:
                break
            out.append((message, agent, host))

    def _send_pool(self, kind: str, out: list[tuple[str, str, str]]) -> None:
        waiting = iter(list(self._mail.pools[kind]))
        taken = {agent for _, agent, _ in out}
        for number in range(1, self._pool_cap(kind) + 1):
            agent = f"{kind}/pool.{number}"
            if agent in self._mail.flying or agent in self._mail.boxes or agent in taken:
                continue
            host = self._place(agent)
            if host is None or self._reserved(host):
                continue
            message = next(waiting, None)
            if message is None:
                return
            out.append((message, agent, host))
