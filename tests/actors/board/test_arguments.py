"""Hostile arguments: whatever is asked of a board, it answers with a helpful error, and its journal can be opened."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from stigmergy.actors.board.arguments import TAKEN
from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.service import BoardService
from stigmergy.actors.clock import Clock
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.protocols.errors import KINDS, JournalError, StigmergyError
from stigmergy.protocols.turn import Turn, Write
from stigmergy.runtime.client import Client
from tests.actors.board.test_board import DRIVER, HOST, Site, a_letter, answers, delivered
from tests.actors.kinds import a_kind

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    2**64 - 1,
    -(2**63),
    1.5,
    -0.0,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    "",
    "x",
    "n" * 10_000,
    "\x00/*",
    b"",
    b"x",
    [],
    ["x", 1],
    [["x"]],
    {},
    {"x": "y"},
    {"x": float("nan")},
    {"x": None},
    {"evaporation": 2},
    {"": 1},
    {b"x": 1},
)

SOUND: dict[str, dict[str, Any]] = {
    "facts": {"key": "k", "value": 1, "expect": None, "prefix": "", "limit": 10},
    "trails": {
        "trail": "t",
        "rule": {"evaporation": 0.5},
        "amounts": {"k": 1.0},
        "keys": ["k"],
        "toward": 1.0,
        "rate": 0.5,
        "now": None,
        "n": 3,
        "prefix": "",
    },
    "claims": {
        "queue": "q",
        "item": "taken",
        "payload": b"",
        "priority": 1,
        "epoch": 0,
        "lease_s": 30.0,
        "token": 1,
        "reason": "no",
        "limit": 10,
    },
    "topics": {"topic": "news", "subscriber": "a/1", "after": 0, "limit": 10},
}
LOOKS = {name for name in TAKEN if name.partition(".")[2] in {"get", "keys", "read", "baseline", "strongest"}} | {
    "trails.defined",
    "claims.peek",
    "claims.depth",
    "topics.last",
}
OTHERS: dict[str, list[Any]] = {
    "ledger open": ["open", "swarm/kind:a", {"messages": 10**6}],
    "ledger reserve": ["reserve", "op", "swarm/kind:a", {"tokens": 1}, 60.0],
    "ledger settle": ["settle", "before", {"tokens": 1}],
    "ledger release": ["release", "before"],
    "ledger position": ["position", "swarm"],
    "stop": ["why", "text"],
    "decide": ["m1", "do", None, "me"],
    "resolve": ["a/1", "Question@1"],
    "progress": ["talk", "m1"],
    "put back": ["all"],
}


def a_site() -> Site:
    """A board with something of each part on it, and a turn that runs."""
    site = Site(a_kind("a"))
    act = lambda operation, **arguments: site.do((HOST, "act", [operation, arguments, "a/1", "", "talk"]))  # noqa: E731
    act("trails.define", trail="t", rule={"evaporation": 0.5})
    for item in ("taken", "ready"):
        act("claims.offer", queue="q", item=item, payload=b"")
    act("claims.take", queue="q", epoch=0, item="taken")
    act("facts.put", key="k", value=1)
    site.do((HOST, "ledger", ["reserve", "before", "swarm/kind:a", {"tokens": 5}, 60.0]))
    site.send(a_letter("m1"))
    return site


def reopened(site: Site) -> Board:
    """The board of a successor, which has its own road to the state of its predecessor."""
    site.disk.crash()
    return Board(MemoryJournal(site.disk), BoardConfig("run", {}), site.now)


def what_is_kept(board: Board) -> str:
    """Mail, blackboard, and whether it has stopped, as text: not a number is not even like itself."""
    m = board.machines
    return repr((sorted(m.mail.letters), m.space.facts.snapshot(), m.space.claims.snapshot(), m.stopped))


def variants(sound: dict[str, Any]) -> list[dict[str, Any]]:
    """Sound arguments with one of them hostile, or missing."""
    bad = [{**sound, name: value} for name in sound for value in HOSTILE]
    return [*bad, *({n: v for n, v in sound.items() if n != name} for name in sound)]


@pytest.mark.parametrize("operation", sorted(TAKEN))
def test_hostile_arguments_of_an_operation_are_refused_or_carried_out_now_and_at_a_replay(operation: str):
    site, part = a_site(), operation.partition(".")[0]
    sound = {name: SOUND[part][name] for name in TAKEN[operation]}
    for number, arguments in enumerate([sound, *variants(sound)]):
        request = ("look", [operation, arguments])
        if operation not in LOOKS:
            request = ("act", [operation, arguments, "a/1", f"m1:{number}", "talk"])
        (answer,) = answers(site.do((HOST, *request)))
        assert answer != "HandlerFailed", arguments
        assert number or str(answer) not in KINDS, answer
    assert site.tick(1.0) is not None
    after = reopened(site).machines.space
    before = site.board.machines.space
    assert (after.facts.snapshot(), after.topics.snapshot()) == (before.facts.snapshot(), before.topics.snapshot())
    assert repr(after.trails.snapshot()) == repr(before.trails.snapshot())
    assert after.claims.depth("q") == before.claims.depth("q")


@pytest.mark.parametrize("operation", ["facts.put", "trails.deposit", "trails.blend", "claims.offer"])
def test_a_turn_whose_write_is_hostile_fails_and_leaves_nothing_half_done(operation: str):
    part = operation.partition(".")[0]
    sound = {name: SOUND[part][name] for name in TAKEN[operation]}
    for arguments in variants(sound):
        site = a_site()
        written = Write(part, operation, arguments)
        sent = a_letter("sent", "a/2", sender="a/1")
        out = site.do((HOST, "commit", list(Turn("m1", "a/1", HOST, 0, "done", writes=(written,), sends=(sent,)))))
        (answer,) = answers(out)
        assert (answer is None) == (delivered(out) == ["sent"]), arguments
        assert answer is None or answer[0] == "again", (answer, arguments)
        assert what_is_kept(reopened(site)) == what_is_kept(site.board)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_hostile_requests_of_other_sorts_leave_a_journal_that_can_be_opened(name: str):
    sound, request = OTHERS[name], name.partition(" ")[0] if name.startswith("ledger") else name
    for place in range(len(sound)):
        site = a_site()
        for value in HOSTILE:
            payload = [*sound[:place], value, *sound[place + 1 :]]
            site.do((DRIVER if request == "stop" else HOST, request, payload))
        assert what_is_kept(reopened(site)) == what_is_kept(site.board)


async def test_a_request_that_breaks_when_part_of_it_was_written_stops_the_board_before_the_append(monkeypatch: Any):
    disk = MemoryDisk()
    board = Board(MemoryJournal(disk), BoardConfig("run", {}), 0.0)
    service = BoardService(board, board._journal, Clock())
    client = Client("client/a", "run", lambda *_: None, Clock())
    service.attach(client.name, client)
    client.attach("board", service)
    await client.act("facts.put", {"key": "before", "value": 1})
    last = board._journal.last_seq
    monkeypatch.setattr(board.machines.space.claims, "apply", lambda *_: 1 // 0)
    with pytest.raises(StigmergyError):
        await client.act("claims.offer", {"queue": "q", "item": "i", "payload": b""})
    assert "ZeroDivisionError" in service.health()["failed"]
    assert "'act' of client/a" in service.health()["failed"]
    assert Board(MemoryJournal(disk), BoardConfig("run", {}), 0.0)._journal.last_seq == last
    await service.close()


async def test_a_board_that_breaks_when_time_passes_stops_before_the_append(monkeypatch: Any):
    disk = MemoryDisk()
    board = Board(MemoryJournal(disk), BoardConfig("run", {}), 0.0)
    service = BoardService(board, board._journal, Clock())
    monkeypatch.setattr("stigmergy.actors.board.service.TICK_S", 0.0)
    monkeypatch.setattr(board, "tick", lambda _now: 1 // 0)
    client = Client("client/a", "run", lambda *_: None, Clock())
    service.attach(client.name, client)
    client.attach("board", service)
    for _ in range(50):
        if service.health()["failed"]:
            break
        await asyncio.sleep(0.01)
    assert "by zero" in service.health()["failed"]
    await service.close()


A_KIND = a_kind("b", topics=("news",)).to_plain()


@pytest.mark.parametrize("field", sorted(A_KIND))
def test_a_hostile_kind_is_refused_or_can_be_given_mail_now_and_after_a_replay(field: str):
    for number, value in enumerate(HOSTILE):
        site = Site()
        with suppress(JournalError):  # the board has stopped
            site.do((DRIVER, "kind", {**A_KIND, field: value}))
        board = reopened(site)
        assert len(board.machines.kinds) <= 1
        if "b" in board.machines.kinds:
            site.board = board
            site.do((DRIVER, "join", ["h", [], 2]))
            site.send(a_letter(f"b{number}", "b/1"))
            assert f"b{number}" in site.board.machines.mail.letters, value
            assert what_is_kept(reopened(site)) == what_is_kept(site.board)


@pytest.mark.parametrize("argument", ["skill", "tag", "accepts", "healthy", "order_by", "limit", "other"])
def test_hostile_searches_of_the_registry_harm_nobody(argument: str):
    site = a_site()
    for value in HOSTILE:
        (answer,) = answers(site.do((HOST, "find", {argument: value})))
        assert answer != "HandlerFailed", value
    assert what_is_kept(reopened(site)) == what_is_kept(site.board)
