"""Names, addresses and ids: who is meant, and how a thing is told from every other.

Ids are derived, not drawn: a message that a turn sends is named by the turn and its position in
it. So a turn that runs twice names its messages alike, and the receiver can tell a repeat from
news; and a run with the same seed has the same ids.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

from .errors import InvalidName

NAME_PATTERN = r"[A-Za-z0-9_.\-]{1,64}"
is_name = re.compile(rf"(?!\.\.?\Z){NAME_PATTERN}").fullmatch
"""Matches a name: 1 to 64 of ``A-Z a-z 0-9 _ . -``, but neither ``.`` nor ``..``."""
_SKILL = "skill:"


def check_name(name: str, what: str = "name") -> str:
    """Return ``name`` if it is 1 to 64 of ``A-Z a-z 0-9 _ . -``; names become file and actor names.

    Raises: InvalidName.
    """
    if not isinstance(name, str) or not is_name(name):
        raise InvalidName(f"{what} {name!r:.80} is not valid: use 1 to 64 of A-Z a-z 0-9 _ . -")
    return name


class AgentId(NamedTuple):
    """One agent: ``kind/key``, for example ``scout/17``."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"

    @classmethod
    def parse(cls, text: str) -> AgentId:
        """Read ``kind/key``. Raises: InvalidName."""
        kind, slash, key = text.partition("/")
        if not slash:
            raise InvalidName(f"{text!r:.80} is not an agent id: write kind/key, for example scout/17")
        return cls(check_name(kind, "kind"), check_name(key, "key"))


def is_agent(address: str) -> bool:
    """Whether an address names one agent (``kind/key``), not a pool or a skill."""
    return "/" in address


def skill_address(skill: str) -> str:
    """The address of whoever has ``skill``."""
    return _SKILL + check_name(skill, "skill")


def skill_of(address: str) -> str | None:
    """The skill that an address asks for, or None when it names an agent or a kind."""
    return address[len(_SKILL) :] if address.startswith(_SKILL) else None


def check_address(address: str) -> str:
    """Return ``address`` if it is ``kind/key``, ``kind`` or ``skill:name``. Raises: InvalidName."""
    if is_agent(address):
        AgentId.parse(address)
    else:
        check_name(skill_of(address) or address, "address")
    return address


def derive_id(*parts: str | int) -> str:
    """A 128-bit id as 32 hex digits, the same for the same parts."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def sent_id(turn: str, number: int) -> str:
    """The id of what a turn sends when it commits: so many tells and posts, counted from 1."""
    return derive_id(turn, f"send:{number}")
