"""The registry: which kinds there are, which hosts live, who can do what, and where an agent belongs.

Journaled, because others rely on it after a crash: kinds with their cards (``registry.kind``), every epoch that a
host was given (``registry.join``: an epoch is never given twice, also not after a restart), the end of each life of
a host (``registry.gone``: without it a host that was replaced could renew after a restart), and the measurements
now and then (``registry.measured``, by `checkpoint`).

Not journaled one by one: leases and heartbeats, because they are about this moment and a second old before they are
durable (after a restart `resume` gives every host one lease to show up); and single outcomes, because they are hints
for choosing and come with every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Literal, get_args

from stigmergy.protocols.codec import pack_body
from stigmergy.protocols.errors import Fenced, InvalidCard, JournalCorrupt, NoSuchAgent, UsageError, WireError
from stigmergy.protocols.ids import check_address, check_name
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.supervision import Liveness

from .directory import Directory, Listing, listing_of
from .leases import Leases
from .measured import Measured
from .placement import Member, Seating

Order = Literal["name", "cost", "success", "latency"]
_ORDERS: Final = get_args(Order)
_UNKNOWN: Final = float("inf")
"""What was never measured comes last, not first."""


def no_kind(name: str, kinds: Iterable[str]) -> NoSuchAgent:
    """The error of an address whose kind a swarm does not have: what to do comes first, as a long list is cut."""
    meant = get_close_matches(name, kinds := sorted(kinds), 1)
    hint = f"write {meant[0]!r}, or " if meant else ""
    known = ", ".join(kinds) or "none"
    return NoSuchAgent(f"no kind {name!r:.70} in this swarm: {hint}add it with swarm.add() (kinds: {known:.200})")


@dataclass(frozen=True, slots=True)
class Match:
    """A kind that was found."""

    kind: str
    spec: KindSpec
    hosts: int
    """Hosts that can run it."""
    healthy_hosts: int
    """Those of them whose lease had not ended at the last `Registry.expire`."""
    measured: Measured

    @property
    def healthy(self) -> bool:
        """Whether a message would be handled now, or a host started for it."""
        return self.healthy_hosts > 0 or self.spec.resources.own_process

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able data, with the card."""
        return {
            "kind": self.kind,
            "card": self.spec.card,
            "hosts": self.hosts,
            "healthy_hosts": self.healthy_hosts,
            "measured": self.measured.to_plain(),
        }


