"""What crosses a wire or a disk: names, messages, envelopes, cards, budgets, errors. No I/O, no clock, no Ray.

What takes time to import is imported when it is first used: who sends messages does not wait for cards.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from .errors import (
    AmbiguousEffect,
    BudgetExhausted,
    ClaimLost,
    Conflict,
    DeadlineExceeded,
    DeliveryError,
    HandlerFailed,
    HostLost,
    InvalidCard,
    JournalError,
    MailboxFull,
    Malformed,
    ModelError,
    NonDeterministic,
    NoSuchAgent,
    Oversized,
    Quarantined,
    StepFailed,
    StigmergyError,
    SwarmStopped,
    ToolFailed,
    ToolRefused,
    ToolTimeout,
    UnknownMessage,
    UnknownPrice,
    UnknownVersion,
    UsageError,
)
from .ids import AgentId
from .ids import skill_address as skill

if TYPE_CHECKING:
    from .budget import Budget, Spend
    from .card import AgentCard, Skill
    from .envelope import Envelope
    from .kind import KindSpec, Resources
    from .message import Done, Message, Text
    from .versions import upcasts

__all__ = [
    "AgentCard",
    "AgentId",
    "AmbiguousEffect",
    "Budget",
    "BudgetExhausted",
    "ClaimLost",
    "Conflict",
    "DeadlineExceeded",
    "DeliveryError",
    "Done",
    "Envelope",
    "HandlerFailed",
    "HostLost",
    "InvalidCard",
    "JournalError",
    "KindSpec",
    "MailboxFull",
    "Malformed",
    "Message",
    "ModelError",
    "NoSuchAgent",
    "NonDeterministic",
    "Oversized",
    "Quarantined",
    "Resources",
    "Skill",
    "Spend",
    "StepFailed",
    "StigmergyError",
    "SwarmStopped",
    "Text",
    "ToolFailed",
    "ToolRefused",
    "ToolTimeout",
    "UnknownMessage",
    "UnknownPrice",
    "UnknownVersion",
    "UsageError",
    "skill",
    "upcasts",
]

_HOMES = {
    "budget": ("Budget", "Spend"),
    "card": ("AgentCard", "Skill"),
    "envelope": ("Envelope",),
    "kind": ("KindSpec", "Resources"),
    "message": ("Done", "Message", "Text"),
    "versions": ("upcasts",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            found: object = getattr(_import_module(f".{home}", __name__), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
