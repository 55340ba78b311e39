"""Keeps children alive: events go in, decisions come out. No clock, no processes, no Ray.

The meaning is Erlang/OTP's supervisor, with three things that one machine does not need: a child may be *lost* (dead
or only out of reach, nobody can tell), every start has an epoch that only grows, and the successor of a lost child
waits until the lease of its predecessor must have ended.

The contract with the shell around it:

- It carries out `Start` after ``after_s``, and only if `wanted` still says so then. It reports `started` once the
  child is up, and `exited` once for every child that it was told to start or stop.
- It answers a child's start or heartbeat only when the event gave no `Kill`. A child works from that answer until
  ``lease_s`` after it sent the last heartbeat that was answered, and then stops by itself.
- It says `Exit.CRASHED` only when the end of the process was seen on its own node; else `Exit.LOST`.
- It calls `tick` every ``heartbeat_s``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stigmergy.protocols.errors import Fenced, UsageError
from stigmergy.protocols.supervision import (
    ChildSpec,
    Decision,
    Exit,
    GiveUp,
    Intensity,
    Kill,
    Phase,
    Restart,
    Start,
    Stop,
    Strategy,
    Supervision,
    Suspect,
)


@dataclass(slots=True)
class _Child:
    spec: ChildSpec
    phase: Phase = Phase.DOWN
    heard_at: float | None = None
    suspected: bool = False
    deadline: float = 0.0
    """When a start or a stop has taken too long."""
    not_before: float = float("-inf")
    """The backoff: no start earlier."""
    recycle: bool = False
    """It has to go down because a sibling failed, and comes up again afterwards."""
    unwanted: bool = False
    failures: deque[float] = field(default_factory=deque)


class Supervisor:
    """Decides who is started, stopped and killed. ``draw`` gives random numbers in [0, 1) for the backoff.

    ``epochs`` holds the highest epoch that each child ever had, as the registry's journal knows it.
    """

    def __init__(self, spec: Supervision, draw: Callable[[], float], epochs: Mapping[str, int] | None = None) -> None:
        self._spec = spec
        self._draw = draw
        self._epochs = dict(epochs or {})
        self._children = {child.name: _Child(child) for child in spec.children}
        self._free_at: dict[str, float] = {}  # when the lease of a lost child must have ended; outlives `remove`
        self._failures: deque[float] = deque()
        self._stopping = False
        self._now = float("-inf")
        self._ticked: float | None = None

    # -- commands

    def begin(self, now: float) -> list[Decision]:
        """Start the children: all at once for one_for_one, else each when the one before is up."""
        self._at(now)
        return self._settle()

    def stop(self, now: float) -> list[Decision]:
        """Stop everything, last child first. Nothing is started afterwards."""
        self._at(now)
        self._stopping = True
        return self._settle()

    def add(self, spec: ChildSpec, now: float) -> list[Decision]:
        """One more child, last in order. Raises: UsageError when the name is taken, or after `stop`."""
        self._at(now)
        if spec.name in self._children:
            raise UsageError(f"there is a child {spec.name} already; choose another name or remove it first")
        if self._stopping:
            raise UsageError(f"child {spec.name} cannot be added: this supervisor is stopping")
        self._children[spec.name] = _Child(spec)
        return self._settle()

    def remove(self, child: str, now: float) -> list[Decision]:
        """Stop one child for good. Its epoch is remembered. Unknown names are fine."""
        self._at(now)
        found = self._children.get(child)
        if found is None:
            return []
        found.unwanted = True
        if not found.phase.up:
            del self._children[child]
        return self._settle()

    # -- events

    def started(self, child: str, epoch: int, now: float) -> list[Decision]:
        """A child says that it is up. Raises: Fenced when another supervisor has started it since."""
        self._at(now)
        found = self._current(child, epoch)
        if found is None:
            return [Kill(child, epoch)]
        found.heard_at, found.suspected = self._now, False
        if found.phase is Phase.STARTING:
            found.phase = Phase.RUNNING
        return self._settle()

    def heartbeat(self, child: str, epoch: int, now: float) -> list[Decision]:
        """A child gives a sign of life. Raises: Fenced when another supervisor has started it since."""
        self._at(now)
        found = self._current(child, epoch)
        if found is None or found.phase is Phase.STARTING:
            return [Kill(child, epoch)] if found is None else []
        found.heard_at, found.suspected = self._now, False
        return []

    def exited(self, child: str, epoch: int, reason: Exit, now: float) -> list[Decision]:
        """A child has ended. A report about an earlier epoch changes nothing."""
        self._at(now)
        found = self._current(child, epoch) if epoch <= self._epochs.get(child, 0) else None
        return [] if found is None else self._ended(found, reason) + self._settle()

    def tick(self, now: float) -> list[Decision]:
        """Time has passed. Call it every ``heartbeat_s``: silence counts only while somebody listens."""
        self._forgive_own_sleep(now)
        self._at(now)
        self._ticked = self._now
        decisions = [one for child in list(self._children.values()) for one in self._watch(child)]
        return decisions + self._settle()

    # -- questions

    def wanted(self, child: str, epoch: int) -> bool:
        """Whether a `Start` that has waited is still to be carried out."""
        found = self._children.get(child)
        return found is not None and found.phase is Phase.STARTING and epoch == self._epochs[child]

    def phases(self) -> dict[str, Phase]:
        """Where each child is, in order."""
        return {name: child.phase for name, child in self._children.items()}

    @property
    def stopped(self) -> bool:
        """Whether `stop` or giving up has come to its end."""
        return self._stopping and not any(child.phase.up for child in self._children.values())

    # -- one child

    def _at(self, now: float) -> None:
        self._now = max(self._now, now)  # a clock that jumps back ends no lease early
        if self._ticked is None:
            self._ticked = self._now  # who sleeps before the first tick has slept, too

    def _current(self, child: str, epoch: int) -> _Child | None:
        newest = self._epochs.get(child, 0)
        if epoch > newest:
            raise Fenced(
                f"child {child} runs with epoch {epoch}, newest here is {newest}: another supervisor took over"
            )
        found = self._children.get(child)
        return found if found is not None and found.phase.up and epoch == newest else None

    def _watch(self, child: _Child) -> list[Decision]:
        """What silence means for one child."""
        name, limits = child.spec.name, self._spec.liveness
        epoch = self._epochs.get(name, 0)
        if child.phase in {Phase.STARTING, Phase.STOPPING} and self._now >= child.deadline:
            return [Kill(name, epoch), *self._ended(child, Exit.LOST)]
        if child.phase is not Phase.RUNNING or child.heard_at is None:
            return []
        silence = self._now - child.heard_at
        if silence >= limits.kill_s:
            return [Kill(name, epoch), *self._ended(child, Exit.LOST)]
        if silence >= limits.suspect_s and not child.suspected:
            child.suspected = True
            return [Suspect(name, epoch)]
        return []

    def _ended(self, child: _Child, reason: Exit) -> list[Decision]:
        told = child.phase is Phase.STOPPING
        going, child.phase, child.recycle = told or child.recycle, Phase.DOWN, False
        if reason is Exit.LOST:
            heard_at = self._now if child.heard_at is None else child.heard_at
            self._free_at[child.spec.name] = heard_at + self._spec.liveness.takeover_s
        if child.unwanted:
            del self._children[child.spec.name]
        done = child.spec.restart is Restart.TRANSIENT and reason is Exit.NORMAL and not told
        if done or child.spec.restart is Restart.TEMPORARY:
            child.phase = Phase.ENDED
        if child.phase is Phase.ENDED or child.unwanted or going or self._stopping:
            return []
        return self._failed(child)

    def _failed(self, child: _Child) -> list[Decision]:
        """Count the failure; bring the child back, or give up."""
        own, all_together = child.spec.intensity, self._spec.intensity
        if _exceeded(self._failures, all_together, self._now):
            return self._give_up(f"more than {_shown(all_together)} of all children together")
        if _exceeded(child.failures, own, self._now):
            return self._give_up(f"child {child.spec.name} failed more than {_shown(own)}", child)
        wait_s = child.spec.backoff.wait_s(len(child.failures) - 1, self._draw())
        child.not_before = max(child.not_before, self._now + wait_s)
        for sibling in self._bound_to(child):
            sibling.recycle = sibling.phase.up
        return []

    def _give_up(self, reason: str, child: _Child | None = None) -> list[Decision]:
        decisions: list[Decision] = []
        if child is not None:
            child.phase = Phase.GIVEN_UP
            decisions.append(GiveUp(reason, child.spec.name))
            lost = sum(one.phase is Phase.GIVEN_UP for one in self._children.values())
            alone = self._spec.strategy is Strategy.ONE_FOR_ONE
            if alone and lost <= self._spec.most_given_up * len(self._children):
                return decisions
        self._stopping = True
        return [*decisions, GiveUp(reason)]

    def _bound_to(self, child: _Child) -> list[_Child]:
        """The siblings that are restarted with it."""
        children = list(self._children.values())
        place = children.index(child)
        later, earlier = children[place + 1 :], children[:place]
        return {
            Strategy.ONE_FOR_ONE: [],
            Strategy.ONE_FOR_ALL: earlier + later,
            Strategy.ALL_AT_ONCE: earlier + later,
            Strategy.REST_FOR_ONE: later,
        }[self._spec.strategy]

    # -- all children

    def _settle(self) -> list[Decision]:
        """The next stops and starts. Where siblings go with a child, none starts before all that must go are gone."""
        stops, waiting = self._stops()
        waits = waiting and self._spec.strategy is not Strategy.ONE_FOR_ONE
        return stops if self._stopping or waits else stops + self._starts(ordered=self._spec.strategy.ordered)

    def _stops(self) -> tuple[list[Decision], bool]:
        """Stops, last child first, and whether one is still awaited."""
        decisions: list[Decision] = []
        going = [c for c in self._children.values() if c.phase.up and (self._stopping or c.recycle or c.unwanted)]
        for child in reversed(going):
            if child.phase is not Phase.STOPPING:
                child.phase = Phase.STOPPING
                child.deadline = self._now + child.spec.shutdown_ms / 1_000
                decisions.append(Stop(child.spec.name, self._epochs[child.spec.name]))
            if self._spec.strategy.ordered:
                break  # what it builds on stays up until it is gone
        return decisions, bool(going)

    def _starts(self, *, ordered: bool) -> list[Decision]:
        decisions: list[Decision] = []
        for name, child in self._children.items():
            if child.phase is Phase.DOWN:
                self._epochs[name] = self._epochs.get(name, 0) + 1
                due = max(self._now, child.not_before, self._free_at.get(name, self._now))
                child.phase, child.heard_at, child.suspected = Phase.STARTING, None, False
                child.deadline = due + self._spec.liveness.start_s
                decisions.append(Start(name, self._epochs[name], due - self._now))
            if ordered and child.phase is Phase.STARTING:
                break  # the next one builds on it
        return decisions

    def _forgive_own_sleep(self, now: float) -> None:
        """A supervisor that was itself suspended must not take everybody else's silence for death."""
        if self._ticked is None:
            return
        slept = now - self._ticked - self._spec.liveness.suspect_s
        if slept <= 0:
            return
        for child in self._children.values():
            child.deadline += slept
            if child.heard_at is not None:
                child.heard_at = min(child.heard_at + slept, now)


def _exceeded(failures: deque[float], limit: Intensity, now: float) -> bool:
    """Note a failure, forget those outside the window, and say whether they are too many."""
    failures.append(now)
    while failures[0] <= now - limit.within_s:
        failures.popleft()
    return len(failures) > limit.restarts


def _shown(limit: Intensity) -> str:
    return f"{limit.restarts} times in {limit.within_s:g} s"
