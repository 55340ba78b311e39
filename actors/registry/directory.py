"""The kinds of a swarm, and the indexes by which they are found.

The rule of this file: one ``name@version`` means one message type for everybody. Two kinds may know it in two
stages, as long as the newer stage broke nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stigmergy.protocols.card import AgentCard, DeclaredTypes, MessageType
from stigmergy.protocols.codec import unpack_body
from stigmergy.protocols.errors import InvalidCard
from stigmergy.protocols.evolution import breaking_changes, check_state, check_successor
from stigmergy.protocols.kind import KindSpec


@dataclass(frozen=True, slots=True)
class Listing:
    """A kind as the directory keeps it."""

    spec: KindSpec
    card: AgentCard
    types: DeclaredTypes
    schemas: tuple[str, ...]
    """Of all message types on the card, as text, in the order of `declared`."""
    plain: dict[str, Any]
    """The specification as it was recorded."""

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Listing:
        """Check a specification and its card against each other. Raises: InvalidCard, InvalidName."""
        spec = KindSpec.from_plain(plain)
        card = AgentCard.from_plain(spec.card)
        card.to_json()  # it has to fit on the wire
        types = card.declared_types()
        for what, said, carded in (
            ("accepts", spec.accepts, [one.id for one in types.accepts]),
            ("skills", spec.skills, [skill.id for skill in card.skills]),
        ):
            if set(said) != set(carded):
                raise InvalidCard(
                    f"kind {spec.name} {what} {sorted(said)} by its specification, {sorted(carded)} by its card; "
                    "take both from one place"
                )
        schemas = (json.dumps(one.json_schema, sort_keys=True) for one in (*types.accepts, *types.emits))
        return cls(spec, card, types, tuple(schemas), plain)

    @property
    def keys(self) -> set[tuple[str, str]]:
        """Under what the kind is found."""
        ids = {one.id for one in self.types.accepts} | set(self.spec.reads)
        names = {("accepts", one.name) for one in self.types.accepts} | {("accepts", one) for one in ids}
        tags = {("tag", tag) for skill in self.card.skills for tag in skill.tags}
        return names | tags | {("skill", skill.id) for skill in self.card.skills}

    @property
    def declared(self) -> tuple[MessageType, ...]:
        """All message types on the card."""
        return (*self.types.accepts, *self.types.emits)

    @property
    def stages(self) -> Iterator[tuple[MessageType, str]]:
        """All message types on the card, each with its schema as text."""
        return zip(self.declared, self.schemas, strict=True)


class Directory:
    """Kinds by name, skill, tag and accepted message type."""

    def __init__(self) -> None:
        self.listings: dict[str, Listing] = {}
        self._index: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._stages: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
        """By message type: the kinds that know it, by the schema that they know."""

    def put(self, listing: Listing) -> None:
        """Enter a kind, in the place of what was known of it."""
        name = listing.spec.name
        before = self.listings.get(name)
        if before is not None:
            for key in before.keys:
                self._index[key].discard(name)
            for one, schema in before.stages:
                self._stages[one.id][schema].discard(name)
        self.listings[name] = listing
        for key in listing.keys:
            self._index[key].add(name)
        for one, schema in listing.stages:
            self._stages[one.id].setdefault(schema, set()).add(name)

    def check(self, listing: Listing) -> None:
        """Whether a kind may be entered.

        Raises: InvalidCard when it contradicts itself of before, or another kind; UsageError when its state does.
        """
        name = listing.spec.name
        known = self.listings.get(name)
        if known is not None:
            check_successor(known.card, listing.card, listing.spec.reads)
            check_state(name, known.spec.state, listing.spec.state)
        for one, own in listing.stages:
            for schema, kinds in self._stages.get(one.id, {}).items():
                others = kinds - {name}
                if others and schema != own:
                    self._check_stages(json.loads(schema), one, name, min(others))

    def search(self, skill: str | None, tag: str | None, accepts: str | None) -> list[Listing]:
        """The kinds that fit every question that is asked, by name."""
        asked = [(what, value) for what, value in (("skill", skill), ("tag", tag), ("accepts", accepts)) if value]
        found = set(self.listings) if not asked else set.intersection(*(self._index.get(key, set()) for key in asked))
        return [self.listings[name] for name in sorted(found)]

    @staticmethod
    def _check_stages(schema: dict[str, Any], one: MessageType, name: str, other: str) -> None:
        changes = breaking_changes(schema, one.json_schema)
        if changes and breaking_changes(one.json_schema, schema):
            raise InvalidCard(
                f"kind {name} means something else by {one.id} than kind {other}: {'; '.join(changes[:5])}; "
                "give one of the two another name or version"
            )


@lru_cache(maxsize=1_000)
def listing_of(packed: bytes) -> Listing:
    """`Listing.read` of what was packed: a kind is checked, entered, and found again in journals as it was.

    Raises: InvalidCard, InvalidName.
    """
    return Listing.read(unpack_body(packed))
