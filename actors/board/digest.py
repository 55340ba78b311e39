"""The run's digest: one hash over what happened in a run, in order, and not over when or where.

Two runs with the same digest wrote the same messages, states, facts, trails, claims and payments in
the same order. The journal's own digest says whether two journals are the same bytes; this one leaves
out, and nothing else:

* where it ran: the entries ``mail.attempt``, ``mail.attempts``, ``mail.lost``, ``registry.join``,
  ``registry.gone`` and ``registry.measured`` (hosts, their lives, how fast they were);
* how charges were gathered into entries: of ``ledger.charge`` the sums count, by account;
* how several shards came by what they have: ``shard.*``, ``grant.*``, ``purse.*`` but for what was spent, and the
  reservations behind grants;
* who was alive when: ``ledger.enter`` and ``ledger.leave``, which follow hosts and the time that agents are idle, and
  the field ``depth`` of mail;
* that it was interrupted, or might have been: ``mail.wake``, ``mail.rearm``, ``claims.extend``, ``swarm.resume``, and
  the words of decisions, ``swarm.decided``;
* a look at the clock that ended nothing: ``ledger.expire`` and ``ledger.reopen`` without operations;
* readings of a clock: the fields ``at``, ``now`` and ``until`` of an entry; the deadline of an envelope;
  ``accepted_at`` in a dead letter; ``latency_s`` in a recorded answer of a model;
* under which keys tools were called: they name the run to the outside world.

A trail's ``now`` counts when it is below 1e9: then it is a round of the swarm's own and no clock's, which
passed that many seconds in 2001. What time brought about (a lease that ended, a verdict about a rate)
counts, since such a run took another course. So does the order of turns that went on side by side: an interrupted run
takes them up in the order in which they were handed out, and they may end in another one if they wait for the world.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import Any, Final

import msgpack

from stigmergy.protocols.codec import unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import APPROVED, INTENDED, WANTED

from .dead_letters import TOPIC as DEAD_LETTERS
from .grants import is_grant

_WHERE: Final = frozenset(
    {
        "mail.attempt",
        "mail.attempts",
        "mail.lost",
        "mail.wake",
        "mail.rearm",
        "registry.join",
        "registry.gone",
        "registry.measured",
        "ledger.enter",
        "ledger.leave",
        "claims.extend",
        "swarm.decided",
        "swarm.resume",
    }
)
_SHARED: Final = ("shard.", "grant.", "purse.ask", "purse.got", "purse.paid")
_LOOKS: Final = frozenset({"ledger.expire", "ledger.reopen"})
_STEPS: Final = frozenset({"mail.step", "mail.decide"})
_CALLS: Final = frozenset({INTENDED, WANTED, APPROVED})
_CLOCKS: Final = frozenset({"at", "now", "until"})
_CLOCK_SECONDS: Final = 1e9
_DEADLINE: Final = Envelope._fields.index("deadline")


class RunDigest:
    """A hash that grows with the journal; feed it every entry, live or in a replay."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self._pack = msgpack.Packer().pack
        self._paid: dict[str, Counter[str]] = {}
        """What was charged, by account and dimension."""

    def add(self, kind: str, data: dict[str, Any]) -> None:
        """Take in the next entry. Takes about a microsecond for what each message writes, two to five for others."""
        if kind == "mail.done":  # no clock in it
            self._hash.update(self._pack((kind, data)))
        elif kind == "mail.accept":
            self._hash.update(self._pack((kind, _accepted(data))))
        elif kind in _WHERE or kind.startswith(_SHARED):
            return
        elif kind == "purse.spent":
            for account, number in data["of"]:
                self._paid.setdefault(account, Counter())["messages"] += number
        elif kind == "ledger.charge":
            for account, amounts in data["paid"]:
                self._paid.setdefault(account, Counter()).update(amounts)
        elif (kind not in _LOOKS or data["ops"]) and not is_grant(data.get("op", "")):
            self._hash.update(self._pack((kind, _content(kind, data))))

    def hex(self) -> str:
        """32 hex digits over the entries so far."""
        whole = self._hash.copy()
        whole.update(self._pack([[account, sorted(sums.items())] for account, sums in sorted(self._paid.items())]))
        return whole.hexdigest()


def _accepted(data: dict[str, Any]) -> dict[str, Any]:
    """What `_content` makes of a ``mail.accept``, in a third of its time: there is one for every message."""
    content = data.copy()
    del content["at"]
    content.pop("depth", None)
    content["e"] = _timeless(data["e"])
    return content


def _content(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """An entry without what a clock put there."""
    content = data
    if not _CLOCKS.isdisjoint(data):
        content = {name: value for name, value in data.items() if name not in _CLOCKS}
    part = kind.partition(".")[0]
    if part == "trails" and data.get("now", _CLOCK_SECONDS) < _CLOCK_SECONDS:
        content["now"] = data["now"]
    elif part == "mail" and "e" in data:
        content = {**_without(content, "depth"), "e": _timeless(data["e"])}
    elif kind in _STEPS:
        number, key, result, *outcome = data["step"]
        if key.startswith("model:") and not outcome:
            content = {**content, "step": [number, key, _without(result, "latency_s")]}
        elif outcome and outcome[0] in _CALLS:
            content = {**content, "step": [number, key, _without(result, "key"), *outcome]}
    elif kind == "topics.post" and (data["topic"], data["writer"]) == (DEAD_LETTERS, "board"):
        letter = _without(unpack(data["body"]), "accepted_at")
        if "envelope" in letter:
            letter["envelope"] = _timeless(letter["envelope"])
        content["body"] = letter
    return content


def _timeless(envelope: list[Any]) -> list[Any]:
    kept = envelope.copy()
    del kept[_DEADLINE]
    return kept


def _without(record: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != field}
