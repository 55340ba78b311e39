"""The board: all machines of one shard over one journal, and what hosts and drivers may ask of them.

No I/O but the journal's; time is passed in. Frames come in, entries are written, and frames go out
only after the entries are durable: `Board.handle` collects, `Board.commit` makes durable and returns
what may be sent. One call of `commit` covers everything handled since the last one (group commit).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Fenced, StigmergyError, SwarmStopped, UsageError
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.turn import Step

from ..journal.port import Journal
from .acting import Acting
from .arguments import checked
from .cases import Cases
from .cashier import Cashier, Unpaid
from .clerk import Clerk
from .digest import RunDigest
from .gate import Gate
from .halfway import check_whole
from .machines import CLIENT, Machines
from .neighbours import Neighbours, is_board
from .outbox import Event, Out
from .outpost import Outpost
from .outsiders import Outsiders
from .owners import ONLY, Place
from .press import Press
from .pressure import Pressure
from .put_back import PutBack
from .reopening import Reopening
from .tenants import Tenants
from .threshold import check_before_pay, timed
from .treasury import PARKED
from .turns import Turns
from .watchers import Watchers

PAYING: Final = frozenset({"send", "commit"})
"""Requests that may have to wait until they can be paid for, all in their order."""

MEASURED_EVERY_S: Final = 60.0
"""How often the registry's measurements go to the journal: hints for choosing, not truth."""


class BoardConfig(NamedTuple):
    """What a board is told when it opens."""

    run: str
    limits: dict[str, Any]
    """Changes to the loop watchdog's defaults, by name."""
    place: Place = ONLY
    rounds: bool = False  # which is what time on the blackboard counts then


