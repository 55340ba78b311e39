"""A kind: one Agent class, one card, and how its agents are run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from .errors import UsageError
from .ids import check_name

DRIVER: Final = "client"
"""The kind of drivers: they write and are written to as ``client/main``."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a kind asks of the process that runs it. The default shares a host with everybody."""

    own_process: bool = False
    """True gives every agent of the kind a host of its own."""
    cpus: float = 0.0
    gpus: float = 0.0
    runtime_env: dict[str, Any] = field(default_factory=dict)
    """Ray's runtime_env, for example ``{"env_vars": {...}}``. Never put a secret in it: Ray stores it in clear."""

    @property
    def shared(self) -> bool:
        """Whether the common hosts will do."""
        return not (self.own_process or self.cpus or self.gpus or self.runtime_env)


@dataclass(frozen=True, slots=True)
class KindSpec:
    """Everything that other processes need to know about a kind."""

    name: str
    module: str
    """Importable module that holds the class; classes travel by name, never pickled."""
    qualname: str
    card: dict[str, Any]
    """The A2A card as plain JSON."""
    accepts: tuple[str, ...] = ()
    """Message types, ``name@version``."""
    skills: tuple[str, ...] = ()
    pool: int = 8
    """How many agents may share the messages addressed to the kind as a whole; 8."""
    mailbox: int = 1_000
    """Messages that may wait for one agent; 1,000."""
    attempts: int = 3
    """How often a message is tried before it is dead-lettered; 3."""
    turn_timeout_s: float = 300.0
    """A handler that runs longer is cancelled; 300 s."""
    reentrant: bool = False
    """Whether an agent takes other messages while it waits in an ask."""
    topics: tuple[str, ...] = ()
    """Topics whose posts go to one agent of the pool each."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Plain values that every agent of the kind gets as ``self.settings``."""
    resources: Resources = Resources()
    reads: tuple[str, ...] = ()
    """Earlier versions of what it accepts that it brings forward, ``name@version``."""
    state: dict[str, Any] = field(default_factory=dict)
    """``version``, ``reads`` (earlier versions) and ``schema`` of its state; empty in journals of before."""

    def __post_init__(self) -> None:
        """Check the name. Raises: InvalidName."""
        check_name(self.name, "kind")

    def check(self) -> None:
        """Look at what its class says, which may be anything. Raises: UsageError, InvalidName."""
        name = self.qualname.rpartition(".")[2]
        for option in ("pool", "mailbox", "attempts"):
            value = getattr(self, option)
            if type(value) is not int or value < 1:
                raise UsageError(f"{name}: {option} is {value!r:.40}; give a whole number from 1")
        seconds = self.turn_timeout_s
        if type(seconds) not in {int, float} or not seconds > 0:
            raise UsageError(f"{name}: turn_timeout_s is {seconds!r:.40}; give a number of seconds above 0")
        if type(self.resources) is not Resources:
            raise UsageError(f"{name}: resources is {self.resources!r:.40}; give Resources(...)")
        if self.name == DRIVER:
            raise UsageError(f"{name}: the kind {DRIVER!r} is the driver's; give it another name")
        for topic in self.topics:
            check_name(topic.removesuffix("*") or "all" if type(topic) is str else topic, f"{name}: topic")

    def takes(self, message_type: str) -> bool:
        """Whether its handlers can be given that type."""
        return message_type in self.accepts or message_type in self.reads

    @property
    def runs_ahead(self) -> bool:
        """Whether an agent may begin its next turn before the last one has committed.

        One attempt is too few for it: when the host dies, nobody knows which of the turns it was.
        """
        return not self.reentrant and self.attempts > 1

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able data, to be packed: it shares its parts with this."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**plain, "resources": asdict(self.resources)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> KindSpec:
        """The inverse of `to_plain`."""
        known = dict(plain)
        known["resources"] = Resources(**plain["resources"])
        for name in ("accepts", "reads", "skills", "topics"):
            known[name] = tuple(plain.get(name, ()))
        return cls(**known)
