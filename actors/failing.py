"""Failed turns: which errors are worth another attempt, and how one is worded."""

from __future__ import annotations

import traceback
from typing import Final

from stigmergy.protocols.errors import (
    BudgetError,
    DeliveryError,
    Fenced,
    HandlerFailed,
    ModelRefused,
    NonDeterministic,
    StepFailed,
    StigmergyError,
    SwarmStopped,
    ToolRefused,
    UsageError,
    WireError,
)

FINAL: Final = (
    UsageError,
    WireError,
    BudgetError,
    DeliveryError,
    ModelRefused,
    NonDeterministic,
    SwarmStopped,
    ToolRefused,
    Fenced,
)
"""Errors that another attempt would only meet again."""

MAX_TRACE: Final = 8_192
"""Characters of a traceback that travel with a failed turn."""


def worded(agent: str, error: BaseException) -> tuple[StigmergyError, str]:
    """An error of a turn as one of ours, and its traceback if it was not."""
    if isinstance(error, StigmergyError) and not isinstance(error, StepFailed):
        return error, ""
    trace = "".join(traceback.format_exception(error))[-MAX_TRACE:]
    return HandlerFailed(f"{agent}: {type(error).__name__}: {error}"), trace


def is_worth_another(error: BaseException) -> bool:
    """Whether another attempt may do better."""
    return not isinstance(error, FINAL)
