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

MAX_TEXT: Final = 8_192
"""Characters of an error's text, and of its traceback, that travel with a failed turn."""


def worded(agent: str, error: BaseException) -> tuple[StigmergyError, str]:
    """An error of a turn as one of ours that can travel, and its traceback if it was not one of ours."""
    if isinstance(error, StigmergyError) and not isinstance(error, StepFailed):
        return _travelling(error), ""
    trace = "".join(traceback.format_exception(error))[-MAX_TEXT:]
    return HandlerFailed(sayable(f"{agent}: {type(error).__name__}: {text_of(error)}")), sayable(trace)


def text_of(error: BaseException) -> str:
    """What an error says, if it can."""
    try:
        return sayable(str(error))
    except Exception as why:  # noqa: BLE001 - how it is said may be of its author
        return f"it cannot be said ({type(why).__name__})"


def sayable(text: str) -> str:
    """As much of a text as travels, with its half surrogates written out."""
    return text[:MAX_TEXT].encode("utf-8", "backslashreplace").decode()


def _travelling(error: StigmergyError) -> StigmergyError:
    """An error of ours; in other words if its own cannot travel."""
    try:
        name, said = pack(error)
        words = [sayable(word) if isinstance(word, str) else word for word in said]
    except Exception:  # noqa: BLE001 - what it was made with may be of its author
        return HandlerFailed(f"{type(error).__name__}: {text_of(error)}")
    return error if words == said else unpack(name, words)


def is_worth_another(error: BaseException) -> bool:
    """Whether another attempt may do better."""
    return not isinstance(error, FINAL)
