"""Secrets: what must not be written down with a run.

A value is one when its option is named like one, or its type says so (`pydantic.SecretStr`, which
writes itself as stars); and so is the password in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel

HIDDEN: Final = "***"

_SECRET_WORDS: Final = frozenset({"key", "apikey", "token", "secret", "password", "passwd", "credential"})

_PASSWORD_IN_URL: Final = re.compile(r"(\w://[^:/?#@\s]*):\S*@")  # up to the last @: rather too much than too little
_PASSWORD_IN_QUERY: Final = re.compile(r"([?&]\w*(?:password|secret|key)\w*=)[^&#\s]+", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether an option's name says that its value is a secret."""
    return not _SECRET_WORDS.isdisjoint(re.split(r"[-_]+", name.lower()))


def shown_argv(argv: Sequence[str]) -> list[str]:
    """A command line without the values of secret options."""
    shown: list[str] = []
    hide = False
    for word in argv:
        flag, equals, _ = word.partition("=")
        secret = flag.startswith("--") and is_secret(flag.removeprefix("--"))
        shown.append(HIDDEN if hide else f"{flag}={HIDDEN}" if secret and equals else without_passwords(word))
        hide = secret and not equals
    return shown


def without_passwords(text: str) -> str:
    """The text without the passwords of the URLs in it."""
    return _PASSWORD_IN_QUERY.sub(rf"\1{HIDDEN}", _PASSWORD_IN_URL.sub(rf"\1:{HIDDEN}@", text))


def shown_options(options: BaseModel) -> dict[str, Any]:
    """An app's options as plain data, without the values of secret ones."""
    plain = options.model_dump(mode="json")
    return {name: HIDDEN if is_secret(name) and value else value for name, value in plain.items()}
