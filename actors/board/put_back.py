"""Putting dead letters back: the message is accepted once more, under an id that follows from the old one.

So a dead letter can be put back once, however often that is asked for; if it dies again, that is a dead
letter of its own. Whoever asked was told of the failure, so a question is put back as one that wants no answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stigmergy.protocols.codec import unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.ids import derive_id

from .cases import AMBIGUOUS, UNAPPROVED
from .dead_letters import TOPIC, WRITER
from .machines import Machines

ALL: Final = "all"

PAGE: Final = 1_000
"""Dead letters that are looked at together."""


def second_id(message: str) -> str:
    """The id under which a dead letter is put back."""
    return derive_id(message, "put back")


class PutBack:
    """Finds dead letters on their topic and accepts their messages again."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines

    def put_back(self, wanted: list[str]) -> dict[str, str]:
        """Put dead letters back, by id or by the beginning of one, or ``["all"]`` that a machine may decide about.

        Returns for each letter why it was not put back; empty text when it was. Raises: UsageError for an unknown id.
        """
        records = list(self._records())
        if wanted == [ALL]:
            chosen = {e.id: r for e, r in records if r["reason"] not in {AMBIGUOUS, UNAPPROVED}}
        else:
            chosen = dict(self._named(name, records) for name in wanted)
        return {message: self._one(record) for message, record in chosen.items()}

    def _records(self) -> Iterator[tuple[Envelope, dict[str, Any]]]:
        topics = self._m.space.topics
        offset = topics.first_offset(TOPIC) - 1
        while posts := topics.read(TOPIC, offset, PAGE):
            offset = posts[-1].offset
            for post in posts:
                record = unpack(post.body)
                if "envelope" in record and post.writer == WRITER:
                    yield Envelope.from_wire(record["envelope"]), record

    @staticmethod
    def _named(name: str, records: list[tuple[Envelope, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
        found = {envelope.id: record for envelope, record in records if envelope.id.startswith(name)}
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} dead letters begin with {name!r:.40}; give the id of one, or all "
                "(work items are offered again by a claim)"
            )
        return next(iter(found.items()))

    def _one(self, record: dict[str, Any]) -> str:
        m, old = self._m, Envelope.from_wire(record["envelope"])
        if old.reply_to:
            return "it is an answer, and nobody waits for it any more"
        if old.conversation in m.warden.quarantined:
            return f"its conversation is quarantined: {m.warden.quarantined[old.conversation]}"
        to = record.get("to") or old.to
        try:
            agent, pool = m.resolve(to, old.type)
            if agent and m.living.counted:
                m.living.check(agent, 1)
        except StigmergyError as why:
            return str(why)
        new = old._replace(id=second_id(old.id), mode="tell", to=agent or to, deadline=0.0)
        shard = m.elsewhere(agent or pool)
        if shard is not None:
            m.exchange.put(shard, "again", new.to_wire())
            return ""
        if not m.mail.accept(new, pool, m.now, once=True):
            return "it was put back before"
        if agent and m.living.counted:
            m.living.enter(agent, 1)
        m.dispatcher.stir(agent or pool)
        return ""
