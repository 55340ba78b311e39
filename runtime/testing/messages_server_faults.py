"""What goes wrong at the loopback server, when, and whether the caller is billed for it.

The rule of this file: faults come in a given order or from a seed, never by accident; and a fault is
billed when a real provider would bill it, which is whenever the answer had been generated.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, get_args

FaultKind = Literal[
    "rate_limited",
    "overloaded",
    "server_error",
    "bad_gateway",
    "disconnected",
    "slow",
    "silent",
    "cut",
    "unfinished",
    "bad_json",
    "html",
    "no_usage",
    "huge",
    "bad_tool_args",
]
"""
``rate_limited`` 429; ``overloaded`` 529; ``server_error`` 500; ``bad_gateway`` 502 with a proxy's page;
``disconnected``: no answer at all; ``slow``: a pause, then the answer; ``silent``: headers, then nothing;
``cut``: half of the answer, then the connection breaks; ``unfinished``: a stream that ends politely but
early, or a body whose JSON stops; ``bad_json``; ``html`` with status 200; ``no_usage``; ``huge``: 10 MB;
``bad_tool_args``: a tool call whose arguments are no object.
"""

MESSAGES: Final = "/v1/messages"
COUNT: Final = "/v1/messages/count_tokens"

KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

BILLED: Final = frozenset(
    {"bad_gateway", "slow", "silent", "cut", "unfinished", "bad_json", "no_usage", "huge", "bad_tool_args"}
)
"""Generated before it went wrong. An HTML page with status 200 comes from something in between, at once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    kind: FaultKind
    seconds: float | None = None
    """For ``slow`` the pause, None for 0.2 s; for refusals the ``Retry-After`` header, None for no header."""

    @property
    def billed(self) -> bool:
        """Whether a real provider would bill it."""
        return self.kind in BILLED


class FaultPlan:
    """Decides for each request: first what was scheduled, then, for answers, chance; 0 % by default."""

    def __init__(self, *, probability: float = 0.0, kinds: tuple[FaultKind, ...] = KINDS, seed: int = 0) -> None:
        self._probability = probability
        self._kinds = kinds
        self._random = random.Random(seed)
        self._scheduled: dict[str, deque[Fault | None]] = {}

    def schedule(self, *faults: Fault | FaultKind | None, path: str = MESSAGES) -> None:
        """The next requests to a path meet these, in order; None lets one pass."""
        planned = [Fault(f) if isinstance(f, str) else f for f in faults]
        self._scheduled.setdefault(path, deque()).extend(planned)

    def next(self, path: str) -> Fault | None:
        """What the next request to a path meets."""
        scheduled = self._scheduled.get(path)
        if scheduled:
            return scheduled.popleft()
        if path == MESSAGES and self._random.random() < self._probability:
            return Fault(self._random.choice(self._kinds))
        return None
