"""The model of many nodes: what it must say whatever things cost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.nodes import Costs, Site, durable, forecast, shards_for
from bench.scaling import ask_model, hop_of, picture, split
from bench.walkers import Relayed
from stigmergy.actors.mesh.peer import MANY

MICRO = 1e-6
COSTS = Costs(
    local=5 * MICRO, crossing=4 * MICRO, call=800 * MICRO, turn=80 * MICRO, commit=100 * MICRO, hop=50 * MICRO
)
SIZES = st.integers(2, 1_000)


def test_alone_a_host_does_nothing_but_messages():
    assert forecast(COSTS, Site(1)).messages == pytest.approx(1 / COSTS.local)
    assert forecast(COSTS, Site(1)).on_calls == 0


@given(SIZES, st.sampled_from([0.01, 0.1, 0.5, 1.0]))
def test_the_more_nodes_the_emptier_the_calls_and_the_more_time_they_take(nodes, abroad):
    few, many = (forecast(COSTS, Site(size, abroad)) for size in (nodes, nodes + 1))
    assert many.parcel <= few.parcel
    assert many.on_calls >= few.on_calls
    assert many.messages <= few.messages


@given(SIZES, st.integers(1, 64))
def test_fewer_calls_carry_more_and_take_longer_to_come_round(nodes, calls):
    free, bounded = forecast(COSTS, Site(nodes, 0.5)), forecast(COSTS, Site(nodes, 0.5, calls))
    assert bounded.messages >= free.messages
    assert bounded.parcel >= free.parcel
    if bounded.parcel > free.parcel:
        assert bounded.round_s * bounded.messages > free.round_s * free.messages


def test_no_call_carries_more_than_a_parcel_holds():
    assert forecast(COSTS, Site(1_000, 1.0, 0.1)).parcel <= MANY


@given(st.floats(1, 20), st.floats(0, 20), st.floats(0, 2_000))
def test_costs_are_found_again_in_what_they_make(local, crossing, call):
    half, tenth = (local + crossing * share + call / 512 for share in (0.5, 0.1))
    assert split(local, half, tenth) == pytest.approx((crossing, call), abs=1e-3)


def test_a_hop_is_what_two_boards_do_more_than_one():
    assert hop_of(Relayed(host=80, board=100), Relayed(host=80, board=125)) == 50
    assert hop_of(Relayed(host=80, board=100), Relayed(host=80, board=99)) == 0


def test_one_board_bounds_a_durable_swarm_however_many_hosts_it_has():
    assert durable(COSTS, 1_000, 1).turns == pytest.approx(1 / COSTS.commit)
    assert durable(COSTS, 1, 4).turns == pytest.approx(1 / COSTS.turn)


@given(st.integers(1, 200))
def test_so_many_shards_keep_hosts_busy_and_one_less_does_not(hosts):
    shards = shards_for(COSTS, hosts)
    assert durable(COSTS, hosts, shards).boards_busy < 1
    assert shards == 1 or math.isclose(durable(COSTS, hosts, shards - 1).boards_busy, 1)


def test_what_the_model_says_can_be_drawn():
    assert picture(ask_model(COSTS)).count("<polyline") + picture(ask_model(COSTS)).count("<path") >= 4
