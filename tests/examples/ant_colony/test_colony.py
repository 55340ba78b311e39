"""A colony on the local engine: nobody directs it, and what comes out is Ant Colony System."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pydantic import ValidationError

from examples.ant_colony.agents import TOURS, TRAIL, Tour
from examples.ant_colony.app import app
from examples.ant_colony.colony import live
from examples.ant_colony.oliver30 import OPTIMUM
from examples.ant_colony.tours import FAINT, edges, length
from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols import Budget, UsageError
from stigmergy.protocols.message import decode
from stigmergy.runtime import Plant, Stage
from stigmergy.runtime.history.sends import posted
from tests.depth import depth

LOCAL = Stage(plant=Plant(engine="local"))
CYCLES = depth(12, 25)
LONG = depth(200, 450)


def ignore(_cycle):
    return None


def ants(number=10, cycles=30, *, pheromone=True):
    return {"ants": number, "cycles": cycles, "pheromone": pheromone}


async def outcome(stage=LOCAL, **options):
    return await app.main(app.options(**options), stage)


async def journal_of(folder: Path, settings):
    """What a colony wrote to the blackboard, in order: each ant's tour, and each change of the trail."""
    result = await live(Stage(plant=Plant(engine="local"), journal=str(folder)), 0, settings, ignore)
    journal = SqliteJournal.open_readonly(Path(result.figures.journal) / "journal.db")
    history: list[tuple[str, Any]] = []
    for entry in journal.read(kinds=("topics.series", "trails.blend")):
        if entry.kind == "trails.blend":
            assert entry.data["trail"] == TRAIL
            history.append(("blend", entry.data))
        elif entry.data["topic"] == TOURS:
            (envelope,) = posted(entry)
            history.append(("tour", (envelope.sender, decode(Tour, envelope.body))))
    journal.close()
    return result, history


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """What 10 ants came to in so many cycles, and their history."""
    return asyncio.run(journal_of(tmp_path_factory.mktemp("walked"), ants(10, CYCLES)))


def test_every_cycle_is_walked_by_all_ants_and_then_the_trail_is_changed_by_two_operations(walked):
    _, history = walked
    runs = [(what, [data for _, data in group]) for what, group in groupby(history, key=lambda entry: entry[0])]
    assert [what for what, _ in runs] == ["tour", "blend"] * CYCLES
    for cycle, (_, tours) in enumerate(runs[::2], 1):
        assert sorted(sender for sender, _ in tours) == sorted(f"ant/{number}" for number in range(1, 11))
        assert {tour.cycle for _, tour in tours} == {cycle}
    assert all(len(blends) == 2 for _, blends in runs[1::2])


def test_the_trail_is_what_the_rules_of_ant_colony_system_make_of_the_tours(walked):
    result, history = walked
    trail: dict[str, float] = {}
    best: list[int] = []
    found = {}
    tours = [data for what, data in history if what == "tour"]
    for cycle in range(1, CYCLES + 1):
        walks = [tour.cities for _, tour in tours if tour.cycle == cycle]
        shortest = min(walks, key=length)
        if not best or length(shortest) < length(best):
            best = shortest
            found[cycle] = length(best)
        for way in (way for tour in walks for way in edges(tour)):
            trail[way] = 0.9 * trail.get(way, FAINT) + 0.1 * FAINT
        for way in edges(best):
            trail[way] = 0.9 * trail[way] + 0.1 / length(best)
    assert result.found == pytest.approx(found)
    assert length(result.tour) == pytest.approx(length(best)) == result.length
    assert {way: scent for way, scent in trail.items() if scent > 1.000001 * FAINT} == pytest.approx(result.trail)


async def test_the_same_seed_leaves_the_same_digest_and_another_seed_another():
    first, again, other = [await live(LOCAL, seed, ants(4, 8), ignore) for seed in (3, 3, 4)]
    assert first == again
    assert first.figures.digest != other.figures.digest
    assert first.tour != other.tour


async def test_a_colony_finds_the_optimum():
    result = await live(LOCAL, 3, ants(cycles=51), ignore)
    assert result.length == pytest.approx(OPTIMUM, abs=1e-6)


