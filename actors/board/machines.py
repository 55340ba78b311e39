"""The machines of one shard, and the moment they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from stigmergy.protocols.errors import NoSuchAgent, UnknownMessage
from stigmergy.protocols.ids import skill_of
from stigmergy.protocols.kind import DRIVER, KindSpec

from ..ledger.ledger import Ledger
from ..registry.registry import Registry, no_kind
from .dispatch import Dispatcher
from .exchange import Exchange
from .grants import Grants
from .holders import Holders
from .letter import Letter
from .living import Living
from .mail import Mail
from .outbox import Outbox
from .owners import ONLY, Place
from .purse import Purse
from .space import Space
from .treasury import Treasury
from .warden import Warden

Record = Callable[[str, dict[str, Any]], None]

CLIENT: Final = DRIVER
"""The kind of everybody outside: drivers and their requests."""


class Machines:
    """Everything a shard knows. State changes only inside the machines, by entries."""

    def __init__(
        self, record: Record, limits: dict[str, Any], now: float, place: Place = ONLY, begins: int | None = None
    ) -> None:
        self.record = record
        self.now = now
        """Unix seconds; never goes back."""
        self.round = begins
        """What time it is on the blackboard of a swarm that goes by rounds; None in real time. See `Outpost`."""
        self.stopped: tuple[str, str] | None = None
        """(reason, text) once the swarm has stopped."""
        self.kinds: dict[str, KindSpec] = {}
        self.incarnations: dict[str, str] = {}
        """Live hosts: name to ``name.epoch``, under which this life of it is known everywhere."""
        self.outbox = Outbox()
        self._turns: set[str] = set()
        """Messages whose turns run now, as far as the board knows."""
        self._wanted: set[str] = set()
        """Agents with a host of their own that was asked for."""
        self.place = place
        self.exchange = Exchange(record, place)
        self.mail = Mail(record)
        self.space = Space(record)
        self.registry = Registry(record)
        ledger = Ledger(record)
        self.treasury = Treasury(ledger)
        self.holders = Holders(self.mail.states, self.mail.flying)
        self.living = Living(ledger, self.mail, self.holders)
        self.grants = Grants(record, self.treasury, self.exchange)
        self.purse = Purse(record, self.exchange)
        self.warden = Warden(record, limits, place)
        self.dispatcher = Dispatcher(self.mail, self.host_of, self.members)

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Replay one journal entry."""
        part = kind.partition(".")[0]
        if part == "mail":
            self.mail.apply(kind, data)
        elif part == "ledger":
            self.treasury.ledger.apply(kind, data)
        elif part == "registry":
            self.registry.apply(kind, data)
            if kind == "registry.kind":
                self._learn(KindSpec.from_plain(data))
        elif part == "watch":
            self.warden.apply(data)
        elif part in {"facts", "claims", "trails", "topics"}:
            self.space.apply(kind, data)
        elif part == "shard":
            self.exchange.apply(kind, data)
        elif part == "purse":
            self.purse.apply(kind, data)
        elif part == "grant":
            self.grants.apply(kind, data)
        elif kind == "swarm.stop":
            self.stopped, self.dispatcher.paused = (data["reason"], data["text"]), True
        elif kind == "swarm.resume":
            self.stopped, self.dispatcher.paused = None, False

    def do(self, kind: str, data: dict[str, Any]) -> None:
        """Record an entry of the swarm itself, and carry it out."""
        self.record(kind, data)
        self.apply(kind, data)

    @property
    def moment(self) -> float:
        """What trails and claims take for now."""
        return self.now if self.round is None else float(self.round)

    def elsewhere(self, address: str) -> int | None:
        """The other shard that has the mail of an agent or a kind; None when it is here, as whoever is outside is."""
        if not self.exchange.lanes or address.startswith(f"{CLIENT}/"):
            return None
        shard = self.exchange.owners.of_agent(address)
        return None if shard == self.exchange.me else shard

    def holder(self, part: str, name: str) -> int | None:
        """The other shard that holds something of the blackboard; None when it is here."""
        shard = self.exchange.owners.of_name(part, name)
        return None if shard == self.exchange.me else shard

    def acted_on(self, letter: Letter, told: Iterable[int]) -> Iterable[int]:
        """The other shards on which the turn of a letter may have acted: those of its one try, as it tells, or all."""
        if not self.exchange:
            return ()
        first = letter.attempts == 1 and not (letter.round or letter.returned)
        return [shard for shard in told if shard != self.exchange.me] if first else self.exchange.lanes

    def forget(self, turn: str, shards: Iterable[int]) -> None:
        """A turn is over: what it did at once, here and elsewhere, cannot be repeated any more."""
        self.space.forget(turn)
        for shard in shards:
            self.exchange.put(shard, "forget", turn)

    def runs_ahead(self, agent: str) -> bool:
        """Whether any letter that a host has for an agent may have run, and not only the first."""
        kind = self.kinds[agent.partition("/")[0]]
        return kind.runs_ahead or kind.reentrant

    def begin_turn(self, agent: str) -> None:
        """The first letter that a host has for an agent is the one it runs; a reentrant kind runs them all."""
        flying = self.mail.flying.get(agent)
        if flying is None:
            return
        kind = self.kinds[agent.partition("/")[0]]
        for message in flying:
            if message not in self._turns:
                self._turns.add(message)
                conversation = self.mail.letters[message].envelope.conversation
                self.warden.turn_began(message, agent, conversation, self.now + kind.turn_timeout_s, self.now)
            if not kind.reentrant:
                return

    def end_turn(self, message: str, agent: str) -> None:
        """A turn is over, or starts over: the next one begins."""
        self._turns.discard(message)
        self.warden.turn_ended(message, agent)
        self.begin_turn(agent)

    def host_of(self, agent: str) -> str | None:
        """The live host of an agent, as ``name.epoch``, or None."""
        host = self.registry.place(agent)
        if host is not None:
            return self.incarnations.get(host)
        if agent not in self._wanted and not self.kinds[agent.partition("/")[0]].resources.shared:
            self._wanted.add(agent)
            self.outbox.event("host_wanted", {"agent": agent})
        return None

    def members(self, kind: str) -> Iterable[str]:
        """The agents of a kind's pool that may have a letter. See `Living.members`."""
        return self.living.members(kind, self.kinds[kind].pool)

    def release(self, agents: Iterable[str]) -> None:
        """These agents may be alive no more: what waits in a pool may get the room that they leave."""
        if self.living.counted and self.living.release(agents):
            for kind in self.mail.pools:
                self.dispatcher.stir(kind)

    def add_kind(self, spec: KindSpec) -> None:
        """Make a kind known to every machine."""
        self.registry.register_kind(spec)
        self._learn(spec)
        for topic in spec.topics:
            self.space.topics.subscribe(topic, spec.name, "agents")

    def _learn(self, spec: KindSpec) -> None:
        self.kinds[spec.name] = spec
        self.warden.kind(spec)

    def resolve(self, address: str, message_type: str) -> tuple[str, str]:
        """Whom an address means, as (agent, "") or ("", pool).

        Raises: NoSuchAgent, UnknownMessage when the kind does not accept the type.
        """
        name, agent, _ = address.partition("/")
        kind = self.kinds.get(name)
        if kind is not None and kind.takes(message_type):
            return (address, "") if agent else ("", name)
        skill = skill_of(address)
        if skill is not None:
            offering = [m.kind for m in self.registry.find(skill=skill, healthy=False)]
            able = next((k for k in offering if self.kinds[k].takes(message_type)), None)
            if able is not None:
                return "", able
            skills = ", ".join(sorted({one for kind in self.kinds.values() for one in kind.skills})) or "none"
            known = "; it is offered, but for other messages" if offering else f" (skills: {skills:.200})"
            raise NoSuchAgent(f"nobody has the skill {skill!r} and accepts {message_type}{known}")
        if kind is None:
            raise no_kind(name, self.kinds)
        accepted = ", ".join(kind.accepts) or "nothing"
        raise UnknownMessage(f"{name} does not accept {message_type}; it accepts {accepted:.200}")
