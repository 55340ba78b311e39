"""What crosses a wire or a disk: names, messages, envelopes, cards, budgets, errors. No I/O, no clock, no Ray."""

from .budget import Budget, Spend
from .card import AgentCard, Skill
from .envelope import Envelope
from .errors import (
    BudgetExhausted,
    DeadlineExceeded,
    DeliveryError,
    HandlerFailed,
    JournalError,
    MailboxFull,
    Malformed,
    ModelError,
    NoSuchAgent,
    Quarantined,
    StigmergyError,
    SwarmStopped,
    UsageError,
)
from .ids import AgentId
from .ids import skill_address as skill
from .kind import KindSpec, Resources
from .message import Done, Message, Text

__all__ = [
    "AgentCard",
    "AgentId",
    "Budget",
    "BudgetExhausted",
    "DeadlineExceeded",
    "DeliveryError",
    "Done",
    "Envelope",
    "HandlerFailed",
    "JournalError",
    "KindSpec",
    "MailboxFull",
    "Malformed",
    "Message",
    "ModelError",
    "NoSuchAgent",
    "Quarantined",
    "Resources",
    "Skill",
    "Spend",
    "StigmergyError",
    "SwarmStopped",
    "Text",
    "UsageError",
    "skill",
]
