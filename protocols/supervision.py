"""How children are kept alive, as data: the specification, where a child is, and what a supervisor decides.

Vocabulary and meaning are Erlang/OTP's (erlang.org/doc/system/sup_princ.html). The figures are chosen so that a lease
has always ended before anybody takes over: see `Liveness`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .errors import UsageError
from .ids import check_name


class Restart(StrEnum):
    """Which exits lead to a restart."""

    PERMANENT = "permanent"
    """Every one. You most likely want this."""
    TRANSIENT = "transient"
    """Only a failure: a child that ends normally has done its work, and is not started again."""
    TEMPORARY = "temporary"
    """None, not even when the strategy restarts its siblings."""


class Strategy(StrEnum):
    """Who is restarted with a child that failed."""

    ONE_FOR_ONE = "one_for_one"
    """Nobody else. For children that know nothing of each other, such as hosts."""
    ONE_FOR_ALL = "one_for_all"
    """Everybody, one after the other. For children that cannot work without each other."""
    ALL_AT_ONCE = "all_at_once"
    """Everybody. For children that begin again together, and of which none builds on another."""
    REST_FOR_ONE = "rest_for_one"
    """Those that come after it in the list. For children that build on the ones before."""

    @property
    def ordered(self) -> bool:
        """Whether each child starts when the one before is up, and stops before it does."""
        return self in {Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE}


class Exit(StrEnum):
    """How a child ended, as far as is known."""

    NORMAL = "normal"
    """It finished, and its process is gone."""
    CRASHED = "crashed"
    """It failed, and its process is gone: somebody on its own node saw the end."""
    LOST = "lost"
    """Nobody can tell. It may still run behind a partition, so its successor waits until its lease has ended."""


@dataclass(frozen=True, slots=True)
class Intensity:
    """More than ``restarts`` in ``within_s`` is no accident any more: 3 in 60 s."""

    restarts: int = 3
    within_s: float = 60.0

    def __post_init__(self) -> None:
        """Check the figures. Raises: UsageError."""
        if self.restarts < 0 or self.within_s <= 0:
            raise UsageError(f"{self}: use restarts >= 0 and within_s > 0")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double, with full jitter: 0.5 s, 1 s, 2 s ... at most 30 s, each times a random number in [0, 1).

    Full jitter spreads retries best (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 30.0

    def __post_init__(self) -> None:
        """Check the figures. Raises: UsageError."""
        if not (0 <= self.first_s <= self.longest_s and self.factor >= 1):
            raise UsageError(f"{self}: use 0 <= first_s <= longest_s and factor >= 1")

    def ceiling_s(self, retry: int) -> float:
        """The longest wait before retry number ``retry``, counted from 0."""
        wait = self.first_s
        for _ in range(retry):  # not a power: 2.0 ** 2000 overflows
            if wait >= self.longest_s or self.factor == 1 or wait == 0:
                break
            wait *= self.factor
        return min(wait, self.longest_s)

    def wait_s(self, retry: int, draw: float) -> float:
        """The wait before retry number ``retry``, counted from 0; ``draw`` is random in [0, 1)."""
        return self.ceiling_s(retry) * draw


@dataclass(frozen=True, slots=True)
class MessageRetry:
    """How often a message is tried, and the waits between: 3 attempts, 0.1 s x2 up to 5 s."""

    attempts: int = 3
    backoff: Backoff = Backoff(first_s=0.1, factor=2.0, longest_s=5.0)

    def __post_init__(self) -> None:
        """Check the figures. Raises: UsageError."""
        if self.attempts < 1:
            raise UsageError(f"{self}: use attempts >= 1; the first try counts")

    def wait_s(self, attempts: int, draw: float) -> float | None:
        """The wait after ``attempts`` failed tries, or None when the message is to be dead-lettered."""
        return self.backoff.wait_s(attempts - 1, draw) if attempts < self.attempts else None


@dataclass(frozen=True, slots=True)
class Liveness:
    """When silence means what, in seconds since the last sign of life that was received.

    A child stops by itself ``lease_s`` after it *sent* the last heartbeat that was answered; its successor starts
    ``takeover_s`` after that heartbeat was *received*, which is later. The gap between the two forgives clocks that
    run at different speeds, and a process that Ray kills but which lives 5.3 s longer (measured).
    """

    heartbeat_s: float = 1.0
    suspect_s: float = 3.0
    kill_s: float = 10.0
    lease_s: float = 10.0
    takeover_s: float = 15.0
    start_s: float = 60.0
    """A child that has not said that it started by then is killed; 20 Ray actors took up to 16 s on 2 cores."""

    def __post_init__(self) -> None:
        """Check the order. Raises: UsageError."""
        ordered = 0 < self.heartbeat_s < self.suspect_s < self.kill_s <= self.takeover_s
        if not (ordered and 0 < self.lease_s < self.takeover_s and self.start_s > 0):
            raise UsageError(
                f"{self}: use 0 < heartbeat_s < suspect_s < kill_s <= takeover_s, lease_s < takeover_s, start_s > 0"
            )


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child and how it is kept alive."""

    name: str
    restart: Restart = Restart.PERMANENT
    intensity: Intensity = Intensity()
    """3 restarts in 60 s; one more, and the child is given up."""
    backoff: Backoff = Backoff()
    shutdown_ms: int = 5_000
    """How long it may take to stop when asked, before it is killed; 5,000 ms, as in OTP."""

    def __post_init__(self) -> None:
        """Check name and figures. Raises: InvalidName, UsageError."""
        check_name(self.name, "child")
        if self.shutdown_ms < 0:
            raise UsageError(f"child {self.name}: shutdown_ms is {self.shutdown_ms}; use 0 or more")


@dataclass(frozen=True, slots=True)
class Supervision:
    """Children in the order of their start, and what happens when they fail."""

    children: tuple[ChildSpec, ...] = ()
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: Intensity = Intensity(restarts=10, within_s=300.0)
    """Of all children together: 10 restarts in 5 minutes; one more, and everything is stopped."""
    liveness: Liveness = Liveness()
    most_given_up: float = 0.2
    """When more than this share of the children is given up, everything is stopped; 0.2."""

    def __post_init__(self) -> None:
        """Check the children. Raises: UsageError."""
        names = [child.name for child in self.children]
        if len(set(names)) < len(names):
            raise UsageError(f"two children have one name among {', '.join(names)}; give each its own")
        if not 0 <= self.most_given_up <= 1:
            raise UsageError(f"most_given_up is {self.most_given_up}; it is a share from 0 to 1")


@dataclass(frozen=True, slots=True)
class Start:
    """Start a child after ``after_s`` seconds."""

    child: str
    epoch: int
    after_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a child to stop, or drop its start if it still waits. `Kill` follows when it takes too long."""

    child: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A child has been silent for ``suspect_s``."""

    child: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End this process whatever it does. It is no longer counted on, so no report is needed."""

    child: str
    epoch: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Restarting does not help. Without ``child`` everything is given up, and stops follow."""

    reason: str
    child: str = ""


Decision = Start | Stop | Suspect | Kill | GiveUp


class Phase(StrEnum):
    """Where a child is."""

    DOWN = "down"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
    """It is done, and not started again."""
    GIVEN_UP = "given up"

    @property
    def up(self) -> bool:
        """Whether there may be a process."""
        return self in {Phase.STARTING, Phase.RUNNING, Phase.STOPPING}
