"""A board on an event loop: what its peers are told, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.outbox import Out
from stigmergy.actors.board.owners import Place
from stigmergy.actors.board.service import SLICE, BoardService, open_board
from stigmergy.actors.clock import Clock
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.actors.transport.channel import MAX_BYTES, open_batch
from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import JournalError, StigmergyError
from stigmergy.runtime.client import Client


def put(client: Client, key: str):
    return client.act("facts.put", {"key": key, "value": 1})


async def test_a_board_that_could_not_commit_takes_nothing_in_even_when_there_is_room_again():
    disk = MemoryDisk()
    journal = MemoryJournal(disk)
    service = BoardService(Board(journal, BoardConfig("run", {}), 0.0), journal, Clock())
    clients = [Client(f"client/{name}", "run", lambda *_: None, Clock()) for name in "ab"]
    for client in clients:
        service.attach(client.name, client)
        client.attach("board", service)
    await put(clients[0], "before")
    disk.capacity_bytes = disk.used_bytes()
    with pytest.raises(StigmergyError):
        await put(clients[0], "while it was full")
    disk.capacity_bytes = None
    last = journal.last_seq
    with pytest.raises(StigmergyError):
        await put(clients[1], "afterwards")
    assert journal.last_seq == last
    successor = MemoryJournal(disk)  # though the failed one is still in this process
    assert successor.last_seq == last
    await service.close()


class FailsOnce(MemoryJournal):
    """A journal that could not be written once, though it is as it was before and after."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False

    def append(self, batch, at, epoch):
        if self.fails:
            self.fails = False
            raise JournalError("once")
        return super().append(batch, at, epoch)

    def close(self) -> None:
        pass


async def test_after_a_commit_that_failed_nothing_of_what_was_waiting_is_handled_or_committed():
    journal = FailsOnce()
    service = BoardService(Board(journal, BoardConfig("run", {}), 0.0), journal, Clock(), apart=True)
    client = Client("client/a", "run", lambda *_: None, Clock())
    service.attach(client.name, client)
    client.attach("board", service)
    await put(client, "before")
    last, journal.fails = journal.last_seq, True
    under_way = [asyncio.ensure_future(put(client, str(n))) for n in range(SLICE + 1)]
    await asyncio.wait(under_way, timeout=10)
    assert all(isinstance(put.exception(), StigmergyError) for put in under_way)
    assert service._board.machines.space.facts.get("0") is not None
    assert service._board.machines.space.facts.get(str(SLICE)) is None
    service._board.tick(1.0)
    service._pump()
    assert journal.last_seq == last
    await service.close()


async def test_a_board_that_is_met_again_goes_on_with_the_link_that_it_has():
    journal, words = MemoryJournal(), list[Any]()

    class Other:
        async def receive(self, data):
            _, number, _, frames = open_batch(data)
            words.extend((number, frame[2]) for frame in frames)
            return pack(["board-1.1", 0, number, []])

    board = Board(journal, BoardConfig("run", {}, Place(0, 2)), 0.0)
    service = BoardService(board, journal, Clock(), "board-0.1")
    for _ in range(2):
        service.attach("board-1.1", Other())
        for _ in range(9):
            await asyncio.sleep(0)
    assert words == [(1, "hello")]
    await service.close()


async def test_a_board_that_is_killed_within_its_process_frees_its_journal_and_writes_nothing_that_was_under_way():
    disk = MemoryDisk()
    journal = MemoryJournal(disk)
    service = BoardService(Board(journal, BoardConfig("run", {}), 0.0), journal, Clock())
    client = Client("client/a", "run", lambda *_: None, Clock())
    service.attach(client.name, client)
    client.attach("board", service)
    await put(client, "before")
    last, come = journal.last_seq, asyncio.Event()
    service._pump = come.set  # type: ignore[method-assign]
    under_way = asyncio.ensure_future(put(client, "under way"))
    await come.wait()
    service.let_go()
    BoardService._pump(service)
    successor = MemoryJournal(disk)
    assert service._ticker is not None
    await asyncio.wait([service._ticker], timeout=5)
    assert service._ticker.cancelled()
    under_way.cancel()
    await asyncio.sleep(0)
    assert (successor.last_seq, len(disk.rows)) == (last, last)


