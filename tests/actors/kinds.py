"""Kinds and a registry to put them in."""

from typing import Any

from stigmergy.actors.registry.registry import Registry
from stigmergy.protocols.card import AgentCard, MessageType, Skill
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.message import Message


class Question(Message):
    text: str


class Answer(Message):
    text: str


class QuestionWithLimit(Message, name="Question"):
    text: str
    limit: int = 3


class QuestionOfAnotherSort(Message, name="Question"):
    number: int


def a_kind(
    name: str,
    *,
    skills: tuple[Skill, ...] = (),
    accepts: tuple[type[Message], ...] = (Question,),
    emits: tuple[type[Message], ...] = (),
    **options: Any,
) -> KindSpec:
    card = AgentCard.for_kind(name, f"Does what {name} does", skills=skills, accepts=accepts, emits=emits)
    return KindSpec(
        name,
        "app.agents",
        name.title(),
        card.to_plain(),
        accepts=tuple(MessageType.of(one).id for one in accepts),
        skills=tuple(skill.id for skill in card.skills),
        **options,
    )


class Entries(list[tuple[str, dict[str, Any]]]):
    """A journal in memory."""

    def record(self, kind: str, data: dict[str, Any]) -> None:
        self.append((kind, data))


def a_registry(*kinds: KindSpec, hosts: tuple[str, ...] = ()) -> tuple[Registry, Entries]:
    entries = Entries()
    registry = Registry(entries.record)
    for spec in kinds:
        registry.register_kind(spec)
    for host in hosts:
        registry.join(host, [], 0.0)
    return registry, entries


def names(found: list[Any]) -> list[str]:
    return [match.kind for match in found]
