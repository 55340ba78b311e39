"""Placement by highest random weight."""

import math
from string import ascii_lowercase, ascii_uppercase, digits

from hypothesis import given, settings
from hypothesis import strategies as st

from stigmergy.actors.registry.placement import Member, Seat, Seating, place
from stigmergy.protocols.kind import KindSpec, Resources
from tests.depth import depth

NAMES = st.sets(st.text(ascii_lowercase + digits, min_size=1, max_size=9), min_size=2, max_size=12)
AGENTS = [f"scout/{n}" for n in range(100)]
MANY = depth(6_000, 20_000)


def homes(hosts: dict[str, float], agents: list[str] = AGENTS) -> dict[str, str | None]:
    seats = [Seat(name, weight) for name, weight in hosts.items()]
    return {agent: place(agent, seats) for agent in agents}


def equal(names: set[str]) -> dict[str, float]:
    return dict.fromkeys(sorted(names), 1.0)


@settings(max_examples=depth(25, 50))
@given(NAMES, st.data())
def test_when_a_host_goes_only_its_agents_move(names: set[str], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(names)))
    before, after = homes(equal(names)), homes(equal(names - {gone}))
    assert {agent for agent in AGENTS if before[agent] != after[agent]} == {a for a in AGENTS if before[a] == gone}


@settings(max_examples=depth(25, 50))
@given(NAMES, st.text(ascii_uppercase, min_size=1, max_size=9))
def test_when_a_host_comes_agents_move_to_it_only(names: set[str], new: str) -> None:
    before, after = homes(equal(names)), homes(equal(names | {new}))
    assert {after[agent] for agent in AGENTS if before[agent] != after[agent]} <= {new}


@settings(max_examples=depth(25, 50))
@given(NAMES, st.floats(0.1, 10), st.data())
def test_when_a_host_gets_heavier_agents_move_to_it_only(names: set[str], weight: float, data: st.DataObject) -> None:
    heavy = data.draw(st.sampled_from(sorted(names)))
    before = homes(equal(names) | {heavy: weight})
    after = homes(equal(names) | {heavy: weight * 2})
    assert {after[agent] for agent in AGENTS if before[agent] != after[agent]} <= {heavy}


@settings(max_examples=depth(25, 50))
@given(NAMES)
def test_the_order_in_which_hosts_are_listed_does_not_matter(names: set[str]) -> None:
    assert homes(equal(names)) == homes(dict(reversed(equal(names).items())))


def test_agents_spread_evenly_within_five_sigma() -> None:
    agents, hosts = [f"scout/{n}" for n in range(MANY)], equal({f"host-{n}" for n in range(8)})
    where = list(homes(hosts, agents).values())
    expected = len(agents) / len(hosts)
    sigma = math.sqrt(len(agents) * (1 / 8) * (7 / 8))
    assert all(abs(where.count(host) - expected) < 5 * sigma for host in hosts)


def test_the_agents_of_a_host_that_went_spread_over_all_others() -> None:
    agents, names = [f"scout/{n}" for n in range(MANY)], {f"host-{n}" for n in range(8)}
    before, after = homes(equal(names), agents), homes(equal(names - {"host-3"}), agents)
    moved = [after[agent] for agent in agents if before[agent] == "host-3"]
    sigma = math.sqrt(len(moved) * (1 / 7) * (6 / 7))
    assert all(abs(moved.count(host) - len(moved) / 7) < 5 * sigma for host in names - {"host-3"})


def test_weights_divide_the_agents_in_proportion() -> None:
    agents = [f"scout/{n}" for n in range(MANY)]
    where = list(homes({"small": 1.0, "large": 3.0}, agents).values())
    assert abs(where.count("large") / len(agents) - 0.75) < 5 * math.sqrt(0.75 * 0.25 / len(agents))


def test_placement_is_the_same_in_every_process_and_version() -> None:
    hosts = equal({"host-1", "host-2", "host-3"})
    assert list(homes(hosts, [f"scout/{n}" for n in range(8)]).values()) == [
        f"host-{n}" for n in (1, 1, 3, 3, 3, 1, 2, 3)
    ]


def test_without_hosts_there_is_no_place() -> None:
    assert place("scout/1", []) is None


SHARED = KindSpec("scout", "m", "C", {})
OWN = KindSpec("trainer", "m", "C", {}, resources=Resources(gpus=1))


def seating(**hosts: tuple[str, ...]) -> Seating:
    made = Seating()
    made.members.update({host: Member(1, kinds, 1.0, "") for host, kinds in hosts.items()})
    return made


def test_a_host_without_a_list_runs_what_shares_and_nothing_else() -> None:
    made = seating(open=(), gpu=("trainer",))
    assert [seat.name for seat in made.for_kind(SHARED)] == ["open"]
    assert [seat.name for seat in made.for_kind(OWN)] == ["gpu"]


def test_a_host_of_one_agent_takes_that_agent_and_no_other() -> None:
    made = seating(open=(), gpu=("trainer",), mine=("trainer/7",))
    assert [seat.name for seat in made.for_agent("trainer/7", OWN)] == ["mine"]
    assert [seat.name for seat in made.for_agent("trainer/8", OWN)] == ["gpu"]
    assert made.hosts(OWN) == ["gpu", "mine"]
