"""The tree of a conversation: every message below the one whose turn sent it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .conversation import Node


class Branch(NamedTuple):
    """A message at its place in the tree."""

    node: Node
    depth: int
    """How many messages stand above it."""
    lasts: tuple[bool, ...]
    """For each column of the drawing, whether what stands there is the last below its cause."""
    chained: bool
    """Whether it is all that its cause sent, and nobody waits for it. The links of such a chain share a column:
    a drawing as deep as a chain is long could not be read."""
    has_children: bool


def branches(nodes: Mapping[str, Node]) -> Iterator[Branch]:
    """The messages from the root down, causes before what they caused, siblings in order of the journal.

    A message whose cause is not known, because the journal's beginning is missing, stands at the top.
    """
    children: dict[str, list[Node]] = {}
    for node in nodes.values():
        children.setdefault(node.parent if node.parent in nodes else "", []).append(node)
    # A stack, since a chain of messages can be longer than Python's.
    stack = [Branch(root, 0, (), chained=False, has_children=False) for root in reversed(children.get("", []))]
    while stack:
        branch = stack.pop()
        below = children.get(branch.node.envelope.id, [])
        yield branch._replace(has_children=bool(below))
        stack += [_below(branch, child, below) for child in reversed(below)]


def _below(branch: Branch, child: Node, siblings: list[Node]) -> Branch:
    chained = len(siblings) == 1 and child.envelope.mode == "tell"
    lasts = branch.lasts if chained else (*branch.lasts, child is siblings[-1])
    return Branch(child, branch.depth + 1, lasts, chained=chained, has_children=False)
