"""Answers that no agent gives: an ask has failed, and whoever asked hears of it."""

from __future__ import annotations

from stigmergy.protocols.codec import pack as pack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, pack
from stigmergy.protocols.ids import derive_id


def error_answer(ask: Envelope, error: StigmergyError, answerer: str = "") -> Envelope:
    """The answer to an ask that failed, in the name of the agent that had it."""
    name, arguments = pack(error)
    return Envelope(
        id=derive_id(ask.id, "error"),
        mode="error",
        type=name,
        sender=answerer or ask.to,
        to=ask.sender,
        body=pack_plain(arguments),
        conversation=ask.conversation,
        cause=ask.id,
        reply_to=ask.id,
        trace=ask.trace,
        hops=ask.hops,
        taint=ask.taint,
    )
