"""Work items: what is told of them to those who work on them."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """A work item as a worker sees it before it takes it."""

    item: str
    payload: bytes
    priority: int
    attempts: int


class Claim(NamedTuple):
    """A work item that is somebody's until the lease ends."""

    queue: str
    item: str
    payload: bytes
    token: int
    attempt: int
    """From 1; counted when the item is taken."""
    until: float
    """Unix seconds by the board's clock; where time goes by rounds, a round."""


class Lapse(NamedTuple):
    """A claim whose lease ended unfinished."""

    queue: str
    item: str
    worker: str
    token: int
    dead: bool
    """Whether it was the item's last attempt. If not, the item can be taken again, in its old place."""


class Depth(NamedTuple):
    """How many items of a queue are in which state."""

    ready: int
    taken: int
    dead: int
    done: int
