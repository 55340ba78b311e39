"""Which agents a change of hosts moves, and that nobody else is looked at or moved."""

from __future__ import annotations

from stigmergy.actors.mesh.views import Change, View

AGENTS = [f"walker/{number}" for number in range(3_000)]


def homes(view):
    return {agent: view.home(agent) for agent in AGENTS}


def moves(change):
    """Agents by where they come from and where they go."""
    found: dict[tuple[str, str], set[str]] = {}
    for old in change.before.lives:
        for new in change.targets(old):
            taken = {agent for agent in change.candidates(AGENTS, new) if change.takes(agent, old, new)}
            if taken:
                found[old, new] = taken
    return found


def test_a_new_host_takes_its_share_from_each_and_nobody_else_moves():
    change = Change(View(1, ["a.1", "b.1"]), View(2, ["a.1", "b.1", "c.1"]))
    moved = moves(change)
    assert moved.keys() == {("a.1", "c.1"), ("b.1", "c.1")}
    assert all(400 < len(agents) < 600 for agents in moved.values())
    before, after = homes(change.before), homes(change.now)
    assert {agent for agent in AGENTS if before[agent] != after[agent]} == set().union(*moved.values())
    assert [change.sources(host) for host in ("a.1", "b.1", "c.1")] == [set(), set(), {"a.1", "b.1"}]


def test_what_a_lost_host_had_goes_to_the_others_and_comes_from_nobody():
    change = Change(View(1, ["a.1", "b.1", "c.1"]), View(2, ["a.1", "c.1"]))
    before, after = homes(change.before), homes(change.now)
    assert all(after[agent] == home for agent, home in before.items() if home != "b.1")
    assert moves(change) == {}
    assert not change.sources("a.1")
    assert not change.sources("c.1")


def test_an_agent_that_is_put_on_a_host_moves_alone():
    lives = ["a.1", "b.1"]
    agent = next(agent for agent in AGENTS if View(1, lives).home(agent) == "a.1")
    change = Change(View(1, lives), View(2, lives, {agent: "b"}))
    assert moves(change) == {("a.1", "b.1"): {agent}}
    assert list(change.candidates(AGENTS, "b.1")) == [agent]
    assert change.sources("b.1") == {"a.1"}


def test_an_agent_whose_host_is_gone_lives_where_its_name_puts_it():
    put = View(2, ["a.1", "b.1"], {"walker/1": "c"})
    assert put.home("walker/1") == View(1, ["a.1", "b.1"]).home("walker/1")
    assert View(1, []).home("walker/1") == ""
