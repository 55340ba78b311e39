"""Charts are read by eye; what a program can see of them is here."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from bench.chart import cost_per_message
from bench.rows import CROWDS, FEW
from bench.svg import HEIGHT, WIDTH, Axis, Line, chart


def crowd(name: str, ours: float, peer: float) -> dict[str, object]:
    spread = {"ours": [ours * 0.9, ours * 1.1], "peer": [peer * 0.9, peer * 1.1]}
    return {"ours_name": name, "peer_name": FEW, "ours": ours, "peer": peer, "ratio": ours / peer, "spread": spread}


def record(*rows: dict[str, object]) -> dict[str, object]:
    return {"cores": 2, "date": "2030-01-01T00:00:00Z", "rows": rows}


def test_the_chart_has_a_point_for_each_size_and_stays_inside():
    text = cost_per_message(record(*(crowd(name, 0.005, 0.004) for name in CROWDS)))
    ET.fromstring(text)
    line = re.findall(r'<path d="M([^"]+)" fill="none" stroke="#1f6feb"', text)[0]
    points = [tuple(map(float, point.split())) for point in line.split("L")]
    assert len(points) == len(CROWDS) + 1
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in points)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[0][1] > points[-1][1]  # dearer is higher up


def test_a_record_without_crowds_has_no_chart():
    with pytest.raises(KeyError, match="crowd"):
        cost_per_message(record({"ours_name": "local, volatile", "ratio": 1.0}))


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis("", 0, 10), [0, 2, 4, 6, 8, 10]),
        (Axis("", 0, 600), [0, 100, 200, 300, 400, 500, 600]),
        (Axis("", 0, 0.7), pytest.approx([0, 0.2, 0.4, 0.6])),
        (Axis("", 1_000, 1_000_000, logarithmic=True), [1_000, 10_000, 100_000, 1_000_000]),
    ],
)
def test_ticks_are_round_numbers(axis: Axis, ticks: list[float]):
    assert axis.ticks() == ticks


def test_names_are_no_markup():
    text = chart("a < b", "&", Axis("x", 0, 1), Axis("y", 0, 1), [Line("<script>", [(0, 0), (1, 1)])])
    assert "<script>" not in text
    ET.fromstring(text)
