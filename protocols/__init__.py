"""What crosses a wire or a disk: names, messages, envelopes, cards, budgets, errors. No I/O, no clock, no Ray."""

from .budget import Budget, Spend
from .card import AgentCard, Skill
from .envelope import Envelope
from .errors import (
    BudgetExhausted,
    ClaimLost,
    Conflict,
    DeadlineExceeded,
    DeliveryError,
    HandlerFailed,
    InvalidCard,
    JournalError,
    MailboxFull,
    Malformed,
    ModelError,
    NonDeterministic,
    NoSuchAgent,
    Oversized,
    Quarantined,
    StigmergyError,
    SwarmStopped,
    UnknownMessage,
    UnknownPrice,
    UsageError,
)
from .ids import AgentId
from .ids import skill_address as skill
from .kind import KindSpec, Resources
from .message import Done, Message, Text
from .versions import upcasts

__all__ = [
    "AgentCard",
    "AgentId",
    "Budget",
    "BudgetExhausted",
    "ClaimLost",
    "Conflict",
    "DeadlineExceeded",
    "DeliveryError",
    "Done",
    "Envelope",
    "HandlerFailed",
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
    "StigmergyError",
    "SwarmStopped",
    "Text",
    "UnknownMessage",
    "UnknownPrice",
    "UsageError",
    "skill",
    "upcasts",
]
