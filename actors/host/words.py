"""Words: what a turn asks, tells, answers and posts, as it goes out. Ids follow from the turn and the place there."""

from __future__ import annotations

from typing import NamedTuple

from stigmergy.protocols.envelope import Envelope, Mode
from stigmergy.protocols.ids import derive_id, sent_id
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Delivery


class Words(NamedTuple):
    """A message for somebody."""

    to: str
    type: str
    body: bytes
    taint: tuple[str, ...]


def ask_of(delivery: Delivery, index: int, round_: int, words: Words) -> Envelope:
    """A turn asks, as its step with that index. Each round of a turn asks anew."""
    return _sent(delivery, derive_id(delivery.envelope.id, f"ask:{index}:{round_}"), "ask", words)


def tell_of(delivery: Delivery, number: int, words: Words) -> Envelope:
    """A turn tells, as the one with that number of what it sends."""
    return _sent(delivery, sent_id(delivery.envelope.id, number), "tell", words)


def answer_of(delivery: Delivery, words: Words) -> Envelope:
    """A turn answers what it handles."""
    turn = delivery.envelope.id
    return _sent(delivery, derive_id(turn, "reply"), "reply", words, reply_to=turn)


def series_of(delivery: Delivery, topic: str, taint: tuple[str, ...]) -> Series:
    """A turn begins to post to a topic."""
    own = delivery.envelope
    return Series(topic, delivery.agent, own.conversation, own.id, own.trace, own.hops + 1, taint, [])


def _sent(delivery: Delivery, name: str, mode: Mode, words: Words, *, reply_to: str = "") -> Envelope:
    own = delivery.envelope
    return Envelope(
        name,
        mode,
        words.type,
        delivery.agent,
        words.to,
        words.body,
        own.conversation,
        own.id,
        reply_to,
        own.trace,
        own.hops + 1,
        0.0,
        "",
        words.taint,
    )
