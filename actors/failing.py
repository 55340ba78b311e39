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
    pack,
    unpack,
)
from stigmergy.protocols.legible import legible

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
    """An error of a turn as one of ours that can travel, and its traceback if it was not one of ours."""
    if isinstance(error, StigmergyError) and not isinstance(error, StepFailed):
        return _travelling(error), ""
    trace = "".join(traceback.format_exception(error))[-MAX_TRACE:]
    return HandlerFailed(legible(f"{agent}: {type(error).__name__}: {legible(error)}")), legible(trace)


def _travelling(error: StigmergyError) -> StigmergyError:
    """An error of ours; as it comes off a wire, if what it was made with cannot travel."""
    name, said = pack(error)
    plain = all(isinstance(argument, str | int | float) for argument in error.args)
    return error if plain and said == list(error.args) else unpack(name, said)


def is_worth_another(error: BaseException) -> bool:
    """Whether another attempt may do better."""
    return not isinstance(error, FINAL)
