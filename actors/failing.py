"""Failed turns: which errors are worth another attempt, after which pause, and how one is worded."""

from __future__ import annotations

import inspect
import os
import re
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final

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
from stigmergy.protocols.legible import legible, saying

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

PAUSES_S: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)
"""Pauses before a turn is started over; the last one before every further attempt, too."""

MAX_TRACE: Final = 8_192
"""Characters of a traceback that travel with a failed turn."""

_PYTHON: Final = sysconfig.get_path("stdlib") + os.sep

_PLACED: Final = re.compile(r"[\w.-]+/[\w.-]+ at .+?:\d+ in \S+: ")
"""How a text begins that says where it happened."""

_LOOPS: Final = frozenset({("asyncio.events", "_run"), ("asyncio.runners", "run")})
"""What calls the callbacks of an event loop, and what runs one."""

_LIBRARIES: Final = frozenset({"site-packages", "dist-packages"})


def honest(error: BaseException) -> BaseException:
    """An error that can be asked what it is and where it came from; another one in place of one that cannot."""
    try:
        isinstance(error, StigmergyError)
        _ = error.__traceback__
    except BaseException as why:  # noqa: BLE001 - its attributes are anybody's code
        said = RuntimeError(f"a {type(error).__name__} that cannot be looked at ({type(why).__name__})")
        return said.with_traceback(why.__traceback__)
    return error


def worded(agent: str, error: BaseException) -> tuple[StigmergyError, str]:
    """An error of a turn as one of ours that can travel; and its traceback, of one of ours what it has no room for.

    One of ours stays of its class, and says where it was raised first if it has a text for people to say it in.
    """
    if isinstance(error, StigmergyError) and not isinstance(error, StepFailed):
        return _placed(agent, error)
    said = HandlerFailed(legible(f"{agent}{_place(error)}: {type(error).__name__}: {saying(error)}"))
    return said, legible(_formatted(error)[-MAX_TRACE:])


def _formatted(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, _own(error.__traceback__)))
    except BaseException as why:  # noqa: BLE001 - what it was caused by is anybody's code, too
        return f"its traceback cannot be told ({type(why).__name__})"


def _own(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from the first line of the user's code on; all of it if there is none."""
    own = trace
    while own is not None and _is_ours_or_pythons(own.tb_frame):
        own = own.tb_next
    return own or trace


def _place(error: BaseException) -> str:
    """The innermost line of the user's own code that an error came through, `` at app.py:86 in sell``; or nothing.

    By base name, which is the same on every machine. Of agents that are installed as a library, it is the handler's.
    """
    steps = [step for step in traceback.walk_tb(error.__traceback__) if not _is_ours_or_pythons(step[0])]
    own = [step for step in steps if not _is_library(Path(step[0].f_code.co_filename))] or steps[:1]
    return "".join(f" at {Path(f.f_code.co_filename).name}:{line} in {f.f_code.co_name}" for f, line in own[-1:])


def no_message(agent: str, handler: Callable[..., Any], answer: Any) -> UsageError:
    """The error for a handler that answers an ask with something that is no message: it says which and where."""
    code = getattr(inspect.unwrap(handler), "__code__", None)  # a class may have written it in another language
    place = f" at {Path(code.co_filename).name}:{code.co_firstlineno} in {code.co_name}" if code else ""
    name = getattr(handler, "__qualname__", "its handler").rpartition("<locals>.")[2]
    return UsageError(f"{agent}{place}: {name} returned {type(answer).__name__}, no Message: return one, or nothing")


def standing(thread: int) -> str:
    """The innermost line of the user's own code at which a thread is, ``app.py:86 in sell``; empty if it is in none.

    Who asks that of its own thread does not stand still.
    """
    return "" if thread == threading.get_ident() else "".join(place_of(frame) for frame in frames_of(thread)[:1])


def frames_of(thread: int) -> list[FrameType]:
    """What a thread is in of the user's own code, the innermost first; who runs its event loop does not count."""
    found: list[FrameType] = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented
    while frame is not None and (frame.f_globals.get("__name__"), frame.f_code.co_name) not in _LOOPS:
        if not _is_ours_or_pythons(frame) and not _is_library(Path(frame.f_code.co_filename)):
            found.append(frame)
        frame = frame.f_back
    return found


def place_of(frame: FrameType) -> str:
    """Where it is: ``app.py:86 in sell``."""
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} in {frame.f_code.co_name}"


def _is_ours_or_pythons(frame: FrameType) -> bool:
    module, file = str(frame.f_globals.get("__name__")), frame.f_code.co_filename
    pythons = file.startswith("<") or (file.startswith(_PYTHON) and not _is_library(Path(file)))
    return pythons or module.startswith("stigmergy.")


def _is_library(file: Path) -> bool:
    return not _LIBRARIES.isdisjoint(file.parts)


def _placed(agent: str, error: StigmergyError) -> tuple[StigmergyError, str]:
    known, place = _travelling(error), _place(error)
    if not place or isinstance(error, (SwarmStopped, Fenced)) or _PLACED.match(str(known)):
        return known, ""
    if known.fields[:1] != ("message",):
        return known, place.strip()
    name, (_, *rest) = pack(known)[0], known.args or ("",)
    own = "" if type(error).__name__ == name else f"{type(error).__name__}: "
    return unpack(name, [legible(f"{agent}{place}: {own}{known}"), *rest]), ""


def _travelling(error: StigmergyError) -> StigmergyError:
    """An error of ours; as it comes off a wire, if what it was made with cannot travel."""
    name, said = pack(error)
    plain = all(isinstance(argument, str | int | float) for argument in error.args)
    return error if plain and said == list(error.args) else unpack(name, said)


def is_worth_another(error: BaseException) -> bool:
    """Whether another attempt may do better."""
    return not isinstance(error, FINAL)


def pause_s(failed: int) -> float:
    """How long to wait before a turn is started over that has failed so often."""
    return PAUSES_S[min(failed, len(PAUSES_S)) - 1]
