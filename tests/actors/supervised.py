"""Children and a shell for the supervisor's tests."""

from stigmergy.actors.supervisor import Supervisor
from stigmergy.protocols.supervision import (
    Backoff,
    ChildSpec,
    Decision,
    Exit,
    GiveUp,
    Intensity,
    Restart,
    Start,
    Stop,
    Strategy,
    Supervision,
)

PROMPT = Backoff(first_s=0.0, longest_s=0.0)
OFTEN = Intensity(restarts=1_000, within_s=60.0)
ORDERED = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


def child(name: str, restart: Restart = Restart.PERMANENT) -> ChildSpec:
    return ChildSpec(name, restart=restart, backoff=PROMPT, intensity=OFTEN)


def supervision(*names: str, strategy: Strategy = Strategy.ONE_FOR_ONE) -> Supervision:
    return Supervision(tuple(map(child, names)), strategy=strategy, intensity=OFTEN)


def make(spec: Supervision, draw: float = 1.0) -> Supervisor:
    return Supervisor(spec, draw=lambda: draw)


class Obedient:
    """A shell that does at once what it is told, and notes it."""

    def __init__(self, supervisor: Supervisor, now: float = 0.0) -> None:
        self.supervisor, self.now = supervisor, now
        self.running: dict[str, int] = {}
        self.log: list[str] = []
        self.obey(supervisor.begin(now))

    def obey(self, decisions: list[Decision]) -> None:
        for one in decisions:
            if isinstance(one, GiveUp):
                self.log.append(f"give up {one.child or 'all'}")
                continue
            self.log.append(f"{type(one).__name__.lower()} {one.child}")
            if isinstance(one, Start):
                self.running[one.child] = one.epoch
                self.obey(self.supervisor.started(one.child, one.epoch, self.now))
            elif isinstance(one, Stop):
                del self.running[one.child]
                self.obey(self.supervisor.exited(one.child, one.epoch, Exit.NORMAL, self.now))

    def exits(self, name: str, reason: Exit = Exit.CRASHED) -> list[str]:
        self.log.clear()
        self.obey(self.supervisor.exited(name, self.running.pop(name), reason, self.now))
        return self.log
