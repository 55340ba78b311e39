"""Text for people: numbers, times and foreign words that are safe to print on a terminal."""

from __future__ import annotations

import json
import os
import shlex
from datetime import datetime
from typing import Any, Final

from stigmergy.protocols.money import usd_text

_SECOND_S: Final = 1.0
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600


def clean(text: str) -> str:
    """One line without control characters: what agents wrote must not steer the terminal."""
    return "".join(c if c.isprintable() else " " if c.isspace() else repr(c)[1:-1] for c in text)


def first_line(text: str, limit: int = 200) -> str:
    """The first line that says something, cut to ``limit`` characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return cut(clean(line), limit)


def typed(word: object) -> str:
    """A word of a command, as a shell takes it for what it is."""
    text = str(word)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(_in_quotes(c) for c in text) + "'"


def _in_quotes(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters; an ellipsis shows that there was more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def short(value: Any, limit: int = 80) -> str:
    """Any plain value in at most ``limit`` characters."""
    return cut(clean(json.dumps(value, ensure_ascii=False, default=_shown)), limit)


def duration(seconds: float | None) -> str:
    """``8 ms``, ``1.24 s``, ``2 min 5 s``, ``1 h 3 min``; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < _SECOND_S:
        return f"{_three(seconds * 1e3)} ms"
    if seconds < _MINUTE_S:
        return f"{_three(seconds)} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min {int(seconds % _MINUTE_S)} s"
    return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S)} min"


def milliseconds(value: float | None) -> str:
    """The same for milliseconds."""
    return duration(None if value is None else value / 1e3)


def when(unix_s: float) -> str:
    """Local date and time to the second."""
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def usd(nano: int) -> str:
    """Dollars: exact, without trailing zeros."""
    return usd_text(nano)


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 message``, ``2,000 messages``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def percent(share: float) -> str:
    """``50 %``."""
    return f"{share * 100:.0f} %"


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _three(number: float) -> str:
    """Three digits that matter, never an exponent."""
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f}"  # noqa: PLR2004 - three digits
