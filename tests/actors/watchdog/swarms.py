"""Healthy swarms at realistic volumes: each function drives one to its end, and nothing may trip.

Where a protocol can be driven by ticks or by messages, both are here. By messages the chains of
causes are as long as the run, which is the harder case.
"""

from __future__ import annotations

import random
from itertools import pairwise

from stigmergy.protocols.envelope import Envelope
from tests.actors.watchdog.texts import quoted
from tests.actors.watchdog.traffic import Traffic
from tests.depth import depth

RUMOUR = quoted("the bridge is closed")


def rumour_told_once(t: Traffic, agents: int = 200, fanout: int = 4) -> None:
    """Who hears it first passes it on to four others; who knows it does nothing."""
    spread(t, agents, fanout, bored_after=1)


def rumour_until_bored(t: Traffic, agents: int = 200, fanout: int = 2) -> None:
    """Feedback with a counter (Demers et al., 1987): an agent passes it on until it has heard it three times."""
    spread(t, agents, fanout, bored_after=3)


def spread(t: Traffic, agents: int, fanout: int, bored_after: int) -> None:
    rng, heard = random.Random(1), dict.fromkeys((f"node/{i}" for i in range(agents)), 0)
    queue = [t.send("user/0", "node/0", "Rumour", RUMOUR)]
    while queue:
        message = queue.pop(0)
        heard[message.to] += 1
        if heard[message.to] <= bored_after:
            peers = [f"node/{rng.randrange(agents)}" for _ in range(fanout)]
            queue += [t.send(message.to, peer, "Rumour", RUMOUR, after=message) for peer in peers]
    assert sum(map(bool, heard.values())) > agents * 0.9


def push_gossip(t: Traffic, agents: int = 200, rounds: int = 20, *, ticks: bool = False) -> None:
    """Everyone infected pushes to a random peer each round, because of the infection."""
    rng = random.Random(3)
    infected = {0: t.send("user/0", "node/0", "Rumour", RUMOUR)}
    for turn in range(rounds):
        for node, infection in list(infected.items()):
            peer = rng.randrange(agents)
            after = f"tick-{turn}-{node}" if ticks else infection
            told = t.send(f"node/{node}", f"node/{peer}", "Rumour", RUMOUR, after=after)
            infected.setdefault(peer, told)
    assert len(infected) == agents


def push_gossip_by_ticks(t: Traffic) -> None:
    push_gossip(t, ticks=True)


def push_sum(t: Traffic, agents: int = depth(100, 200), rounds: int = 60, *, ticks: bool = False) -> None:
    """Half of the sum and of the weight go to a random peer each round (Kempe et al., 2003)."""
    rng = random.Random(4)
    sums = [rng.random() for _ in range(agents)]
    mean = sum(sums) / agents
    weights = [1.0] * agents
    last = [t.send("user/0", f"node/{i}", "Start", quoted("average")) for i in range(agents)]
    for turn in range(rounds):
        shares: list[tuple[int, float, float, Envelope]] = []
        for node in range(agents):
            peer = rng.randrange(agents)
            sums[node] /= 2
            weights[node] /= 2
            body = {"sum": sums[node], "weight": weights[node]}
            after = f"tick-{turn}-{node}" if ticks else last[node]
            message = t.send(f"node/{node}", f"node/{peer}", "Share", body, after=after)
            shares.append((peer, sums[node], weights[node], message))
        for peer, part, weight, message in shares:
            sums[peer] += part
            weights[peer] += weight
            last[peer] = message
    assert all(abs(part / weight - mean) < 1e-3 for part, weight in zip(sums, weights, strict=True))


def push_sum_by_ticks(t: Traffic) -> None:
    push_sum(t, ticks=True)


def ring_election(t: Traffic, agents: int = 100) -> None:
    """Ids travel round a ring; the greatest comes home, and its bearer announces itself (Chang and Roberts, 1979)."""
    numbers = random.Random(5).sample(range(1_000), agents)
    start = t.send("user/0", "ring/all", "Start", quoted("elect a leader"))

    def pass_on(node: int, type: str, number: int, after: Envelope) -> tuple[int, int, Envelope]:
        following = (node + 1) % agents
        return following, number, t.send(f"ring/{node}", f"ring/{following}", type, {"id": number}, after=after)

    queue = [pass_on(node, "Token", number, start) for node, number in enumerate(numbers)]
    leader = None
    while queue:
        node, number, message = queue.pop(0)
        if message.type == "Elected@1" and leader == node:
            return
        if message.type == "Elected@1" or number > numbers[node]:
            queue.append(pass_on(node, message.type[:-2], number, message))
        elif number == numbers[node]:
            leader = node
            queue.append(pass_on(node, "Elected", number, message))
    raise AssertionError("nobody was elected")


def ants(t: Traffic) -> None:
    """With this seed the colony stagnates after half of its cycles, and posts the same few tours from then on."""
    colony(t, cities=depth(15, 30), seed=depth(3, 2))


def ants_by_messages(t: Traffic) -> None:
    """With this seed they find new tours to the end."""
    colony(t, cities=30, seed=0, ticks=False)


