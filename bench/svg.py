"""Charts as SVG text: lines over a band from the least to the greatest of several rounds. No library, no fonts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

WIDTH: Final = 760
HEIGHT: Final = 420
LEFT: Final = 88
RIGHT: Final = 44
TOP: Final = 104
BOTTOM: Final = 58
INK: Final = "#30343b"
FAINT: Final = "#d9dce1"
LEGEND: Final = 66
"""Where the first row of the legend is; two lines to a row,"""
ROW: Final = 18
"""and so far apart."""
COLOURS: Final = ("#1f6feb", "#d1701c", "#2b8a4b", "#8a3ffc")

Point = tuple[float, float]


class Line(NamedTuple):
    """One line of a chart."""

    name: str
    points: Sequence[Point]
    band: Sequence[tuple[float, float, float]] = ()
    """Place, least and greatest; drawn behind the line."""
    dashed: bool = False


class Axis(NamedTuple):
    """What one direction means."""

    name: str
    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """How far along the axis a value is, from 0 to 1."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values along it: powers of ten, or four to eight steps of 1, 2 or 5."""
        if self.logarithmic:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        rough = (self.high - self.low) / 6
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def chart(title: str, remark: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """The text of an SVG file."""
    box, font = f'viewBox="0 0 {WIDTH} {HEIGHT}"', f'font-family="system-ui, sans-serif" fill="{INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {font}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 26, title, size=17),
        _text(LEFT, 46, remark, size=12),
    ]
    for value in y.ticks():
        at = _down(y, value)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{FAINT}"/>')
        parts.append(_text(LEFT - 8, at + 4, f"{value:,g}", anchor="end"))
    for value in x.ticks():
        at = _across(x, value)
        parts.append(f'<path d="M{at:.1f} {HEIGHT - BOTTOM}v5" stroke="{INK}"/>')
        parts.append(_text(at, HEIGHT - BOTTOM + 20, f"{value:,.10g}", anchor="middle"))
    parts.append(f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="{INK}"/>')
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x.name, anchor="middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<g transform="rotate(-90 16 {middle})">{_text(16, middle, y.name, anchor="middle")}</g>')
    for place, (colour, line) in enumerate(zip(COLOURS, lines, strict=False)):
        parts += _line(x, y, line, colour)
        at, row = LEFT + place % 2 * (WIDTH - LEFT - RIGHT) / 2, LEGEND + place // 2 * ROW
        parts.append(f'<path d="M{at} {row}h26" stroke="{colour}" stroke-width="2"{_dash(line)}/>')
        parts.append(_text(at + 32, row + 4, line.name))
    return "\n".join([*parts, "</svg>", ""])


def _line(x: Axis, y: Axis, line: Line, colour: str) -> list[str]:
    parts = []
    if line.band:
        around = [(at, high) for at, _, high in line.band] + [(at, low) for at, low, _ in reversed(line.band)]
        parts.append(f'<path d="{_path(x, y, around)}Z" fill="{colour}" fill-opacity="0.15"/>')
    path = f'd="{_path(x, y, line.points)}"'
    return [*parts, f'<path {path} fill="none" stroke="{colour}" stroke-width="2"{_dash(line)}/>']


def _dash(line: Line) -> str:
    return ' stroke-dasharray="6 5"' if line.dashed else ""


def _path(x: Axis, y: Axis, points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_across(x, at):.1f} {_down(y, high):.1f}" for at, high in points)


def _across(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _down(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
