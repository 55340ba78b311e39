"""The tree holds every message once, below its cause."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stigmergy.runtime.history.conversation import Node
from stigmergy.runtime.history.tree import branches

from .entries import message

FOREST = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["tell", "ask", "post"])), max_size=40)


def grow(shape: list[tuple[int, str]]) -> dict[str, Node]:
    """Every message is caused by an earlier one, or by none."""
    nodes: dict[str, Node] = {}
    for number, (draw, mode) in enumerate(shape):
        cause = draw % (number + 1)
        parent = "" if cause == number else f"m{cause}"
        nodes[f"m{number}"] = Node(message(f"m{number}", cause=parent, mode=mode), 0.0, parent)
    return nodes


@given(FOREST)
def test_every_message_stands_once_behind_its_cause(shape):
    nodes = grow(shape)
    order = [branch.node.envelope.id for branch in branches(nodes)]
    assert sorted(order) == sorted(nodes)
    places = {name: place for place, name in enumerate(order)}
    assert all(places[node.parent] < places[name] for name, node in nodes.items() if node.parent)


@given(FOREST)
def test_depth_counts_causes_and_columns_never_exceed_it(shape):
    nodes = grow(shape)
    depths = {branch.node.envelope.id: branch.depth for branch in branches(nodes)}
    for branch in branches(nodes):
        parent = branch.node.parent
        assert branch.depth == (depths[parent] + 1 if parent else 0)
        assert len(branch.lasts) <= branch.depth
        assert branch.has_children == any(node.parent == branch.node.envelope.id for node in nodes.values())


def test_a_chain_longer_than_the_stack_keeps_to_one_column():
    nodes = grow([(number - 1 if number else 0, "tell") for number in range(5_000)])
    found = list(branches(nodes))
    assert found[-1].depth == 4_999
    assert {branch.lasts for branch in found} == {()}


def test_a_message_whose_cause_is_not_known_stands_at_the_top():
    nodes = {"m": Node(message("m", cause="gone"), 0.0, "gone")}
    assert [branch.depth for branch in branches(nodes)] == [0]
