"""Owners: which shard holds what. Whoever knows how many there are works out the same answer; nobody keeps a table.

The rule of this file: it is a hash of the name and nothing else, so it never changes while a run lasts, and a run is
resumed with as many shards as it began with. Shard 0 is the lead: it also holds what is the whole swarm's.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

DEAD_LETTERS: Final = "dead-letters"
"""The topic that holds what could not be delivered."""

LEAD: Final = 0

NAMED_BY: Final = {"facts": "key", "trails": "trail", "claims": "queue", "topics": "topic"}
"""By part of the blackboard: the argument that names what an operation is about."""

_POOLED: Final = "pool."
_REMEMBERED: Final = 100_000
"""Answers that are kept, about 10 MB; working one out takes 1 us."""


class Place(NamedTuple):
    """Which of how many shards one is."""

    shard: int = LEAD
    shards: int = 1

    @property
    def is_lead(self) -> bool:
        """Whether it also holds what is the whole swarm's."""
        return self.shard == LEAD


ONLY: Final = Place()
"""That of the one shard there is."""


class Owners:
    """The shards of one swarm, by number from 0."""

    def __init__(self, shards: int = 1) -> None:
        self.shards = shards
        self._known: dict[str, int] = {}

    def of_agent(self, address: str) -> int:
        """Whose mail an agent's, or a kind's, is. The members of a pool are where the pool is."""
        if self.shards == 1:
            return LEAD
        found = self._known.get(address)
        if found is None:
            kind, _, key = address.partition("/")
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[address] = self._hash(kind if key.startswith(_POOLED) else address)
        return found

    def of_name(self, part: str, name: str) -> int:
        """Who holds a fact, a trail, a queue or a topic. Dead letters are the whole swarm's."""
        if self.shards == 1 or (part == "topics" and name == DEAD_LETTERS):
            return LEAD
        return self._hash(f"{part}:{name}")

    def of_operation(self, operation: str, arguments: dict[str, Any]) -> Sequence[int]:
        """Who has to be asked: one shard, or all when it is about every name that begins so."""
        part = operation.partition(".")[0]
        argument = NAMED_BY.get(part)
        name = "" if argument is None else str(arguments.get(argument, ""))
        if operation == "facts.keys" or (part == "topics" and name.endswith("*")):
            return range(self.shards)
        return (self.of_name(part, name),)

    @property
    def everybody(self) -> range:
        """All shards, the lead first."""
        return range(self.shards)

    def others(self, shard: int) -> list[int]:
        """All shards but one."""
        return [other for other in self.everybody if other != shard]

    def _hash(self, name: str) -> int:
        return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") % self.shards


def joined(operation: str, arguments: dict[str, Any], answers: Sequence[Any]) -> Any:
    """One answer of what several shards said to the same operation."""
    if operation == "facts.keys":
        keys = sorted(key for answer in answers for key in answer)
        return keys[: arguments.get("limit", 1000)]
    return answers[0]
