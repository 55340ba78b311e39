"""Tenants: the hosts that have joined, the letters they are handed, and what becomes of those when one is lost.

The rule of this file: a letter is at one host at a time. What a lost host had goes out again only when its life is
over everywhere: here at once, and at the other shards when they have confirmed it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final

from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import BudgetExhausted, Oversized
from stigmergy.protocols.turn import Delivery

from ..transport.channel import MAX_BYTES
from .cases import Cases
from .census import Census
from .clerk import Clerk
from .living import FULL
from .machines import Machines
from .outbox import Out
from .reopening import Reopening
from .treasury import PARKED
from .watchers import Watchers

LOST: Final = "lost"
"""The parcel that tells another shard of the end of a host's life."""

TOO_LARGE: Final = "too large"
"""Why a letter died whose delivery fits into no frame."""

NAMES_BYTES: Final = 4_096
"""More than a frame has besides message, steps and state."""


class Tenants:
    """The hosts of one shard."""

    def __init__(self, machines: Machines, clerk: Clerk, cases: Cases, past: Reopening, watchers: Watchers) -> None:
        self._m = machines
        self._clerk = clerk
        self._cases = cases
        self._past = past
        self._watchers = watchers
        self._census = Census(machines)
        self._stalled: dict[str, str] = {}
        """Lives of hosts that stood still when last heard of, and how their shepherd words it."""
        if machines.exchange:
            machines.dispatcher.embargo = lambda: machines.exchange.awaits(LOST)
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "join": lambda _p, _t, a: self._join(*a),
            "renew": self._renew,
            "lost": lambda _p, _t, a: self.lost(a[0], a[1]),
            "stalled": lambda _p, _t, a: self._note_stalled(*a),
            "retire": lambda peer, ticket, a: self._retire(peer, ticket, *a),
            "passivate": lambda peer, _t, a: self._passivate(a, peer),
            "epochs": lambda _p, _t, _a: self._m.registry.epochs,
            "hosts": lambda peer, _t, _a: self._census.look(peer),
            "move": self._move,
            "settled": lambda peer, _t, version: self._census.settled(peer, version),
            "when settled": self._when_settled,
        }
        """Requests of hosts and of those who start them."""

    def hand_out(self) -> None:
        """Send what may go to the hosts where it belongs; the attempt is counted first."""
        m = self._m
        ready = m.dispatcher.ready(m.now)
        if m.living.counted:
            full: dict[str, int] = {}
            ready = [one for one in ready if self._enters(*one, full)]
        if ready:
            m.mail.attempts(ready)
        for message, agent, host in ready:
            letter = m.mail.letters[message]
            envelope = letter.envelope if letter.envelope.to == agent else letter.envelope._replace(to=agent)
            state = m.holders.due(agent, host)
            steps = tuple(letter.steps.values()) if letter.steps else ()
            delivery = Delivery(agent, envelope, letter.at, letter.attempts, steps, state, letter.round, letter.fork)
            error = _too_large(delivery) if steps or state else None  # a message alone always fits
            if error is not None:
                m.holders.missed(agent)
                self._clerk.bury(message, TOO_LARGE, error)
                continue
            m.outbox.tell(host, "deliver", delivery)
            if letter.pool and envelope.mode == "ask":
                self._clerk.watch_wait(envelope, agent)
            m.begin_turn(agent)

    def _enters(self, message: str, agent: str, _host: str, full: dict[str, int]) -> bool:
        """Whether an agent may have a letter that waited in a pool. Without room for it, those that are alive share.

        ``full`` is, by pool, from which depth on there was no room just now.
        """
        m, letter = self._m, self._m.mail.letters[message]
        if letter.agent:
            return True
        kind, depth = letter.pool, m.living.depth_of(agent, letter.depth or 1)
        if agent not in m.treasury.ledger.alive and depth >= full.get(kind, inf):
            return False
        try:
            m.living.enter(agent, depth)
        except BudgetExhausted as error:
            if m.living.shares(kind, m.kinds[kind].pool):
                full[kind] = depth if error.dimension == "depth" else 0
            else:
                self._clerk.bury(message, FULL, error)
            return False
        return True

    def _passivate(self, agents: list[str], host: str) -> list[str]:
        granted = self._m.holders.let_go(agents, host)
        self._m.release(granted)
        return granted

    def lost(self, host: str, reason: str, *, by_itself: bool = True, known: bool = False) -> None:
        """A life of a host (``name.epoch``) is over: what it had goes back, to be tried again one at a time.

        Unless it did not die ``by_itself`` but was ended, which is no letter's fault. ``known``: all others know it.
        """
        m = self._m
        name, _, epoch = host.rpartition(".")
        if m.incarnations.get(name) != host:
            return
        del m.incarnations[name]
        self._stalled.pop(host, None)
        m.registry.leave(name, int(epoch))
        m.treasury.forget(host)
        self._watchers.forget(host)
        letters = m.mail.lost(host, m.runs_ahead, by_itself=by_itself)
        m.holders.lost(host)
        again = self._cases.hold_doubtful(letters)
        m.dispatcher.suspect([message for message in again if not self._clerk.bury_if_deadly(message, reason)])
        m.dispatcher.lost(host)
        self._census.lost(host)
        if m.living.counted:
            m.living.release_all()
        if not known:
            m.exchange.tell_all(LOST, [host, reason])
        event = "host_gone" if known else "host_lost"
        left = (m.mail.letters.get(message) for message in letters)
        tried = sum(letter is not None and not letter.held_at for letter in left)
        m.outbox.event(event, {"host": host, "reason": reason, "letters": tried})

    def expire(self) -> None:
        """Give up the hosts that were silent for too long."""
        m = self._m
        for name in m.registry.expire(m.now):
            life = m.incarnations.get(name, "")
            why = self._stalled.get(life)
            self.lost(life, f"its lease ended, because {why}" if why else "its lease ended")

    def _note_stalled(self, life: str, why: str) -> None:
        if self._m.incarnations.get(life.rpartition(".")[0]) == life:
            self._stalled[life] = why

    def _join(self, host: str, kinds: list[str], chosen: int | None, looks: bool = False) -> int:  # noqa: FBT001, FBT002 - off a wire
        m = self._m
        if host in m.incarnations:
            self.lost(m.incarnations[host], "replaced")
        epoch = m.registry.join(host, kinds, m.now, epoch=chosen)
        life = m.incarnations[host] = f"{host}.{epoch}"
        self._past.wake()
        m.dispatcher.joined()
        self._census.joined(life, looks=looks)
        if m.exchange:
            m.outbox.tell(life, "joined", m.exchange.me)
        return epoch

    def _renew(self, peer: str, _ticket: int, _payload: Any) -> None:
        name, _, epoch = peer.rpartition(".")
        self._m.registry.renew(name, int(epoch), self._m.now)

    def _move(self, peer: str, ticket: int, payload: list[Any]) -> Any:
        self._census.move(*payload)
        return self._when_settled(peer, ticket, None)

    def _when_settled(self, peer: str, ticket: int, _payload: Any) -> Any:
        self._census.answer_when_settled(peer, ticket)
        return PARKED

    def _retire(self, peer: str, ticket: int, hosts: list[str], reason: str) -> Any:
        """These were ended, all of them and at every shard, because another shard is gone: none waits for that one."""
        for host in hosts:
            self.lost(host, reason, by_itself=False, known=True)
        self._m.outbox.asides.append(Out(peer, "", ticket, None))
        return PARKED


def _too_large(delivery: Delivery) -> Oversized | None:
    """The error of a delivery that fits into no frame."""
    state = len(delivery.state or b"")
    if not (delivery.steps or state > MAX_BYTES // 2):
        return None
    steps, message = len(pack(delivery.steps)), len(pack(delivery.envelope))
    if steps + state + message + NAMES_BYTES <= MAX_BYTES:
        return None
    return Oversized(
        f"message {message:,} bytes, recorded steps {steps:,}, state {state:,}: together over {MAX_BYTES:,}, so it "
        "fits into no frame to a host; let steps return references, and keep less in the state"
    )