class Registry:
    """The state machine. ``limits`` default to a lease of 10 s and a takeover after 15 s."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None], limits: Liveness | None = None) -> None:
        self._record = record
        self._directory = Directory()
        self._seating = Seating()
        self._epochs: dict[str, int] = {}
        self._view = 0
        self._saved: dict[str, Measured] = {}
        self._measured: dict[str, Measured] = {}
        self._leases = Leases(limits or Liveness())

    # -- kinds

    def register_kind(self, spec: KindSpec) -> bool:
        """Enter a kind, or a change to it. False when it was known like that already, and nothing was recorded.

        Raises: InvalidCard for a card that breaks A2A 1.0, or contradicts what is registered; InvalidName,
            UsageError for what no agent can be run with.
        """
        spec.check()
        try:
            packed = pack_body(spec.to_plain())
            listing = listing_of(packed)
        except WireError as why:
            raise InvalidCard(f"kind {spec.name} cannot be recorded: {why}") from None
        known = self._directory.listings.get(spec.name)
        if known is not None and known.plain == listing.plain:
            return False
        self._directory.check(listing)
        self._do("registry.kind", listing.plain)
        return True

    def kind(self, name: str) -> KindSpec:
        """What is registered under a name. Raises: NoSuchAgent."""
        listing = self._directory.listings.get(name)
        if listing is None:
            raise NoSuchAgent(f"no kind {name!r:.70} is registered; there are {', '.join(self.kinds) or 'none'}")
        return listing.spec

    @property
    def kinds(self) -> list[str]:
        """The names of all kinds, in order."""
        return sorted(self._directory.listings)

    # -- hosts

    def join(
        self,
        host: str,
        kinds: Sequence[str],
        now: float,
        *,
        weight: float = 1.0,
        epoch: int | None = None,
        instance: str = "",
    ) -> int:
        """A host comes to life: the epoch under which it may act. An earlier life of it is fenced from here on.

        ``kinds`` is what it runs, as ``kind`` or ``kind/key``; empty for every kind that shares hosts. ``epoch`` is
        what a supervisor chose; without it the next one is given. A repeat with the same ``instance`` gets the same
        epoch. Raises: Fenced when the chosen epoch was given before; InvalidName, UsageError.
        """
        check_name(host, "host")
        known, last = self._seating.members.get(host), self._epochs.get(host, 0)
        if known is not None and instance and known.instance == instance and epoch in {None, known.epoch}:
            self._leases.heard(host, now)
            return known.epoch
        given = last + 1 if epoch is None else epoch
        if given <= last:
            raise Fenced(
                f"host {host} cannot have epoch {given}: {last} was given already; another supervisor is newer"
            )
        if not 0 < weight < float("inf"):
            raise UsageError(f"host {host} has weight {weight!r}; give a finite number above 0")
        runs = [check_address(one) for one in kinds]
        data = {"host": host, "epoch": given, "kinds": runs, "weight": float(weight), "instance": instance}
        self._do("registry.join", data)
        self._leases.heard(host, now)
        return given

    def renew(self, host: str, epoch: int, now: float) -> None:
        """A host gives a sign of life. Raises: Fenced when that life of it is over."""
        if not self._is_current(host, epoch):
            raise Fenced(
                f"host {host} lost epoch {epoch} (newest is {self._epochs.get(host, 0)}); stop, and join again"
            )
        self._leases.heard(host, now)

    def leave(self, host: str, epoch: int) -> bool:
        """A life of a host is over. False when that was known."""
        if not self._is_current(host, epoch):
            return False
        self._do("registry.gone", {"host": host, "epoch": epoch})
        return True

    def expire(self, now: float) -> list[str]:
        """Judge silence; call it every second. The hosts that are gone: their agents are placed elsewhere now."""
        gone = [host for host in self._leases.check(now) if host in self._seating.members]
        for host in gone:
            self.leave(host, self._seating.members[host].epoch)
        return gone

    def resume(self, now: float) -> None:
        """After a replay: every host that lived gets one lease to show up."""
        for host in self._seating.members:
            self._leases.heard(host, now)

    @property
    def members(self) -> Mapping[str, Member]:
        """The hosts that have joined and are not gone."""
        return self._seating.members

    @property
    def epochs(self) -> dict[str, int]:
        """The newest epoch of every host that ever was; what a new supervisor starts from."""
        return dict(self._epochs)

    @property
    def view(self) -> int:
        """How often the hosts have changed: whoever placed an agent under another view has to ask again."""
        return self._view

    # -- questions

    def place(self, agent: str) -> str | None:
        """The host of an agent (``kind/key``), or None while no host runs its kind, or nobody has registered it."""
        listing = self._directory.listings.get(agent.partition("/")[0])
        return None if listing is None else self._seating.home(agent, listing.spec)

    def find(
        self,
        *,
        skill: str | None = None,
        tag: str | None = None,
        accepts: str | None = None,
        healthy: bool = True,
        order_by: Order = "name",
        limit: int | None = None,
    ) -> list[Match]:
        """The kinds that have a skill and a tag and accept a message type (``name`` or ``name@version``).

        ``healthy=False`` also returns kinds whose hosts are all silent or not there yet; ``order_by`` puts the
        cheapest, surest or fastest first, and what was never measured last. Raises: UsageError.
        """
        if order_by not in _ORDERS:
            raise UsageError(f"cannot order by {order_by!r:.40}; use one of {', '.join(_ORDERS)}")
        matches = [self._match(listing) for listing in self._directory.search(skill, tag, accepts)]
        if healthy:
            matches = [match for match in matches if match.healthy]
        if order_by != "name":
            matches.sort(key=lambda match: _rank(match.measured, order_by))
        return matches[:limit]

    # -- measurements

    def outcome(self, kind: str, *, ok: bool, latency_s: float, usd: float | None = None) -> None:
        """Count one turn of a kind; ``usd`` None means that its cost is not known. Raises: NoSuchAgent, UsageError."""
        measured = self._measured.get(kind)
        if measured is None:
            self.kind(kind)
            measured = Measured()
        self._measured[kind] = measured.add(ok=ok, latency_s=latency_s, usd=usd)

    def checkpoint(self) -> bool:
        """Record the measurements that are new. False when none is."""
        new = {kind: sums.to_plain() for kind, sums in self._measured.items() if self._saved.get(kind) != sums}
        if new:
            self._do("registry.measured", {"kinds": new})
        return bool(new)

    # -- entries

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Carry out one journal entry. Raises: JournalCorrupt for an entry that this registry never wrote."""
        match kind:
            case "registry.kind":
                self._directory.put(listing_of(pack_body(data)))
            case "registry.join":
                host, epoch = data["host"], data["epoch"]
                self._epochs[host] = epoch
                self._seating.members[host] = Member(epoch, tuple(data["kinds"]), data["weight"], data["instance"])
                self._view += 1
            case "registry.gone":
                self._seating.members.pop(data["host"], None)
                self._leases.forget(data["host"])
                self._view += 1
            case "registry.measured":
                read = {name: Measured(*sums) for name, sums in data["kinds"].items()}
                self._saved |= read
                self._measured |= read
            case _:
                raise JournalCorrupt(
                    f"the registry has no entry {kind!r:.60}; was this journal written by a newer version?"
                )
        self._seating.changed()

    def _do(self, kind: str, data: dict[str, Any]) -> None:
        self._record(kind, data)
        self.apply(kind, data)

    # -- inside

    def _is_current(self, host: str, epoch: int) -> bool:
        member = self._seating.members.get(host)
        return member is not None and member.epoch == epoch

    def _match(self, listing: Listing) -> Match:
        name = listing.spec.name
        hosts = self._seating.hosts(listing.spec)
        healthy = sum(map(self._leases.healthy, hosts))
        return Match(name, listing.spec, len(hosts), healthy, self._measured.get(name, Measured()))


def _rank(measured: Measured, order_by: Order) -> float:
    if order_by == "success":
        return -measured.success
    value = measured.mean_usd if order_by == "cost" else measured.mean_latency_s
    return _UNKNOWN if value is None else value
