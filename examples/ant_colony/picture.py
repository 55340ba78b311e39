"""Draws what a colony came to: the trail that it left, and its best tour on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from .oliver30 import CITIES

SCALE: Final = 6
"""Pixels for one unit of the map."""
MARGIN: Final = 40
CAPTION: Final = 56
"""Pixels below the map, for two lines of text."""
FAINTEST: Final = 0.02
"""Ways with less than this share of the strongest scent are not drawn."""

_STYLE: Final = """
    .trail { stroke: #d9952b; stroke-linecap: round }
    .tour  { stroke: #1f4e79; stroke-width: 2.5; stroke-linejoin: round; fill: none }
    .city  { fill: #fff; stroke: #1f4e79; stroke-width: 2 }
    text   { font-family: sans-serif; fill: #333 }
"""


def draw(tour: Sequence[int], trail: Mapping[str, float], title: str, subtitle: str) -> str:
    """An SVG of the best tour over the trail. Each way is as wide as its scent is strong."""
    width = 2 * MARGIN + SCALE * max(x for x, _ in CITIES)
    height = 2 * MARGIN + SCALE * max(y for _, y in CITIES)
    strongest = max(trail.values(), default=1.0)
    ways = [_way(name, scent / strongest) for name, scent in trail.items() if scent >= FAINTEST * strongest]
    corners = " ".join("{},{}".format(*_place(city)) for city in tour)
    dots = ['<circle class="city" cx="{}" cy="{}" r="5"/>'.format(*_place(city)) for city in range(len(CITIES))]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + CAPTION}" width="{width}">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height + CAPTION}" fill="#fff"/>',
        *ways,
        f'<polygon class="tour" points="{corners}"/>',
        *dots,
        f'<text x="{MARGIN}" y="{height}" font-size="20">{escape(title)}</text>',
        f'<text x="{MARGIN}" y="{height + 26}" font-size="14">{escape(subtitle)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _way(name: str, share: float) -> str:
    (x1, y1), (x2, y2) = (_place(int(city)) for city in name.split("-"))
    return (
        f'<line class="trail" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
        f' stroke-width="{2 + 14 * share:.1f}" opacity="{0.25 + 0.5 * share:.2f}"/>'
    )


def _place(city: int) -> tuple[int, int]:
    """Where a city is on the picture: north is up."""
    x, y = CITIES[city]
    return MARGIN + SCALE * x, MARGIN + SCALE * (max(y for _, y in CITIES) - y)