class Board:
    """One shard of the blackboard, with the registry, the ledger and the watchdog of the swarm."""

    def __init__(self, journal: Journal, config: BoardConfig, now: float) -> None:
        self._journal = journal
        self._batch: list[tuple[str, dict[str, Any]]] = []
        self._digest = RunDigest()
        self.machines = m = Machines(self._record, config.limits, now, config.place, 0 if config.rounds else None)
        self._clerk = Clerk(m)
        self._press = Press(m, self._clerk)
        self._cashier = Cashier(m)
        self._pressure = Pressure(m)
        self._cases = Cases(m, self._clerk)
        self._outsiders = Outsiders(m, self._clerk, journal)
        self._turns = Turns(m, self._clerk, self._press, self._cashier, self._pressure, self._cases, self._outsiders)
        self._past = Reopening(m, self._clerk, self._cases, self._outsiders)
        self._measured_at = now
        self._unpaid: list[tuple[str, int, str, Any]] = []  # requests that wait for money, as for `handle`
        self._watchers = Watchers(m.space)
        outpost = Outpost(m, self._clerk)
        self._acting = Acting(m, self._clerk, outpost)
        self.tenants = Tenants(m, self._clerk, self._cases, self._past, self._watchers)
        self.neighbours = Neighbours(m, self._clerk, self._press, self._pressure, self.tenants)
        self._gate = Gate(m.exchange)
        self._requests: dict[str, Callable[[str, int, Any], Any]] = {
            "send": self._send,
            **self._turns.requests,
            "act": self._act,
            "look": lambda _p, _t, a: m.space.look(a[0], a[1], m.moment),
            "watch": self._watch,
            "unwatch": lambda peer, _t, a: self._watchers.unwatch(peer, [(part, name) for part, name in a]),
            "settle": lambda _p, _t, _a: m.purse.settle(),
            "now": lambda _p, _t, _a: m.now,
            "ledger": self._ledger,
            "find": lambda _p, _t, a: [match.to_plain() for match in m.registry.find(**checked("find", a))],
            "kind": self._kind,
            "progress": lambda _p, _t, a: m.warden.progress(a[0], m.now, a[1]),
            "heard": lambda peer, _t, a: self._outsiders.tell_again(peer, a),
            "resume": lambda peer, _t, _a: self._outsiders.come_back(peer),
            "stop": lambda _p, _t, a: self._clerk.stop(a[0], a[1]),
            "kinds": lambda _p, _t, _a: m.registry.kinds,
            "resolve": lambda _p, _t, a: self._resolve(*a),
            "cases": lambda _p, _t, _a: self._cases.open(),
            "decide": lambda _p, _t, a: self._outsiders.decide("".join(a[4:]), lambda: self._cases.decide(*a[:4])),
            "put back": lambda _p, _t, a: PutBack(m).put_back(a),
            "counts": lambda _p, _t, _a: self.counts(),
            **self.tenants.requests,
            **outpost.requests,
            **self._acting.requests,
        }
        self._past.replay(journal, self._digest, config.run)
        self._epoch = journal.take_epoch()

    @property
    def now(self) -> float:
        """Unix seconds of the newest thing that it knows."""
        return self.machines.now

    # -- what comes in -----------------------------------------------------------------------

    def handle(self, peer: str, ticket: int, name: str, payload: Any, now: float) -> None:
        """Carry out one frame of a peer; answers and errors go to the outbox. Raises: as `check_whole`."""
        m = self.machines
        m.now = max(m.now, now)
        if is_board(peer):
            self.neighbours.hear(peer, name, payload)
            return
        if self._unpaid and name in PAYING:
            self._unpaid.append((peer, ticket, name, payload))
            return
        written = len(self._batch)
        try:
            self._check_lives(peer)
            answer = self._request(name)(peer, ticket, payload)
        except Unpaid:
            self._unpaid.append((peer, ticket, name, payload))
        except Exception as error:  # noqa: BLE001 - whatever it is, the peer that asked gets it
            check_whole(error, len(self._batch) - written, peer, name)
            m.outbox.fail(peer, ticket, error)
        else:
            if answer is not PARKED:
                m.outbox.answer(peer, ticket, answer)

    def tick(self, now: float) -> None:
        """Do what time demands: expired leases, deadlines, verdicts. Call it about every half second."""
        m = self.machines
        m.now = max(m.now, now)
        m.treasury.expire(m.now)
        if self._past.asleep:
            return
        for lapse in m.space.expire(m.moment):
            self._clerk.lapsed(lapse)
        self._clerk.expire()
        if m.now >= self._measured_at + MEASURED_EVERY_S:
            self._measured_at = m.now
            m.registry.checkpoint()
        self.tenants.expire()
        for verdict in m.warden.sweep(m.now):
            self._clerk.carry_out(verdict)

    def commit(self, now: float) -> tuple[list[Out], list[Event]]:
        """Make everything handled so far durable, dispatch what may go, and return what may be sent."""
        m = self.machines
        m.now = max(m.now, now)
        if m.exchange:
            self._settle_up()
        for granted in m.treasury.unpark(m.now) if self._batch else ():
            if granted.error is None:
                m.outbox.answer(granted.peer, granted.ticket, None)
            else:
                m.outbox.fail(granted.peer, granted.ticket, granted.error)
        self._pressure.let_go()
        for alert in m.treasury.alerts():
            m.outbox.event("budget_alert", dict(zip(alert._fields, alert, strict=True)))
        if m.treasury.exhausted is not None:
            self._clerk.stop("budget", str(m.treasury.exhausted))
        self.tenants.hand_out()
        m.purse.seal()
        heard = m.exchange.seal()
        if self._batch or heard:
            batch, self._batch = self._batch, []
            self._journal.append([*heard, *batch] if heard else batch, m.now, self._epoch)
            for kind, data in batch:
                self._digest.add(kind, data)
            for host, changes in self._watchers.committed(batch).items() if self._watchers else ():
                m.outbox.tell(host, "replica", changes)
        if not m.exchange:
            return m.outbox.take()
        self.neighbours.speak()
        frames, events = self._gate.let_out(*m.outbox.take())
        return [*m.outbox.take_asides(), *frames], events

    def _settle_up(self) -> None:
        """Grant what other shards ask for, and carry out what waited until it could be paid for."""
        m = self.machines
        m.grants.serve(m.now)
        if not (self._cashier.news and self._unpaid):
            return
        waiting, self._unpaid = self._unpaid, []
        for number, (peer, ticket, name, payload) in enumerate(waiting):
            self.handle(peer, ticket, name, payload, m.now)
            if self._unpaid:  # this one waits again, and so do all behind it
                self._unpaid += waiting[number + 1 :]
                break
        m.purse.forget_refusals()

    def _check_lives(self, peer: str) -> None:
        """Raise Fenced for a host whose life is over: a successor owns its work."""
        if not peer.startswith(CLIENT + "/") and self.machines.incarnations.get(peer.rpartition(".")[0]) != peer:
            raise Fenced(f"{peer} has lost its lease; stop")

    def _request(self, name: str) -> Callable[[str, int, Any], Any]:
        request = self._requests.get(name)
        if request is None:
            raise UsageError(f"the board has no request {name!r:.60}")
        return request

    # -- the requests ------------------------------------------------------------------------

    def _send(self, peer: str, ticket: int, payload: list[Any]) -> Any:
        fields, step, reads, *left_s = payload
        m = self.machines
        envelope = timed(m, Envelope.from_wire(fields), *left_s)
        outside = envelope.sender.startswith(CLIENT + "/")
        if outside and self._outsiders.is_repeat(envelope):
            return None
        if m.stopped is not None:
            raise SwarmStopped(m.stopped[1], m.stopped[0])
        if step:
            self._turns.owned(envelope.cause, peer)
        for read in reads:
            m.mail.step(envelope.cause, Step(*read))
        if (step and self._clerk.answer_again(envelope, *step)) or m.mail.is_known(envelope.id):
            return None
        check_before_pay(m, envelope, outside=outside)
        if not (outside and self._clerk.dead_letters.has(envelope.id)):
            self._cashier.pay((envelope,))  # one that was refused before has paid
        if envelope.mode == "post":
            self._press.post(envelope)
            return None
        error = self._clerk.admit(envelope, (step[0], step[1]) if step else None)
        if error is not None:
            raise error
        full = "" if outside else self._pressure.full((envelope,))
        if full:
            self._pressure.hold(peer, ticket, full)
            return PARKED
        return None

    def _ledger(self, peer: str, ticket: int, payload: list[Any]) -> Any:
        m = self.machines
        if payload[0] == "reserve" and m.stopped is not None:
            raise SwarmStopped(m.stopped[1], m.stopped[0])
        if payload[0] == "open":
            m.treasury.request(peer, ticket, payload, m.now)
            return m.living.recount()
        return m.treasury.request(peer, ticket, payload, m.now)

    def _act(self, peer: str, _ticket: int, payload: list[Any]) -> Any:
        if peer.startswith(CLIENT + "/"):
            return self._outsiders.act(payload[3], lambda: self._acting.driven(payload))
        return self._acting.act(*payload)

    def _watch(self, peer: str, _ticket: int, payload: list[str]) -> float:
        part, name = payload
        self.machines.outbox.tell(peer, "replica", [self._watchers.watch(peer, (part, name), len(self._batch))])
        return self.machines.now

    def _kind(self, _peer: str, _ticket: int, payload: dict[str, Any]) -> None:
        self.machines.add_kind(KindSpec.from_plain(payload))
        self.machines.dispatcher.stir_all()

    def _resolve(self, address: str, message_type: str) -> str:
        """Whom an address means: an agent or a kind; empty when nobody takes such a message."""
        try:
            agent, pool = self.machines.resolve(address, message_type)
        except StigmergyError:
            return ""
        return agent or pool

    def counts(self) -> dict[str, Any]:
        """Figures for progress lines and reports."""
        m = self.machines
        return {
            "accepted": self._clerk.accepted,
            "waiting": len(m.mail.letters) + m.exchange.letters,
            "dead_letters": dict(self._clerk.dead_letters.counts),
            "left": self._past.left,
            "decided": sum(message not in m.mail.held for message in m.mail.decided),
            "reserved": sum(not held.worst.messages for held in m.treasury.ledger.reservations()),
            "forfeited": m.treasury.ledger.forfeited.calls,
            "forfeited_tools": m.treasury.ledger.forfeited.tools,
            "held": len(m.mail.held),
            "seq": self._journal.last_seq,
            "stopped": list(m.stopped) if m.stopped else None,
            "digest": self._digest.hex(),
        }

    def _record(self, kind: str, data: dict[str, Any]) -> None:
        self._batch.append((kind, data))
