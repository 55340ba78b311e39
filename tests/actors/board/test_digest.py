"""The run's digest: the same for the same course of events at whatever time, another for any other course."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.dead_letters import DeadLetters, Death
from stigmergy.actors.board.digest import RunDigest, _accepted, _content
from stigmergy.actors.board.machines import Machines
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Step
from tests.actors.kinds import a_kind

Entries = list[tuple[str, dict[str, Any]]]

TUESDAY, WEDNESDAY = 1_790_000_000.0, 1_790_086_400.5

WHERE = {"mail.attempt", "mail.attempts", "mail.lost", "registry.join", "registry.gone", "registry.measured"}
"""Entries about hosts, which may differ between two runs that went the same way."""


def history(began: float, pace_s: float = 1.0, host: str = "host-1", depth: int = 1) -> Entries:
    """A day in the life of every machine; what happens does not depend on when, how fast and where."""
    entries: Entries = []
    m = Machines(lambda kind, data: entries.append((kind, copy.deepcopy(data))), {}, began)
    now = began

    def later() -> float:
        nonlocal now
        now += pace_s
        return now

    ask = Envelope("m1", "ask", "Question@1", "client/main", "a/1", b"hm", "talk", deadline=later() + 30)
    post = Envelope("p1", "post", "News@1", "a/1", "news", b"new", "talk", cause="m1")
    m.add_kind(a_kind("a"))
    m.registry.join(host, [], later(), epoch=1)
    m.treasury.ledger.open("swarm", Budget(messages=100), later())
    m.treasury.ledger.charge("swarm/kind:a", Spend(messages=1), later())
    m.treasury.ledger.reserve("call-1", "swarm", Spend(usd=1), later(), 60.0)
    m.treasury.ledger.settle("call-1", Spend(usd="0.5"), later())
    m.treasury.ledger.expire(later())
    m.mail.accept(ask, "", later(), depth=depth)
    m.mail.attempt("m1", "a/1", f"{host}.1")
    reply = {"text": "yes", "latency_s": pace_s}
    m.mail.step("m1", Step(0, "model:writer:k", reply))
    m.mail.step("m1", Step(1, "run:look", {"latency_s": 7.0}))
    m.mail.lost(f"{host}.1")
    m.mail.attempts([("m1", "a/1", f"{host}.1")])
    m.mail.again("m1", "it broke")
    m.mail.fan(post, ["a/2", "a"], later(), depth=depth)
    m.space.topics.subscribe("news", "a/2", "agents")
    m.space.topics.post("news", "p1", b"new", "a/1", later())
    m.space.topics.post_all(Series("news", "a/1", "talk", "m1", "", 1, (), [[1, "News@1", b"new"]]), later())
    m.mail.done("m1", b"state")
    DeadLetters(m.space.topics, m.exchange).post(ask, Death("deadline", "too late", later(), 1), later())
    DeadLetters(m.space.topics, m.exchange).item("tickets", "t1", "the lease ended", later())
    act = m.space.act
    act("facts.put", {"key": "k", "value": {"at": 1, "now": 2}}, "a/1", "m1:0", later())
    act("trails.define", {"trail": "t", "rule": {"baseline": 0.5}}, "a/1", "", later())
    act("trails.deposit", {"trail": "t", "amounts": {"x": 1.0}}, "a/1", "", later())
    act("trails.deposit", {"trail": "t", "amounts": {"x": 1.0}, "now": 3}, "a/1", "", later())
    act("claims.offer", {"queue": "q", "item": "i", "payload": b""}, "a/1", "", later())
    claim = act("claims.take", {"queue": "q", "epoch": 0}, "a/1", "m1:1", later())
    act("claims.renew", {"queue": "q", "item": "i", "token": claim[3]}, "a/1", "", later())
    act("claims.complete", {"queue": "q", "item": "i", "token": claim[3]}, "a/1", "", later())
    m.registry.outcome("a", ok=True, latency_s=pace_s)
    m.registry.checkpoint()
    m.registry.leave(host, 1)
    m.record("swarm.stop", {"reason": "user", "text": "enough"})
    return entries


def digest(entries: Entries) -> str:
    run = RunDigest()
    for kind, data in entries:
        run.add(kind, data)
    return run.hex()


def test_the_short_way_of_a_message_leaves_out_what_the_long_one_does():
    accepted = [data for kind, data in history(1e9) if kind == "mail.accept"]
    assert accepted
    assert [_accepted(data) for data in accepted] == [_content("mail.accept", data) for data in accepted]


def kinds(entries: Entries) -> list[str]:
    return [kind for kind, _ in entries]


def variants(value: Any, name: str = "") -> list[Any]:
    """The value with one thing changed somewhere in it, in every way. ``name`` is that of its field."""
    match value:
        case dict():
            inner = [{**value, name: new} for name, old in value.items() for new in variants(old, name)]
            return [*inner, {**value, "one-more": 1}]
        case list() | tuple():
            longer = [[*value[:i], new, *value[i + 1 :]] for i, old in enumerate(value) for new in variants(old)]
            return longer if name in {"e", "step", "envelope"} else [*longer, [*value, 1]]
        case bytes() if name == "body" and value != b"new":
            return [pack(new) for new in variants(unpack(value))]
        case bytes():
            return [value + b"!"]
        case str():
            return [value + "!"]
        case None:
            return [1]
        case _:
            return [value + 1 if value < 1e300 else 0]


HISTORY = history(TUESDAY)
CONTENT = [
    i for i, (kind, data) in enumerate(HISTORY) if kind not in {*WHERE, "ledger.charge"} and data.get("ops") != []
]


def test_the_history_has_entries_of_every_machine_and_about_hosts():
    assert {kind.partition(".")[0] for kind in kinds(HISTORY)} == {
        *("mail", "topics", "facts", "trails", "claims", "ledger", "registry", "swarm")
    }
    assert set(kinds(HISTORY)) >= WHERE


@pytest.mark.parametrize("other", [(WEDNESDAY, 1.0), (TUESDAY, 1.375), (WEDNESDAY, 0.25)])
def test_the_same_events_at_other_times_have_the_same_digest(other):
    again = history(*other)
    assert again != HISTORY
    assert digest(again) == digest(HISTORY)


def test_the_same_events_on_another_host_have_the_same_digest():
    elsewhere = history(TUESDAY, host="host-7")
    assert elsewhere != HISTORY
    assert digest(elsewhere) == digest(HISTORY)


def test_the_same_events_among_deeper_agents_have_the_same_digest():
    deeper = history(TUESDAY, depth=3)
    assert deeper != HISTORY
    assert digest(deeper) == digest(HISTORY)


@pytest.mark.parametrize("index", CONTENT, ids=lambda i: f"{i}-{HISTORY[i][0]}")
def test_an_entry_that_is_missing_or_repeated_or_stands_elsewhere_changes_the_digest(index):
    whole = digest(HISTORY)
    assert digest([*HISTORY[:index], *HISTORY[index + 1 :]]) != whole
    assert digest([*HISTORY[: index + 1], *HISTORY[index:]]) != whole
    for other in CONTENT:
        swapped = list(HISTORY)
        swapped[index], swapped[other] = HISTORY[other], HISTORY[index]
        assert (digest(swapped) == whole) == (index == other)


@pytest.mark.parametrize("index", CONTENT, ids=lambda i: f"{i}-{HISTORY[i][0]}")
def test_any_other_content_changes_the_digest_unless_a_clock_put_it_there(index):
    (kind, data), whole = HISTORY[index], digest(HISTORY)
    assert digest([*HISTORY[:index], (kind + "s", data), *HISTORY[index + 1 :]]) != whole
    for name, value in data.items():
        for other in variants(value, name):
            changed = digest([*HISTORY[:index], (kind, {**data, name: other}), *HISTORY[index + 1 :]])
            assert (changed == whole) == is_of_a_clock(kind, name, value, other), (name, value, other)


def is_of_a_clock(kind: str, name: str, value: Any, other: Any) -> bool:
    """The list of what has no part in the digest, said once more."""
    match name:
        case "at" | "until" | "depth":
            return True
        case "now":
            return not kind.startswith("trails.") or value >= 1e9
        case "e":
            return {i for i, (a, b) in enumerate(zip(value, other, strict=True)) if a != b} == {11}
        case "step":
            timed = value[1].startswith("model:") and value[:2] == other[:2]
            return timed and {**value[2], "latency_s": 0} == {**other[2], "latency_s": 0}
        case "body" if kind == "topics.post" and value != b"new":
            before, after = unpack(value), unpack(other)
            if "envelope" in before:
                before["envelope"][11] = after["envelope"][11]
            return {**before, "accepted_at": 0} == {**after, "accepted_at": 0}
        case _:
            return False


def test_how_an_entry_was_split_into_batches_has_no_part_but_where_one_ends_and_the_next_begins_has():
    assert digest([("a.b", {"x": "12"}), ("a.b", {})]) != digest([("a.b", {"x": "1"}), ("a.b", {"2": ""})])
    assert digest([("a.b", {})]) != digest([("a.", {"b": None})])


def test_how_charges_were_gathered_has_no_part_in_the_digest_but_their_sums_have():
    def charged(*entries):
        return digest([("ledger.charge", {"paid": paid, "now": 1.0}) for paid in entries])

    one, two, other = {"messages": 1}, {"messages": 2}, {"messages": 1, "tokens": 1}
    gathered = charged([["a", two], ["b", one]])
    assert charged([["a", one]], [["b", one]], [["a", one]]) == gathered
    assert len({gathered, charged([["a", one], ["b", two]]), charged([["a", two]]), charged([["a", other]])}) == 4


def test_a_board_that_comes_back_goes_on_with_the_digest_of_the_one_before():
    disk = MemoryDisk()
    board = Board(MemoryJournal(disk), BoardConfig("run", {}), TUESDAY)
    empty = board.counts()["digest"]
    board.handle("client/main", 1, "ledger", ["open", "swarm", {"messages": 9}], TUESDAY)
    board.commit(TUESDAY)
    before = board.counts()["digest"]
    disk.crash()
    again = Board(MemoryJournal(disk), BoardConfig("run", {}), WEDNESDAY)
    assert again.counts()["digest"] == before != empty