async def test_a_wall_clock_that_jumps_ends_no_lease():
    wall, lease_s = [1_000.0], 30.0
    journal = MemoryJournal()
    clock = Clock(lambda: wall[0], lambda: 5.0)
    service = BoardService(Board(journal, BoardConfig("run", {}), wall[0]), journal, clock)
    client = Client("client/a", "run", lambda *_: None, clock)
    service.attach(client.name, client)
    client.attach("board", service)
    await client.act("claims.offer", {"queue": "q", "item": "i", "payload": b""})
    wall[0] += 3_600.0
    claim = await client.act("claims.take", {"queue": "q", "epoch": 0, "lease_s": lease_s})
    assert claim[-1] == 1_000.0 + lease_s
    await asyncio.sleep(0)
    await service.close()


class Commits(MemoryJournal):
    """A journal that remembers how many facts came together. What time makes the board write does not count."""

    def __init__(self):
        super().__init__()
        self.sizes: list[int] = []

    def append(self, batch, at, epoch):
        facts = sum(kind == "facts.write" for kind, _ in batch)
        self.sizes += [facts] if facts else []
        return super().append(batch, at, epoch)


async def commits_of_one_call(count, **how):
    """How many facts each commit had, for some requests that came in one call."""
    journal, clock = Commits(), Clock()
    service = BoardService(Board(journal, BoardConfig("run", {}), 1_000.0), journal, clock, **how)
    client = Client("client/a", "run", lambda *_: None, clock)
    service.attach(client.name, client)
    client.attach("board", service)
    await put(client, "first")
    journal.sizes.clear()
    await asyncio.gather(*(put(client, str(n)) for n in range(count)))
    await service.close()
    return journal.sizes


async def test_what_comes_together_is_one_commit():
    assert await commits_of_one_call(3 * SLICE) == [3 * SLICE]


async def test_where_hosts_run_meanwhile_more_than_a_slice_is_committed_in_parts():
    assert await commits_of_one_call(SLICE, apart=True) == [SLICE]
    assert await commits_of_one_call(2 * SLICE + 1, apart=True) == [SLICE, SLICE, 1]


async def test_a_board_that_refuses_its_journal_leaves_it_free(tmp_path, monkeypatch):
    def refuse(*_: object) -> Board:
        raise JournalError("this journal is that of shard 0 of 2")

    config = {"run": "test", "journal": str(tmp_path / "journal.db")}
    with monkeypatch.context() as patched, pytest.raises(JournalError, match="of 2"):
        patched.setattr("stigmergy.actors.board.service.Board", refuse)
        open_board(config)
    await open_board(config).close()


async def test_what_is_behind_a_frame_that_is_too_large_is_sent():
    journal, clock, told = MemoryJournal(), Clock(), list[tuple[str, dict[str, Any]]]()
    service = BoardService(Board(journal, BoardConfig("run", {}), 1_000.0), journal, clock)
    client = Client("client/a", "run", lambda name, data: told.append((name, data)), clock)
    service.attach(client.name, client)
    client.attach("board", service)
    await put(client, "first")
    large = {"text": "x" * MAX_BYTES}
    outbox = service._board.machines.outbox
    outbox.tell(client.name, "reply", [client.name, "nobody", large])
    outbox.frames.append(Out(client.name, "", 99, ["HandlerFailed", [large["text"]]], failed=True))
    outbox.event("dead_letter", large)
    await put(client, "behind it")
    await put(client, "and after")
    assert [(name, data["what"]) for name, data in told] == [("not_sent", "reply"), ("not_sent", "answer")]
    assert "pass a reference" in told[0][1]["reason"]
    await service.close()