async def test_without_pheromone_the_same_ants_find_longer_tours():
    marked = [await live(LOCAL, seed, ants(cycles=6), ignore) for seed in (1, 2)]
    plain = [await live(LOCAL, seed, ants(cycles=6, pheromone=False), ignore) for seed in (1, 2)]
    assert mean(result.length for result in marked) < mean(result.length for result in plain) - 10
    assert min(result.length for result in plain) > 435
    assert [result.trail for result in plain] == [{}, {}]


async def test_a_long_healthy_run_is_not_taken_for_a_loop():
    events = []
    stage = Stage(plant=Plant(engine="local"), on_event=lambda name, data: events.append(name))
    result = await live(stage, 0, ants(2, LONG), ignore)
    assert result.cycle == LONG
    assert "verdict" not in events


@pytest.fixture(scope="module")
def pair():
    """What two colonies of two ants came to in 60 cycles, and the progress that was told meanwhile."""
    seen: list[tuple[int, int]] = []
    stage = Stage(plant=Plant(engine="local"), seed=5, progress=lambda done, total, text: seen.append((done, total)))
    return asyncio.run(outcome(stage, seeds=2, ants=2, cycles=60)), seen


def test_the_report_compares_the_seeds_with_the_optimum(pair):
    report = pair[0].report
    runs = report["runs"]
    assert [run["seed"] for run in runs] == [5, 6]
    assert report["best"] == min(run["length"] for run in runs) == min(length(run["tour"]) for run in runs)
    assert report["mean"] == mean(run["length"] for run in runs)
    assert list(report["best_so_far"]) == ["50", "60"]
    assert report["best_so_far"]["60"] == pytest.approx(report["mean"])
    assert report["stop_reason"] == "done"


def test_progress_goes_over_all_seeds(pair):
    seen = pair[1]
    assert seen == sorted(seen)
    assert seen[-1] == (120, 120)


def test_tables_name_every_seed_and_every_checkpoint(pair):
    both = pair[0]
    assert both.tables[0].columns == ("seed", "cycle 50", "cycle 60", "above optimum", "found in cycle")
    assert [row[0] for row in both.tables[0].rows] == ["5", "6"]
    assert both.tables[1].rows[-1] == ("optimum found", f"{both.report['optimal']} of 2", "")


@pytest.mark.parametrize("messages", [4, 21, 31, 32, 76])
async def test_a_colony_whose_budget_ends_gives_the_best_tour_so_far(messages):
    stage = Stage(plant=Plant(engine="local"), budget=Budget(messages=messages))
    ended = await outcome(stage, seeds=3)
    (run,) = ended.report["runs"]
    assert ended.stop_reason == ended.report["stop_reason"] == "budget"
    assert run["messages"] <= messages
    assert run["cycles"] == max(0, (messages - 21) // 11)  # 10 ants are asked and answer; then 11 a cycle
    assert (run["length"] is None) == (run["cycles"] == 0)
    assert any("budget" in note for note in ended.notes)


async def test_the_picture_shows_every_city_and_the_best_tour(tmp_path):
    picture = tmp_path / "tour & trail.svg"
    ended = await outcome(cycles=8, picture=picture)
    svg = ET.fromstring(picture.read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    assert len(svg.findall(f"{space}circle")) == 30
    assert len(svg.findall(f"{space}line")) >= 30
    assert [len(tour.attrib["points"].split()) for tour in svg.findall(f"{space}polygon")] == [30]
    assert f"{ended.report['best']:.4f}" in (svg.findtext(f"{space}text") or "")


async def test_a_picture_that_cannot_be_written_is_refused_before_anything_is(tmp_path):
    stage = Stage(plant=Plant(engine="local"), journal=str(tmp_path / "runs"))
    for picture in (tmp_path / "nowhere" / "a.svg", tmp_path):
        with pytest.raises(UsageError, match="picture"):
            await outcome(stage, picture=picture)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"ants": 1}, {"cycles": 0}, {"seeds": 0}, {"pheromone": "maybe"}])
def test_options_that_make_no_colony_are_refused(wrong):
    with pytest.raises(ValidationError):
        app.options(**wrong)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("hosts", [1, 2])
async def test_on_ray_the_same_seed_walks_the_same_tours(hosts):
    here = await live(LOCAL, 1, ants(cycles=20), ignore)
    there = await live(Stage(plant=Plant(engine="ray", hosts=hosts)), 1, ants(cycles=20), ignore)
    assert (there.tour, there.found, there.trail) == (here.tour, here.found, here.trail)
