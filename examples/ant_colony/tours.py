"""Round trips: how long they are, and how an ant finds one. No swarm in this file.

An ant goes from city to city and prefers what is near and what smells: the construction rule of Ant
Colony System (M. Dorigo and L. M. Gambardella, "Ant Colony System", IEEE Transactions on Evolutionary
Computation 1:53-66, 1997), with the parameters of that paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import dist
from random import Random
from typing import Final

from .oliver30 import CITIES

BETA: Final = 2
"""How much more an ant minds the distance than the scent."""
GREED: Final = 0.9
"""How often an ant simply takes the best next city (q0); else it draws one by attraction."""
EVERYWHERE: Final = range(len(CITIES))

DISTANCE: Final = tuple(tuple(dist(a, b) for b in CITIES) for a in CITIES)
"""Between any two cities."""
NEARNESS: Final = tuple(tuple(d**-BETA if d else 0.0 for d in row) for row in DISTANCE)
EDGE: Final = tuple(tuple(f"{min(a, b)}-{max(a, b)}" for b in EVERYWHERE) for a in EVERYWHERE)
"""What the way between two cities is called on the blackboard, in either direction: ``3-17``."""


def length(tour: Sequence[int]) -> float:
    """How long a round trip is, back to where it began included."""
    return sum(DISTANCE[a][b] for a, b in pairwise((*tour, tour[0])))


def edges(tour: Sequence[int]) -> list[str]:
    """The ways of a round trip."""
    return [EDGE[a][b] for a, b in pairwise((*tour, tour[0]))]


def nearest_neighbour(start: int = 0) -> list[int]:
    """The round trip of an ant that always goes to the nearest city it has not seen."""
    tour, left = [start], [city for city in EVERYWHERE if city != start]
    while left:
        nearest = min(left, key=DISTANCE[tour[-1]].__getitem__)
        left.remove(nearest)
        tour.append(nearest)
    return tour


FAINT: Final = 1.0 / (len(CITIES) * length(nearest_neighbour()))
"""The scent of a way that nobody has marked (tau 0): 1 / (n * length of the nearest neighbour tour)."""


def walk(trail: Mapping[str, float], random: Random) -> list[int]:
    """One ant's round trip. ``trail`` holds the scent of the ways that were marked."""
    here = random.randrange(len(CITIES))
    tour, left = [here], [city for city in EVERYWHERE if city != here]
    while left:
        way, near = EDGE[here], NEARNESS[here]
        attraction = [trail.get(way[city], FAINT) * near[city] for city in left]
        if random.random() < GREED:
            chosen = attraction.index(max(attraction))
        else:
            chosen = random.choices(range(len(left)), cum_weights=list(accumulate(attraction)))[0]
        here = left.pop(chosen)
        tour.append(here)
    return tour
