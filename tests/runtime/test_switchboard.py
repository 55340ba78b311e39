"""Which shards hear a request, and what their answers come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.runtime.line import Line
from stigmergy.runtime.switchboard import Switchboard


class Shard(Line):
    """Answers at once, and notes what it was asked."""

    def __init__(self, number: int, heard: list[tuple[int, str]], says: Callable[[int, str], Any]) -> None:
        super().__init__()
        self._number = number
        self._heard = heard
        self._says = says

    async def call(self, request: str, payload: Any = None, *, timeout_s: float | None = None) -> Any:
        self._heard.append((self._number, request))
        return self._says(self._number, request)


def board(says: Callable[[int, str], Any], shards: int = 3) -> tuple[Switchboard, list[tuple[int, str]]]:
    heard: list[tuple[int, str]] = []
    return Switchboard([Shard(number, heard, says) for number in range(shards)]), heard


@pytest.mark.parametrize("request_", ["kind", "lost", "resume", "epochs", "cases"])
async def test_what_everybody_must_know_or_knows_a_part_of_is_for_all(request_):
    switchboard, heard = board(lambda _number, request: {} if request == "epochs" else [])
    await switchboard.call(request_)
    assert heard == [(number, request_) for number in range(3)]


@pytest.mark.parametrize("request_", ["kinds", "stop", "whatever there will be"])
async def test_what_is_the_whole_swarms_is_for_the_lead(request_):
    switchboard, heard = board(lambda number, _request: number)
    assert await switchboard.call(request_) == 0
    assert heard == [(0, request_)]


async def test_one_shard_hears_everything_as_it_is():
    switchboard, heard = board(lambda _number, _request: "as it is", shards=1)
    assert await switchboard.call("counts") == "as it is"
    assert heard == [(0, "counts")]


async def test_the_books_are_read_when_the_others_have_settled_with_the_lead():
    switchboard, heard = board(lambda _number, _request: None)
    await switchboard.call("ledger", ["position", "swarm"])
    await switchboard.call("ledger", ["open", "swarm", {}])
    assert heard == [(1, "settle"), (2, "settle"), (0, "ledger"), (0, "ledger")]


async def test_a_host_has_the_newest_epoch_that_any_shard_has_given_it():
    switchboard, _ = board(lambda number, _request: {"host-1": number, "host-2": 5 - number})
    assert await switchboard.call("epochs") == {"host-1": 2, "host-2": 5}


async def test_a_case_is_decided_by_the_shard_that_holds_it_and_one_that_nobody_holds_by_the_lead():
    switchboard, heard = board(lambda number, request: [{"id": f"case-{number}"}] if request == "cases" else None)
    await switchboard.call("decide", ["case-2", "do", None, "a test"])
    await switchboard.call("decide", ["case-9", "do", None, "a test"])
    assert [asked for asked in heard if asked[1] == "decide"] == [(2, "decide"), (0, "decide")]


async def test_each_whole_number_that_a_board_counts_is_added_up_over_all_shards():
    figures = Board(MemoryJournal(MemoryDisk()), BoardConfig("run", {}), 1_790_000_000.0).counts()
    numbers = [name for name, value in figures.items() if type(value) is int]
    assert {"held", "forfeited", "forfeited_tools"} <= set(numbers)
    switchboard, _ = board(lambda number, _request: {**figures, **dict.fromkeys(numbers, number + 1)})
    found = await switchboard.call("counts")
    assert {name: found[name] for name in numbers} == dict.fromkeys(numbers, 1 + 2 + 3)


@pytest.mark.parametrize("moves", [False, True])
async def test_nothing_waits_only_if_nothing_has_moved_between_two_looks(moves):
    looks = iter(range(100))

    def says(number: int, _request: str) -> dict[str, Any]:
        return {"waiting": 0, "dead_letters": {}, "digest": "", "seq": next(looks) if moves and number == 1 else 0}

    switchboard, heard = board(says)
    assert (await switchboard.call("counts"))["waiting"] == int(moves)
    assert len(heard) == 6
