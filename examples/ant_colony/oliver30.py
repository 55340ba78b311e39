"""Oliver30: thirty cities whose shortest round trip is known.

The coordinates are facts, from I. M. Oliver, D. J. Smith and J. R. C. Holland, "A study of permutation
crossover operators on the traveling salesman problem" (ICGA 1987), as given in github.com/thiagodnf/jacof,
src/main/resources/problems/tsp/oliver30.tsp. Cities count from 0 here.
"""

from __future__ import annotations

from typing import Final

# fmt: off
CITIES: Final = (
    (54, 67), (54, 62), (37, 84), (41, 94), (2, 99), (7, 64), (25, 62), (22, 60), (18, 54), (4, 50),
    (13, 40), (18, 40), (24, 42), (25, 38), (44, 35), (41, 26), (45, 21), (58, 35), (62, 32), (82, 7),
    (91, 38), (83, 46), (71, 44), (64, 60), (68, 58), (83, 69), (87, 76), (74, 78), (71, 71), (58, 69),
)
"""(x, y) of each city."""

SHORTEST: Final = (
    27, 28, 29, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 23, 25, 26,
)
"""A round trip that nobody has beaten: 423.7406, or 420 when every distance is rounded, as both are published."""
# fmt: on

OPTIMUM: Final = 423.7405631
"""Length of that round trip."""