def colony(
    t: Traffic, cities: int, seed: int, *, ants: int = 10, cycles: int = depth(125, 250), ticks: bool = True
) -> None:
    """Ant System (Dorigo et al., 1996): each ant posts its tour each cycle, to ten subscribers."""
    rng = random.Random(seed)
    points = [(rng.random(), rng.random()) for _ in range(cities)]
    near = [[1 / max(1e-9, ((a - c) ** 2 + (b - d) ** 2) ** 0.5) for c, d in points] for a, b in points]
    trail = [[1.0] * cities for _ in points]
    before = [t.send("user/0", f"ant/{ant}", "Start", quoted("find a short tour")) for ant in range(ants)]
    for cycle in range(cycles):
        tours = [walk(rng, trail, near) for _ in range(ants)]
        posts = []
        for ant, tour in enumerate(tours):
            body = {"cities": tour, "length": length(tour, near)}
            after = f"tick-{cycle}" if ticks else before[ant]
            posts.append(t.send(f"ant/{ant}", "tours", "Tour", body, after=after, mode="post"))
            for reader in range(ants):
                t.see(posts[-1]._replace(to=f"ant/{reader}"))
        before = rng.sample(posts, ants)
        for row in trail:
            row[:] = [0.9 * strength for strength in row]
        for tour in tours:
            mark = 1 / length(tour, near)
            for a, b in pairwise([*tour, tour[0]]):
                trail[a][b] = trail[b][a] = trail[a][b] + mark


def walk(rng: random.Random, trail: list[list[float]], near: list[list[float]]) -> list[int]:
    tour, left = [0], list(range(1, len(trail)))
    while left:
        scent, ways = trail[tour[-1]], near[tour[-1]]
        city = rng.choices(left, [scent[city] * ways[city] ** 2 for city in left])[0]
        tour.append(city)
        left.remove(city)
    return tour


def length(tour: list[int], near: list[list[float]]) -> float:
    return sum(1 / near[a][b] for a, b in pairwise([*tour, tour[0]]))


def barrier(t: Traffic, workers: int = 10, cycles: int = depth(125, 250)) -> None:
    """A conductor starts each round when all are done with the last; each worker posts what it found."""
    rng = random.Random(10)
    because = t.send("user/0", "conductor/1", "Start", quoted("search"))
    for cycle in range(cycles):
        for worker in (f"worker/{i}" for i in range(workers)):
            started = t.send("conductor/1", worker, "Round", {"round": cycle}, after=because)
            found = {"place": [rng.random() for _ in range(5)]}
            t.send(worker, "places", "Found", found, after=started, mode="post")
            done = t.send(worker, "conductor/1", "Finished", {"round": cycle}, after=started)
        because = done


def mergesort(t: Traffic, depth: int = 9, workers: int = 8) -> None:
    """A recursion of 511 tasks that differ by numbers only, on a pool of eight."""
    waiting: list[tuple[int, int, Envelope | None]] = [(0, 2 ** (depth - 1), None)]
    while waiting:
        low, high, cause = waiting.pop(0)
        task = t.send(f"sorter/{low % workers}", "sorter", "Sort", {"low": low, "high": high}, after=cause)
        if high - low > 1:
            middle = (low + high) // 2
            waiting += [(low, middle, task), (middle, high, task)]


def recursion_that_spawns(t: Traffic, depth: int = 12) -> None:
    """A recursion of 4,095 tasks that differ by numbers only: one half goes to a new agent, one to a pool of eight."""
    waiting = [(0, 2 ** (depth - 1), t.send("user/0", "solver/0", "Solve", {"low": 0}))]
    while waiting:
        low, high, task = waiting.pop(0)
        middle = (low + high) // 2
        if middle > low:
            left = t.send(task.to, f"solver/{t.messages}", "Solve", {"low": low, "high": middle}, after=task)
            right = t.send(task.to, f"pool/{high % 8}", "Solve", {"low": middle, "high": high}, after=task)
            waiting += [(low, middle, left), (middle, high, right)]


def avalanche(t: Traffic, size: int = depth(20, 25)) -> None:
    """A full sandpile and one more grain (Bak et al., 1987): grains are alike, and places topple many times."""
    heights = dict.fromkeys(((x, y) for x in range(size) for y in range(size)), 3)
    queue = [t.send("user/0", f"place/{size // 2}.{size // 2}", "Grain", {})]
    while queue:
        grain = queue.pop(0)
        x, y = place = tuple(int(part) for part in grain.to.partition("/")[2].split("."))
        if place in heights:
            heights[place] += 1
            if heights[place] > 3:
                heights[place] -= 4
                near = [f"place/{x + 1}.{y}", f"place/{x - 1}.{y}", f"place/{x}.{y + 1}", f"place/{x}.{y - 1}"]
                queue += [t.send(grain.to, other, "Grain", {}, after=grain) for other in near]
    assert t.messages > 10 * size**2


SCENARIOS = [
    rumour_told_once,
    rumour_until_bored,
    push_gossip,
    push_gossip_by_ticks,
    push_sum,
    push_sum_by_ticks,
    ring_election,
    ants,
    ants_by_messages,
    barrier,
    mergesort,
    recursion_that_spawns,
    avalanche,
]
