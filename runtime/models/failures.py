"""How a model call fails, and what the failure may have cost.

The rule of this file: every failure says whether the provider may send a bill, and what cannot be
known is ``unknown``. The ledger releases what is ``unspent``, settles what is ``spent``, and lets
``unknown`` forfeit.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from stigmergy.protocols.errors import ModelError, ModelOutputInvalid, ModelRefused, ModelUnavailable, UsageError

from .port import Usage

Outcome = Literal["unspent", "spent", "unknown"]
"""``unspent``: never sent, or refused before any work. ``spent``: a whole answer came, its usage is known."""

_FIELDS: Final = ("message", "outcome", "usage", "attempts")


class Unavailable(ModelUnavailable):
    """No answer: the provider failed, was overloaded, timed out, or spoke no Messages API."""

    fields = _FIELDS
    message: str
    outcome: Outcome
    usage: Usage | None
    attempts: int


class Refused(ModelRefused):
    """The provider rejected the request, or the model declined to answer."""

    fields = _FIELDS
    message: str
    outcome: Outcome
    usage: Usage | None
    attempts: int


class OutputInvalid(ModelOutputInvalid):
    """An answer came, but not the one that was asked for."""

    fields = _FIELDS
    message: str
    outcome: Outcome
    usage: Usage | None
    attempts: int


Failure = Unavailable | Refused | OutputInvalid


class Cost(NamedTuple):
    """What a failed call may have cost."""

    outcome: Outcome
    usage: Usage | None


def cost_of(error: ModelError | UsageError) -> Cost:
    """What a failed call may have cost. A model error that does not say, or lost it on the wire, is ``unknown``."""
    if isinstance(error, UsageError):  # the request was impossible, so none was sent
        return Cost("unspent", None)
    outcome, usage = (*error.args[1:3], None, None)[:2]
    if outcome == "spent" and isinstance(usage, Usage):
        return Cost("spent", usage)
    return Cost("unspent" if outcome == "unspent" else "unknown", None)
