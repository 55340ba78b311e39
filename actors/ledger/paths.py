"""Account paths: where in the tree of budgets a cost belongs.

    path    = "swarm" *( "/" segment )          at most 32 levels
    segment = label ":" name [ "~" key ]
    label   = 1 to 16 of a-z                    kind, team, agent, conversation, or your own
    name, key = 1 to 64 of A-Z a-z 0-9 _ . -

For example ``swarm/kind:writer/agent:writer~3/conversation:9f2c``. The rule of this file: a path
says all of its ancestors, so an account needs no opening to be found, and there is one root, so a
misspelt path cannot name an account outside every ceiling.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from stigmergy.protocols.errors import InvalidName
from stigmergy.protocols.ids import NAME_PATTERN, AgentId, check_name

ROOT: Final = "swarm"
"""The account of the whole run; every other one is below it."""

MAX_LEVELS: Final = 32
"""Every payment walks up all levels, so their number bounds its cost."""

_SEGMENT: Final = re.compile(rf"([a-z]{{1,16}}):({NAME_PATTERN}(?:~{NAME_PATTERN})?)")


class Segment(NamedTuple):
    """One level of a path: ``kind:writer`` is label ``kind``, name ``writer``."""

    label: str
    name: str


def parse(path: str) -> tuple[Segment, ...]:
    """The segments of a path below the root, from the top. Raises: InvalidName."""
    root, *rest = path.split("/") if isinstance(path, str) else ("",)
    found = [_SEGMENT.fullmatch(segment) for segment in rest]
    if root != ROOT or None in found or len(rest) >= MAX_LEVELS:
        raise InvalidName(
            f"{path!r:.120} is not an account: write {ROOT}, or for example {ROOT}/kind:writer/agent:writer~3 "
            f"(at most {MAX_LEVELS} levels)"
        )
    return tuple(Segment(match[1], match[2]) for match in found if match)


def ancestors(path: str) -> tuple[str, ...]:
    """The account itself, then every account above it, the root last. Raises: InvalidName."""
    parse(path)
    return tuple(path.rsplit("/", up)[0] for up in range(path.count("/") + 1))


def kind_account(agent: str) -> str:
    """The account of the kind of an agent, given as ``kind/key``."""
    return f"{ROOT}/kind:{agent.partition('/')[0]}"


def agent_account(agent: AgentId, team: str | None = None, conversation: str | None = None) -> str:
    """The account of an agent below its team, or else its kind; or of one conversation of that agent.

    Raises: InvalidName.
    """
    group = f"kind:{check_name(agent.kind)}" if team is None else f"team:{check_name(team)}"
    path = f"{ROOT}/{group}/agent:{check_name(agent.kind)}~{check_name(agent.key)}"
    return path if conversation is None else f"{path}/conversation:{check_name(conversation)}"
