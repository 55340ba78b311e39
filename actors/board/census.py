"""The census: which hosts there are, and which agents were put on one of them, as numbered views.

A view is told to everybody who looks, with the one before it: ``[version, lives, pins, lives before, pins before]``.

The rule of this file: one change at a time. Agents move because of a view; the next one waits until all hosts have
said that everybody is where that view puts him. Only the loss of a host is told at once: nobody moves because of it.
"""

from __future__ import annotations

from typing import Any

from stigmergy.protocols.errors import UsageError

from .machines import Machines


class Census:
    """See the head of this file."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines
        self._version = 0
        self._lookers: dict[str, None] = {}
        self._pins: dict[str, str] = {}
        """The host of each agent that was put on one, by names: as it is to be."""
        self._now: list[Any] = [[], {}]
        self._before: list[Any] = [[], {}]
        self._left: dict[str, str] = {}
        """While agents move, the hosts on which they had been put before."""
        self._change = 0
        """The view because of which agents move,"""
        self._moving: set[str] = set()
        """and the hosts where that is not over."""
        self._waiting: list[tuple[str, int]] = []
        """Who waits until it is over, by peer and ticket."""

    def look(self, looker: str) -> list[Any]:
        """The view of this moment; from now on the looker is told of each change."""
        self._lookers[looker] = None
        return self._view()

    def joined(self, host: str, *, looks: bool) -> None:
        """A host has come, which may want to know of the others."""
        if looks:
            self._lookers[host] = None
        if looks and self._moving:
            self._tell(host)  # agents move when all who have links know why, and a newcomer has links
        self._go_on()

    def lost(self, host: str) -> None:
        """A host has gone, and what was put there with it; who is on the way there stays where he was put before."""
        name = host.rpartition(".")[0]
        self._lookers.pop(host, None)
        self._moving.discard(host)
        lives, pins = self._now
        self._left = _without(name, self._left, {})
        pins = _without(name, pins, self._left)
        self._pins = _without(name, self._pins, pins)
        if host in lives:
            self._show([life for life in lives if life != host], pins)
        self._go_on()

    def move(self, agent: str, host: str) -> None:
        """Put an agent on a host. Raises: UsageError when there is no such host."""
        if host not in self._m.incarnations:
            known = ", ".join(sorted(self._m.incarnations)) or "none"
            raise UsageError(f"there is no host {host!r:.70} (hosts: {known:.200})")
        self._pins[agent] = host

    def answer_when_settled(self, peer: str, ticket: int) -> None:
        """Answer a request when everybody is where he is to be."""
        self._waiting.append((peer, ticket))
        self._go_on()

    def settled(self, host: str, version: int) -> None:
        """Everybody who was to leave a host because of a view has gone, and everybody who was to come is there."""
        if version == self._change:
            self._moving.discard(host)
            self._go_on()

    def _go_on(self) -> None:
        if self._moving:
            return
        self._left, lives = {}, sorted(self._m.incarnations.values())
        if self._now != [lives, self._pins]:
            self._left = self._now[1]
            self._show(lives, dict(self._pins))
            self._change = self._version
            self._moving = {life for life in lives if life in self._lookers}
        if not self._moving:
            waiting, self._waiting = self._waiting, []
            for peer, ticket in waiting:
                self._m.outbox.answer(peer, ticket, None)

    def _show(self, lives: list[str], pins: dict[str, str]) -> None:
        self._version += 1
        self._before, self._now = self._now, [lives, pins]
        for looker in self._lookers:
            self._tell(looker)

    def _tell(self, looker: str) -> None:
        self._m.outbox.tell(looker, "hosts", self._view())

    def _view(self) -> list[Any]:
        return [self._version, *self._now, *self._before]


def _without(host: str, pins: dict[str, str], before: dict[str, str]) -> dict[str, str]:
    """Pins without those on one host; whoever had one ``before`` has that again."""
    kept = {agent: before.get(agent, "") if pinned == host else pinned for agent, pinned in pins.items()}
    return {agent: pinned for agent, pinned in kept.items() if pinned}
