"""The benchmark's own promises: who is measured when, what a ratio means, and that a loss is called one."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from bench.__main__ import main
from bench.agents import Question
from bench.entrants import Entrants, compare, in_turn, rows_of
from bench.journals import sqlite_journal
from bench.load import BODY_BYTES, FOLLOWERS, HOPS, POSTS_A_TURN, TEXT, Load, Taken
from bench.ours import fleet
from bench.pace import Pace, Series, alternate, fitting
from bench.peers.raw_sqlite import raw_sqlite
from bench.peers.redis_streams import redis_streams
from bench.results import Heading, record
from bench.rows import COMPARISONS, DURABLE, REDIS, SQLITE_JOURNAL, Comparison, chosen
from bench.table import outcome, summary, table
from stigmergy.protocols.message import encode

BENCH = Path(__file__).parents[2] / "bench"
LOAD = Load("ask", 10)


class Entrant:
    """Somebody whose speed is known; keeps a log of who was measured, and with how much."""

    def __init__(self, name, rates, log, fails_at=None):
        self.name, self.rates, self.log, self.fails_at = name, rates, log, fails_at
        self.turn = 0

    async def __call__(self, load):
        self.turn += 1
        self.log.append((self.name, load.operations))
        if self.turn == self.fails_at:
            raise ConnectionError("gone\nwith a long story")
        rate = self.rates[min(self.turn, len(self.rates)) - 1]
        return Taken(load.operations, load.operations / rate)


async def measured(*entrants, rounds=4):
    return await alternate({e.name: e for e in entrants}, LOAD, Pace(rounds, 0.5), lambda _: None)


def row(unit="asks/s", ours=(200.0,), peer=(100.0,), bar=None, error=""):
    return Heading("ask", unit, "local, memory", "a peer", bar).row(ours, peer, error)


# -- who is measured when ----------------------------------------------------------------------------


async def test_each_round_visits_everybody_and_the_next_one_in_reverse_order():
    log: list[tuple[str, int]] = []
    await measured(Entrant("ours", [20], log), Entrant("peer", [20], log), rounds=3)
    warm_up, rounds = log[:2], [name for name, _ in log[2:]]
    assert [name for name, _ in warm_up] == ["ours", "peer"]
    assert rounds == ["ours", "peer", "peer", "ours", "ours", "peer"]


async def test_every_round_gives_one_rate_and_the_warm_up_gives_none():
    series = await measured(Entrant("ours", [20, 30, 40, 50, 60], []), Entrant("peer", [20], []))
    assert series.rates == {"ours": [30, 40, 50, 60], "peer": [20, 20, 20, 20]}
    assert series.failures == {}


async def test_a_measurement_is_made_so_large_that_it_fills_its_time():
    log: list[tuple[str, int]] = []
    assert await fitting(Entrant("fast", [100_000], log), LOAD, 0.5) == 50_000
    assert [count for _, count in log] == [10, 80, 640, 5_120, 40_960]


async def test_a_measurement_is_never_smaller_than_the_load_asks():
    assert await fitting(Entrant("slow", [1], []), LOAD, 0.5) == 10


async def test_who_fails_is_dropped_and_named_and_the_others_go_on():
    log: list[tuple[str, int]] = []
    series = await measured(
        Entrant("ours", [20], log), Entrant("at once", [20], log, fails_at=1), Entrant("later", [20], log, fails_at=3)
    )
    assert series.rates == {"ours": [20] * 4}
    assert series.failures == {"at once": "ConnectionError: gone", "later": "ConnectionError: gone"}
    assert [name for name, _ in log].count("at once") == 1
    assert [name for name, _ in log].count("later") == 3


def test_our_entries_and_the_peers_take_turns():
    assert in_turn(("a", "b"), ("x",)) == ["a", "x", "b"]
    assert in_turn(("a",), ("x", "y")) == ["a", "x", "y"]


# -- what a row says ---------------------------------------------------------------------------------


def test_a_row_holds_medians_and_the_spread_of_its_rounds():
    found = row(ours=(100, 900, 200), peer=(50, 100, 100))
    assert (found.ours, found.peer, found.ratio) == (200, 100, 2)
    assert found.spread == {"ours": (100, 900), "peer": (50, 100), "ratio": (2, 9)}


def test_more_per_second_than_the_peer_is_a_win():
    assert row(ours=(200,), peer=(100,)).won is True
    assert row(ours=(50,), peer=(100,)).won is False


def test_fewer_milliseconds_than_the_peer_is_a_win():
    quicker, slower = row("ms", ours=(1_000,), peer=(500,)), row("ms", ours=(500,), peer=(1_000,))
    assert (quicker.ours, quicker.peer, quicker.ratio, quicker.won) == (1, 2, 0.5, True)
    assert (slower.ours, slower.peer, slower.ratio, slower.won) == (2, 1, 2, False)


def test_a_bar_is_a_floor_for_rates_and_a_ceiling_for_times():
    assert row(bar=2.0).met is True
    assert row(bar=2.1).met is False
    assert row("ms", ours=(100,), peer=(130,), bar=1.3).met is True
    assert row("ms", ours=(100,), peer=(131,), bar=1.3).met is False
    assert row(bar=None).met is None


def test_a_limit_is_a_promise_whoever_the_peer_is():
    def of(ours, peer, limit, bar=None):
        return Heading("first reply", "ms", "local", "a peer", bar, limit).row(ours, peer)

    kept, broken = of((20,), (1_000,), limit=50), of((20,), (1_000,), limit=49)
    assert (kept.ours, kept.met, outcome(kept)) == (50, True, "LOSS, limit 50 ms met")
    assert (broken.met, outcome(broken)) == (False, "LOSS, limit 49 ms MISSED")
    assert of((20,), (), limit=50).met is True
    assert of((20,), (10,), limit=50, bar=0.4).met is False
    assert summary([kept, broken]).endswith("bars met 1 of 2")


def test_nobody_is_ahead_of_himself():
    found = Heading("a message in a crowd", "ms", "local, many", "local, few", 1.3).row((100,), (120,))
    assert (found.ratio, found.won, found.met, outcome(found)) == (1.2, None, True, "ours, bar <= 1.3 met")
    assert summary([found]) == "1 rows: ahead in 0, behind in 0, not measured 0; bars met 1 of 1"


def test_a_row_without_its_peer_has_no_ratio_and_says_why():
    found = row(peer=(), bar=2.0, error="a peer: RuntimeError: no network")
    assert (found.ours, found.peer, found.ratio, found.won, found.met) == (200, None, None, None, None)
    assert outcome(found) == "not measured: a peer: RuntimeError: no network"


def test_a_comparison_gives_a_row_for_each_of_ours_and_each_peer():
    load = Load("ask", 1)
    comparison = Comparison("ask", "asks/s", load, ("local, memory", "local, SQLite"), ("x", "y"), {})
    series = Series({"local, memory": [4], "local, SQLite": [2], "x": [1]}, {"y": "OSError: absent"})
    rows = rows_of(comparison, series)
    assert [(each.name, each.ours_name, each.peer_name) for each in rows] == [
        ("ask", "local, memory", "x"),
        ("ask", "local, memory", "y"),
        ("ask, durable", "local, SQLite", "x"),
        ("ask, durable", "local, SQLite", "y"),
    ]
    assert [each.ratio for each in rows] == [4, None, 2, None]
    assert [each.error for each in rows] == ["", "y: OSError: absent"] * 2


# -- the record --------------------------------------------------------------------------------------


def test_the_record_is_json_with_all_that_a_figure_depends_on():
    about = {"cores": 2, "versions": {"python": "3.11"}, "date": "2030-01-01T00:00:00Z", "before": {"load": [1.0]}}
    read = json.loads(record([row(bar=25.0), row(peer=())], about))
    assert {name: read[name] for name in about} == about
    assert read["rows"][0] == {
        "name": "ask",
        "unit": "asks/s",
        "better": "higher",
        "ours": 200,
        "ours_name": "local, memory",
        "peer": 100,
        "peer_name": "a peer",
        "ratio": 2,
        "bar": 25,
        "limit": None,
        "met": False,
        "spread": {"ours": [200, 200], "peer": [100, 100], "ratio": [2, 2]},
        "error": "",
    }
    assert read["rows"][1]["peer"] is read["rows"][1]["ratio"] is None


def test_the_table_calls_a_loss_a_loss():
    rows = [row(), row(ours=(41,), bar=25.0), row("ms", bar=1.3), row(peer=(), error="it did not start")]
    printed = io.StringIO()
    Console(file=printed, width=150).print(table(rows))
    lines = [line for line in printed.getvalue().splitlines() if line.startswith("│")]
    assert [re.split(r" *│ *", line)[7] for line in lines] == [
        "ahead",
        "LOSS, bar >= 25 MISSED",
        "ahead, bar <= 1.3 met",
        "not measured: it did not start",
    ]
    assert "0.41 [0.41, 0.41]" in lines[1]
    assert summary(rows) == "4 rows: ahead in 2, behind in 1, not measured 1; bars met 1 of 2"


# -- the rows ----------------------------------------------------------------------------------------


def test_no_two_rows_have_one_name_and_one_peer():
    headings = [(each.name, each.peer_name) for comparison in COMPARISONS for each in comparison.headings]
    assert len(set(headings)) == len(headings)


def test_every_bar_belongs_to_a_row():
    for comparison in COMPARISONS:
        rows = {(each.ours_name, each.peer_name) for each in comparison.headings}
        assert comparison.bars.keys() <= rows
        assert not {ours for ours, _ in comparison.bars} & DURABLE


def test_rows_are_chosen_by_name_or_by_how_their_names_begin():
    assert [each.name for each in chosen(["ask"])] == ["ask"]
    assert [each.name for each in chosen(["ask across", "tell"])] == [
        "tell",
        "ask across processes",
        "ask across processes, 100 in flight",
        "ask across processes, 1,000 in flight",
    ]
    assert chosen([]) == list(COMPARISONS)


def test_an_unknown_row_is_refused_and_the_known_ones_are_named(capsys):
    assert main(["--rows", "nonsense"]) == 2
    said = capsys.readouterr().err
    assert "'nonsense'" in said
    assert "tell across processes" in said


def test_the_peers_pins_are_exact_and_name_no_address():
    pins = [line for line in (BENCH / "peers.txt").read_text().splitlines() if not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[\w\[\].-]+==[\w.]+", pin) for pin in pins)


# -- the load is real --------------------------------------------------------------------------------


def test_a_message_has_the_size_that_the_raw_peers_send():
    assert abs(len(encode(Question(text=TEXT, n=500))) - BODY_BYTES) <= 2


async def test_a_swarm_carries_out_every_shape_of_load_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.ours.gc.collect", lambda: 0)  # it would walk through what all other tests have left
    every = [
        (Load("tell", 30), 30),
        (Load("ask", 20), 20),
        (Load("ask", 40, 10), 40),
        (Load("spawn", 20, 10), 20),
        (Load("fan_out", 150), 2 * FOLLOWERS),
        (Load("post", 150), 2 * POSTS_A_TURN),
        (Load("press", 150), 2 * POSTS_A_TURN),
        (Load("turns", 300), 2 * HOPS),
    ]
    async with fleet("local", tmp_path) as measure:
        for load, done in [*every, *every]:
            taken = await measure(load)
            assert taken.operations == done, load
            assert taken.seconds > 0


async def test_sqlite_alone_inserts_whole_transactions_and_leaves_nothing(tmp_path):
    async with raw_sqlite(tmp_path) as measure:
        assert (await measure(Load("post", 150))).operations == 2 * POSTS_A_TURN
    assert list(tmp_path.iterdir()) == []


async def test_a_journal_alone_appends_whole_batches_and_leaves_nothing(tmp_path):
    async with sqlite_journal(tmp_path) as measure:
        assert (await measure(Load("post", 150))).operations == 2 * POSTS_A_TURN
    assert list(tmp_path.iterdir()) == []


async def test_redis_adds_whole_batches_and_leaves_nothing(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("no Redis here: apt-get install redis-server")
    versions: dict[str, str] = {}
    async with redis_streams(tmp_path, versions) as measure:
        assert (await measure(Load("post", 150))).operations == 2 * POSTS_A_TURN
    assert versions["redis"]
    assert list(tmp_path.iterdir()) == []


async def test_an_absent_server_is_named_in_its_row(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    comparison = Comparison("durable posts", "posts/s", Load("post", 100), (SQLITE_JOURNAL,), (REDIS,))
    (found,) = await compare(Entrants(tmp_path), comparison, Pace(1, 0.01), lambda _: None)
    assert found.ours
    assert (
        outcome(found)
        == "not measured: Redis Streams: RuntimeError: there is no Redis here: apt-get install redis-server"
    )
