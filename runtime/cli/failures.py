"""Failures: one line on stderr for whatever went wrong, and the rest of it in a file.

The rule of this file: the terminal gets a sentence, a log file the traceback. Neither gets a key.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from stigmergy.protocols.errors import JournalError
from stigmergy.protocols.legible import saying

from ..settings import Settings
from .exits import Exit, code_of, reason_of, telling
from .secrets import HIDDEN, without_passwords
from .text import clean, first_line


def tell(error: BaseException, logs: Path | None = None, more: str = "", *, late: bool = False) -> Exit:
    """Print one line about an error, and ``more``; returns the exit code. ``logs`` is the folder for details.

    ``late``: no input explains it, see `performance.Ending`.
    """
    reason, sentence = explain(error)
    sentence += more
    if late or reason in {"bug", "failure"}:
        details = write_details(error, logs)
        sentence += f"; details: {details}" if details else ""
    say(sentence)
    return code_of(reason)


def explain(error: BaseException) -> tuple[str, str]:
    """The stop reason that an error means, and a sentence about it."""
    one = telling(error)
    reason = reason_of(one)
    if reason == "usage":
        return reason, clean(str(one))
    if reason == "user":
        return reason, "interrupted"
    if isinstance(one, OSError) and reason == "failure":
        where = f" of {one.filename}" if one.filename else ""
        return reason, f"no space is left on the disk{where}: free some, then go on"
    if isinstance(one, SystemExit):
        return reason, f"the app called sys.exit({one.code!r:.40}){_place(one)}: return an Outcome, or raise an error"
    if reason == "bug":
        return reason, f"unexpected {type(one).__name__}: {first_line(saying(one))}{_place(one)}"
    return reason, clean(str(one)) if isinstance(one, JournalError) else first_line(str(one), 400)


def say(sentence: str) -> None:
    """One line on stderr, in which nothing steers the terminal."""
    sys.stderr.write(f"stigmergy: {clean(without_secrets(sentence))}\n")
    sys.stderr.flush()


def write_details(error: BaseException, logs: Path | None) -> Path | None:
    """Write the traceback into ``logs``, or a new temporary file; returns where, None where no disk takes it."""
    text = without_secrets("".join(traceback.format_exception(error)))
    if logs is not None and logs.is_dir():
        with suppress(OSError):
            path = logs / "driver.log"
            return _append(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), text)
    with suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="stigmergy-", suffix=".log")
        return _append(Path(name), handle, text)
    return None


def _append(path: Path, handle: int, text: str) -> Path:
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(text)
    return path


def without_secrets(text: str) -> str:
    """The text without the keys that this process knows, and without passwords in URLs."""
    key = Settings.from_env().anthropic_api_key
    return without_passwords(text.replace(key, HIDDEN) if key else text)


def _place(error: BaseException) -> str:
    """Where an unforeseen error was raised: `` (app.py:41)``."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
